// The visitor's page in a real browser, built as it ships and served by the real server, showing what a test tells it.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { screen } from '../../../hub/screen/server.ts'
import type { View } from '../../../hub/screen/view.ts'
import { base, scripted } from './scenes.ts'

export const SIZES = [
  [1080, 1920],
  [1920, 1080],
  [1024, 768],
] as const

export const log = { info: () => undefined, warn: () => undefined }
export const source = scripted(base)
/** What the browser complained about; empty at the end of each test. */
export const faults: string[] = []
/** The page of the running test, and the folder it was built into. */
export const kiosk = {} as { page: Page; folder: string }

const stop = new AbortController()
let browser: Browser
let url: string
let closed: Promise<void>

beforeAll(async () => {
  kiosk.folder = mkdtempSync(join(tmpdir(), 'visitor-page-'))
  const build = ['vite', 'build', '--mode', 'visitor', '--logLevel', 'error', '--outDir', kiosk.folder, '--emptyOutDir']
  const env = { ...process.env, NODE_ENV: 'production' }
  await promisify(execFile)('npx', build, { cwd: resolve(import.meta.dirname, '../../..'), env })
  const aside = 'http://127.0.0.1:9/panel'
  const metrics = { text: async () => 'figures\n', contentType: 'text/plain', token: null }
  const options = { host: '127.0.0.1', port: 0, log, metrics, webRoot: kiosk.folder, aside }
  ;({ url, closed } = await screen(source, options, stop.signal))
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
})

afterAll(async () => {
  await browser?.close()
  stop.abort()
  await closed
  rmSync(kiosk.folder, { recursive: true, force: true })
})

beforeEach(() => {
  source.show(base)
  source.done.length = 0
  faults.length = 0
})

afterEach(async () => {
  await kiosk.page?.context().close()
  expect(faults).toEqual([])
})

export async function open(
  size: readonly [number, number] = [1024, 768],
  more: BrowserContextOptions = {},
  address = url,
) {
  const [width, height] = size
  const context = await browser.newContext({ viewport: { width, height }, reducedMotion: 'reduce', ...more })
  const page = await context.newPage()
  kiosk.page = page
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
  await page.goto(address)
  await page.locator('.keys').waitFor()
}

/** Touches the language key until the page stays in the wanted language: the end of a visit sets it back. */
export const speak = (language: 'zh' | 'en') =>
  kiosk.page.evaluate(async (wanted) => {
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
export async function show(view: View) {
  source.show(view)
  await kiosk.page.waitForFunction((sent) => document.documentElement.dataset.latest === sent, JSON.stringify(view))
  await kiosk.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))
}

/** What breaks the rules of the house: overflow, text below 28 px, targets below 60 px. */
export const measure = () =>
  kiosk.page.evaluate(() => {
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
