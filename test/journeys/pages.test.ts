// Both pages of a running house in a real browser: what the cuff says stands on the kiosk's screen and, without reload, on the doctor's page.
import { AxeBuilder } from '@axe-core/playwright'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { person } from '../../simulators/people.ts'
import { type House, house, PASSWORD } from './house.ts'

const who = person(5, 0)
let there: House
let browser: Browser
let doctor: Page
let kiosk: Page
/** Console errors and policy violations of either page. */
const wrong: string[] = []

async function openPage(context: BrowserContext, url: string) {
  const page = await context.newPage()
  page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
  page.on('pageerror', (error) => wrong.push(error.message))
  await page.goto(url)
  return page
}

const seriousFaults = async (page: Page) =>
  (await new AxeBuilder({ page }).analyze()).violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)

beforeAll(async () => {
  there = await house({
    parts: 'embedded',
    devices: { reader: 'sdt-samv', cuff: 'and-tm2657' },
    measuringSeconds: { min: 0.5, max: 1 },
  })
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
  const zone = { timezoneId: 'Asia/Shanghai', locale: 'zh-CN' }
  const desk = await browser.newContext({ ...zone, viewport: { width: 1440, height: 900 } })
  const screen = await browser.newContext({ ...zone, viewport: { width: 1080, height: 1920 } })
  doctor = await openPage(desk, there.clinic.ready.url)
  kiosk = await openPage(screen, there.hub.ready.url)
}, 60_000)

afterAll(async () => {
  await browser?.close()
  await there?.close()
})

describe('a visit, seen by both', () => {
  it('begins with a doctor who signs in and sees that nobody has come yet', async () => {
    await doctor.locator('input[name=user]').fill('doctor')
    await doctor.locator('input[name=password]').fill(PASSWORD)
    await doctor.locator('button[type=submit]').click()
    await doctor.locator('h1').waitFor()
    expect(await doctor.locator('.row.person').count()).toBe(0)
  })

  it('shows the visitor who it is for, masked, and never in full', async () => {
    await there.screen.until('both devices', (view) => view.devices.every(({ state }) => state === 'open'), 20_000)
    await there.devices.reader!.say({ card: who })
    await kiosk.getByText(who.number.slice(-4)).first().waitFor()
    const text = await kiosk.locator('body').innerText()
    expect(text).not.toContain(who.number)
    expect(text).not.toContain(who.name)
  })

  it('shows the result in large type with its unit, and on the doctor’s page without reload', async () => {
    await there.devices.cuff!.say({ measure: { systolic: 127, diastolic: 76, pulse: 78, seconds: 1 }, after: 1200 })
    const figure = kiosk.getByText('127', { exact: true }).first()
    await figure.waitFor()
    expect(await figure.evaluate((node) => Number.parseFloat(getComputedStyle(node).fontSize))).toBeGreaterThan(96)
    expect(await kiosk.locator('body').innerText()).toContain('mmHg')
    const row = doctor.locator('.row.person', { hasText: who.name })
    await row.getByText('127/76').first().waitFor()
    expect(await row.innerText()).toContain('mmHg')
  })

  it('has no serious fault of access in Chinese or in English', async () => {
    expect(await seriousFaults(kiosk)).toEqual([])
    expect(await seriousFaults(doctor)).toEqual([])
    for (const page of [kiosk, doctor]) await page.getByText('English', { exact: true }).first().click()
    await kiosk.locator('html[lang=en]').waitFor()
    await doctor.locator('html[lang=en]').waitFor()
    expect(await seriousFaults(kiosk)).toEqual([])
    expect(await seriousFaults(doctor)).toEqual([])
  })

  it('leaves nothing on the kiosk’s screen when the visitor has left', async () => {
    await there.screen.press({ do: 'leave' })
    await there.screen.until('nobody', (view) => view.visit === null, 15_000)
    await kiosk.getByText('127', { exact: true }).first().waitFor({ state: 'detached' })
    const html = await kiosk.content()
    for (const trace of [who.number.slice(-4), '127', '76']) expect(html).not.toContain(`>${trace}<`)
  })

  it('makes neither browser complain', () => {
    expect(wrong).toEqual([])
  })
})
