// The doctor's page in a real browser on the real API: complete, live, honest about its age, and usable by everybody.
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { person } from '../api/clinic.ts'
import { DESK, nobody, type Opened, open, openBrowser, openJia, PHONE, signIn } from './browser.ts'
import { bp } from './village.ts'

let opened: Opened
beforeAll(async () => {
  opened = await openBrowser()
}, 120_000)
afterAll(() => opened.end())

const PLACES = ['#/residents', '#/unassigned', '#/kiosks', '#/quarantine']
const sideways = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)

async function faultsOf(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  return grave.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`)
}

describe.each([
  ['at a desk', DESK],
  ['on a phone', PHONE],
])('the doctor’s page %s', (_where, options) => {
  it.each(['zh', 'en'])(
    'in %s breaks no policy, logs no error, has no grave fault and nothing sideways',
    async (lang) => {
      const { page, wrong, context } = await opened.visit(options)
      if (lang === 'en') await page.getByRole('button', { name: 'English' }).click()
      expect(await faultsOf(page)).toEqual([])
      await signIn(page)
      for (const place of PLACES) {
        await open(page, place)
        await page.locator('main .row, main .data').first().waitFor()
        expect(await faultsOf(page), place).toEqual([])
        expect(await sideways(page), place).toBeLessThanOrEqual(0)
      }
      await open(page, '#/residents')
      await openJia(page)
      expect(await faultsOf(page)).toEqual([])
      expect(await sideways(page)).toBeLessThanOrEqual(0)
      expect(await page.evaluate(() => document.documentElement.lang)).toBe(lang === 'zh' ? 'zh-CN' : 'en')
      expect(await page.locator('h1 [lang="zh-CN"]').innerText()).toBe('测试·甲')
      await page.reload()
      await page.locator('.facts').waitFor()
      expect(await page.evaluate(() => document.documentElement.lang)).toBe(lang === 'zh' ? 'zh-CN' : 'en')
      expect(wrong).toEqual([])
      await context.close()
    },
    90_000,
  )
})

describe('the doctor’s page', () => {
  it('shows a new reading of a new person without reload', async () => {
    const { village } = opened
    const { page, context } = await opened.visit()
    await signIn(page)
    const who = person(900, { name: '测试·新来' })
    const visit = await village.comes('E1', who, village.now())
    await village.into(village.now(), bp('E1', visit, village.now(), 133, 71))
    const row = page.locator('.row.person', { hasText: '测试·新来' })
    await row.getByText('133/71').waitFor()
    await row.locator('a').click()
    await page.locator('.facts', { hasText: '133/71' }).waitFor()
    await village.into(village.now(), bp('E1', visit, village.now(), 135, 73))
    await page.locator('.facts', { hasText: '135/73' }).waitFor()
    await page.locator('.data', { hasText: '134/72' }).first().waitFor()
    await context.close()
  })

  it('reaches every resident, fifty at a time, each once, and says how many there are', async () => {
    const { page, context } = await opened.visit()
    await signIn(page)
    const total = Number.parseInt(await page.locator('h1').innerText(), 10)
    expect(total).toBeGreaterThan(50)
    expect(await page.locator('.more').innerText()).toContain(String(total))
    await page.locator('.more button').click()
    await page.locator('.more').waitFor({ state: 'detached' })
    const names = await page.locator('.row.person .fine .masked').allInnerTexts()
    expect(new Set(names).size).toBe(total)
    expect(names).toHaveLength(total)
    await context.close()
  })

  it('keeps what it shows and says so when the clinic does not answer, and heals', async () => {
    const { page, context } = await opened.visit()
    await signIn(page)
    await openJia(page)
    await page.route('**/api/**', (route) => route.abort())
    opened.village.app.server.closeAllConnections()
    await page.locator('.bar .fresh.lost', { hasText: '刷新不了' }).waitFor()
    expect(await page.locator('.facts').innerText()).toContain('182/108')
    await page.unroute('**/api/**')
    await page.getByRole('button', { name: '再试' }).click()
    await page.locator('.bar .fresh:not(.lost)', { hasText: '数据到' }).waitFor()
    await context.close()
  })

  it('names the fault when only the series is away, and takes it back when the readings come again', async () => {
    const { page, context } = await opened.visit()
    await signIn(page)
    const away = JSON.stringify({ error: 'series-away', message: 'The time series does not answer.' })
    await page.route('**/observations?**', (route) =>
      route.fulfill({ status: 503, contentType: 'application/json', body: away }),
    )
    await page.locator('search input').first().fill('甲')
    await page.locator('.row.person', { hasText: '测试·甲' }).locator('a').click()
    await page.locator('.bar .fresh.lost', { hasText: '数据库' }).waitFor()
    await page.unroute('**/observations?**')
    await page.locator('.bar .fresh:not(.lost)').waitFor()
    await page.locator('.data tbody tr').nth(7).waitFor()
    await context.close()
  })

  it('says that a kiosk is out of contact beside the values that may be old because of it', async () => {
    const { page, context } = await opened.visit()
    await signIn(page)
    await page.locator('search input').first().fill('己')
    await page.locator('.row.person', { hasText: 'K02 没有联系' }).first().waitFor()
    await open(page, '#/kiosks')
    const grave = page.locator('.kiosks tr.grave', { hasText: 'K02' }).first()
    expect(await grave.innerText()).toMatch(
      /没有联系[\s\S]*昨天 17:20[\s\S]*昨天 08:\d\d[\s\S]*至少 6 条[\s\S]*4 条未到/,
    )
    await context.close()
  })

  it('walks the charts by keyboard, reads each mark aloud and gives HI no number', async () => {
    const { page, context } = await opened.visit()
    await signIn(page)
    await openJia(page)
    const [pressure, glucose] = await page.getByRole('slider').all()
    expect(await pressure?.getAttribute('aria-label')).toMatch(/^血压，.*18 次到访，最近 184\/110 mmHg$/)
    await pressure?.focus()
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowRight')
    expect(await pressure?.getAttribute('aria-valuetext')).toContain('148/87 mmHg')
    await page.getByRole('tooltip').waitFor()
    await page.keyboard.press('Escape')
    expect(await page.getByRole('tooltip').count()).toBe(0)
    await glucose?.focus()
    await page.keyboard.press('End')
    await page.keyboard.press('ArrowLeft')
    const said = await glucose?.getAttribute('aria-valuetext')
    expect(said).toContain('HI，高于仪器上限')
    expect(said).not.toMatch(/HI.*\d+(\.\d+)? mmol/)
    // One bar a visit: the two with a single reading are hollow.
    const bars = page.locator('.canvas').first()
    expect(await bars.locator('path[fill="var(--bar)"]').count()).toBe(16)
    expect(await bars.locator('path[stroke-dasharray][fill="var(--card)"]').count()).toBe(2)
    await page.keyboard.press('t')
    expect(await page.getByRole('slider').count()).toBe(0)
    expect(await page.locator('.data').first().locator('tbody tr').count()).toBe(18)
    await context.close()
  })

  it('gives an unassigned reading to a person only with a reason, and shows the result', async () => {
    const before = await nobody(opened.village)
    const { page, context } = await opened.visit()
    await signIn(page)
    await open(page, '#/unassigned')
    const panel = page.getByRole('complementary')
    await panel
      .getByRole('button', { name: /^归给 / })
      .first()
      .click()
    await panel.getByRole('button', { name: '归给此人' }).click()
    await panel.getByText('请选一个理由').waitFor()
    expect((await nobody(opened.village)).total).toBe(before.total)
    // A newcomer at the top of the list changes nothing under the hand.
    await opened.village.into(
      opened.village.now(),
      bp('K03', null, opened.village.now(), 141, 91, ['unassigned-no-visit']),
    )
    await page.locator('.row.nobody', { hasText: '141/91' }).waitFor()
    await panel.getByLabel('本人当面确认').check()
    await panel.getByRole('button', { name: '归给此人' }).click()
    await panel.getByText('理由：本人当面确认').waitFor()
    const after = await nobody(opened.village)
    expect(after.items.map((reading) => reading.id)).not.toContain(before.items[0]?.id)
    expect(after.total).toBe(before.total)
    await context.close()
  })

  it('is found and walked by single keys, which can be switched off', async () => {
    const { page, context } = await opened.visit()
    await signIn(page)
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    const second = await page.locator('.row.person a').nth(1).innerText()
    await page.locator('aside h2', { hasText: second }).waitFor()
    await page.keyboard.press('/')
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('INPUT')
    await page.locator('.me').click()
    await page.getByRole('menuitem', { name: /关闭单键/ }).click()
    await page.locator('h1').focus()
    await page.keyboard.press('/')
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('H1')
    await context.close()
  })

  it('names the site’s zone when the reader’s clock shows another', async () => {
    const { page, context } = await opened.visit({ ...DESK, timezoneId: 'Europe/Berlin' })
    await signIn(page)
    await page.locator('.fresh', { hasText: /数据到 \d\d:\d\d UTC\+8/ }).waitFor()
    await openJia(page)
    expect(await page.locator('.data').first().innerText()).toContain('11-25 09:12')
    await context.close()
  })

  it('offers 44 px to a finger and stays in its width at 200 %', async () => {
    const { page, context } = await opened.visit(PHONE)
    await signIn(page)
    for (const place of PLACES) {
      await open(page, place)
      await page.locator('main .row, main .data').first().waitFor()
      const small = await page.evaluate(() =>
        [...document.querySelectorAll<HTMLElement>('button, a, input:not([type=radio])')]
          .filter((one) => one.offsetParent !== null && !one.matches('.skip, .row a, search button'))
          .filter((one) => one.getBoundingClientRect().height < 43.5)
          .map((one) => one.outerHTML.slice(0, 120)),
      )
      expect(small, place).toEqual([])
    }
    await context.close()
    const twice = await opened.visit({ viewport: { width: 720, height: 450 }, deviceScaleFactor: 2 })
    await signIn(twice.page)
    await openJia(twice.page)
    expect(await sideways(twice.page)).toBeLessThanOrEqual(0)
    await twice.context.close()
  })

  it('shows none of the library’s blue, by day or by night', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, context } = await opened.visit({ ...DESK, colorScheme })
      await signIn(page)
      await openJia(page)
      const blue = await page.evaluate(() =>
        [...document.querySelectorAll('*')].flatMap((one) => {
          const { color, backgroundColor, borderTopColor, outlineColor } = getComputedStyle(one)
          const used = [color, backgroundColor, borderTopColor, outlineColor]
          return used.some((c) => /rgb\((34, 139, 230|28, 126, 214|25, 113, 194)\)/.test(c)) ? [one.className] : []
        }),
      )
      expect(blue).toEqual([])
      expect(await page.evaluate(() => document.documentElement.dataset.scheme)).toBe(colorScheme)
      await context.close()
    }
  })

  it('refuses wrong credentials in words and keeps what was typed', async () => {
    const { page, context } = await opened.visit()
    await page.locator('input[name=user]').fill('ding')
    await page.locator('input[name=password]').fill('wrong')
    await page.locator('button[type=submit]').click()
    await page.getByRole('alert').getByText('用户名或密码不对').waitFor()
    expect(await page.locator('input[name=user]').inputValue()).toBe('ding')
    await context.close()
  })
})
