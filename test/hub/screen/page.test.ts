// The visitor's page as a browser shows it: every screen in two languages and three sizes, against the real server.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { screen } from '../../../hub/screen/server.ts'
import { base, SCENES, scripted } from './scenes.ts'

const SIZES = [
  [1080, 1920],
  [1920, 1080],
  [1024, 768],
] as const
const SHOTS = process.env.KIOSK_SHOTS // a folder to put a picture of every screen into

const log = { info: () => undefined, warn: () => undefined }
const source = scripted(base)
const stop = new AbortController()
let folder: string
let browser: Browser
let page: Page
let url: string
let closed: Promise<void>
let faults: string[]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'visitor-page-'))
  const configFile = resolve(import.meta.dirname, '../../../vite.config.ts')
  await build({ configFile, mode: 'visitor', logLevel: 'error', build: { outDir: folder } })
  const aside = 'http://127.0.0.1:9/panel'
  ;({ url, closed } = await screen(source, { host: '127.0.0.1', port: 0, log, webRoot: folder, aside }, stop.signal))
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
})

afterAll(async () => {
  await browser?.close()
  stop.abort()
  await closed
  rmSync(folder, { recursive: true, force: true })
})

beforeEach(() => {
  source.show(base)
  source.done.length = 0
  faults = []
})

afterEach(async () => {
  await page?.context().close()
  expect(faults).toEqual([])
})

async function open(size: readonly [number, number] = [1024, 768], more: { deviceScaleFactor?: number } = {}) {
  const [width, height] = size
  const context = await browser.newContext({ viewport: { width, height }, reducedMotion: 'reduce', ...more })
  page = await context.newPage()
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text())
  })
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => reportError(`CSP: ${event.violatedDirective}`))
    // So that a test can wait until a view has come.
    class Watched extends EventSource {
      constructor(address: string) {
        super(address)
        this.addEventListener('message', ({ data }) => {
          document.documentElement.dataset.latest = data
        })
      }
    }
    Object.assign(window, { EventSource: Watched })
  })
  await page.goto(url)
  await page.locator('main').waitFor()
}

/** Touches the language key until the page stays in the wanted language: the end of a visit sets it back. */
const speak = (language: 'zh' | 'en') =>
  page.evaluate(async (wanted) => {
    for (let still = 0; still < 5; still++) {
      if (document.documentElement.lang.slice(0, 2) !== wanted) {
        document.querySelector<HTMLButtonElement>('.keys button')?.click()
        for (let frame = 0; frame < 5; frame++) await new Promise(requestAnimationFrame)
        still = 0
      }
      await new Promise(requestAnimationFrame)
    }
  }, language)

/** Shows a view and waits until the page has drawn it. */
async function show(view: typeof base) {
  source.show(view)
  await page.waitForFunction((sent) => document.documentElement.dataset.latest === sent, JSON.stringify(view))
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))
}

/** What breaks the rules of the house: overflow, text below 28 px, targets below 60 px. */
const measure = () =>
  page.evaluate(() => {
    const root = document.documentElement
    const wrong: string[] = []
    const over = [root.scrollHeight - innerHeight, root.scrollWidth - innerWidth]
    if (over[0]! > 0 || over[1]! > 0) wrong.push(`overflows by ${over[1]} × ${over[0]}`)
    for (const element of document.querySelectorAll<HTMLElement>('.page *')) {
      if (element.closest('svg')) continue
      const box = element.getBoundingClientRect()
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim())
      const size = Number.parseFloat(getComputedStyle(element).fontSize)
      const text = element.textContent?.slice(0, 20)
      if (own && size > 0 && size < 28) wrong.push(`text of ${size} px: ${text}`)
      if (element.tagName === 'BUTTON' && (box.width < 60 || box.height < 60))
        wrong.push(`target ${box.width} × ${box.height}: ${text}`)
      if (
        own &&
        size > 0 &&
        element.scrollWidth > element.clientWidth + 1 &&
        getComputedStyle(element).display !== 'inline'
      )
        wrong.push(`text wider than its place: ${text}`)
      if (box.right > innerWidth + 1 || box.bottom > innerHeight + 1)
        wrong.push(`outside the screen: ${element.className || element.tagName} ${text}`)
    }
    return wrong
  })

describe.each(SIZES)('at %i × %i', (...size) => {
  test.each(['zh', 'en'] as const)('every screen fits, is readable and touchable, in %s', async (language) => {
    await open(size)
    await speak(language)
    const wrong: string[] = []
    for (const [name, view] of Object.entries(SCENES)) {
      await show(view)
      await speak(language)
      wrong.push(...(await measure()).map((fault) => `${name}: ${fault}`))
      if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.${language}.${size.join('x')}.png`) })
    }
    expect(wrong).toEqual([])
  })
})
