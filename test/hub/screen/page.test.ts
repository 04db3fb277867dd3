// The visitor's page as a browser shows it: every screen in two languages and three sizes, against the real server.
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { AxeBuilder } from '@axe-core/playwright'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { screen } from '../../../hub/screen/server.ts'
import { base, cuff, glucose, pressure, reader, SCENES, scripted, visit } from './scenes.ts'

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
  const env = { ...process.env, NODE_ENV: 'production' }
  const build = ['vite', 'build', '--mode', 'visitor', '--logLevel', 'error', '--outDir', folder, '--emptyOutDir']
  await promisify(execFile)('npx', build, { cwd: resolve(import.meta.dirname, '../../..'), env })
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

async function open(size: readonly [number, number] = [1024, 768], more: BrowserContextOptions = {}) {
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

const INSISTENT = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'wcag2aaa', 'best-practice']

test.each([
  ['zh', SIZES[0]],
  ['en', SIZES[2]],
] as const)(
  'axe finds nothing on any screen, AAA contrast included, in %s',
  { timeout: 120_000 },
  async (language, size) => {
    await open(size)
    const wrong: string[] = []
    for (const [name, view] of Object.entries(SCENES)) {
      await show(view)
      await speak(language)
      const { violations } = await new AxeBuilder({ page }).withTags(INSISTENT).setLegacyMode().analyze()
      for (const { id, nodes } of violations)
        wrong.push(`${name}: ${id} at ${nodes.map((node) => node.html.slice(0, 80)).join(' | ')}`)
    }
    expect(wrong).toEqual([])
  },
)

test('at 200 % every screen is one column that scrolls, and nothing is cut off sideways', async () => {
  await open([540, 960], { deviceScaleFactor: 2 })
  const wrong: string[] = []
  for (const [name, view] of Object.entries(SCENES)) {
    await show(view)
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    if (over > 0) wrong.push(`${name}: ${over} px`)
    if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.zh.200.png`), fullPage: true })
  }
  expect(wrong).toEqual([])
})

test('nothing moves for somebody who asked for less motion', async () => {
  await open()
  await show(SCENES.measuring!)
  expect(await page.evaluate(() => document.getAnimations().length)).toBe(0)
})

test('a failure shows no number at all, in either language, also when results came before it (FC-02)', async () => {
  await open()
  const failed = visit({
    step: 'failure',
    failure: { of: 'blood-pressure', code: '2047', reason: 'not-determined' },
    results: [pressure(146, 88)],
  })
  await show({ ...base, visit: failed })
  for (const language of ['zh', 'en'] as const) {
    await speak(language)
    expect(await page.locator('main').textContent()).not.toMatch(/\d/)
  }
  await expect(page.locator('h1').textContent()).resolves.toBe('No reading this time')
})

test('HI and LO stand as words, without digits and without a unit, and say what to do (FC-06)', async () => {
  await open()
  const values = () => page.locator('dl').textContent()
  await show({ ...base, visit: visit({ step: 'result', results: [glucose(null, 'mg/dL', null, { range: 'above' })] }) })
  expect(await values()).toBe('血糖HI')
  expect(await page.locator('main').textContent()).toContain('请今天就看医生')
  await show({
    ...base,
    visit: visit({ step: 'result', results: [glucose(null, 'mmol/L', null, { range: 'below' })] }),
  })
  expect(await values()).toBe('血糖LO')
  expect(await page.locator('main').textContent()).toContain('血糖很低')
})

test('glucose is shown in mmol/L with one decimal, with the figure the meter sent beside it', async () => {
  await open()
  await show({ ...base, visit: visit({ step: 'result', results: [glucose(126, 'mg/dL', 'fasting')] }) })
  expect(await page.locator('dl').textContent()).toBe('血糖mmol/L7.0')
  expect(await page.locator('.facts').textContent()).toContain('126 mg/dL')
})

test('a reading that is nobody’s shows no number, and says that staff will find out', async () => {
  await open()
  await show(SCENES['result-not-yours']!)
  const text = await page.locator('main').textContent()
  expect(text).not.toMatch(/\d/)
  expect(text).toContain('工作人员会查清')
})

test('the time of a reading is the site’s, whatever the zone of the machine', async () => {
  await open([1024, 768], { timezoneId: 'America/Los_Angeles' })
  const yesterday = pressure(118, 76, { takenAt: '2026-03-02T00:15:00Z' })
  await show({ ...base, visit: visit({ step: 'result', results: [yesterday] }) })
  expect(await page.locator('.facts').textContent()).toMatch(/03-02 08:15 测量/)
})

test('live cuff pressure says that it is no result, and only stands where the device tells it', async () => {
  await open()
  await show(SCENES.measuring!)
  expect(await page.locator('.live').textContent()).toMatch(/128 mmHg.*这还不是结果/)
  await show(SCENES['measuring-untold']!)
  expect(await page.locator('.live').textContent()).not.toMatch(/\d/)
})

test('when the visit ends, neither name nor number nor value is left in the page', async () => {
  await open()
  await show(SCENES.result!)
  await speak('en')
  await show(SCENES.goodbye!)
  const html = () => page.evaluate(() => (document.body.innerHTML + document.title).replaceAll(/ d="[^"]*"/g, ''))
  for (const secret of ['测＊·甲', '119999', '0099', '146', '88']) expect(await html()).not.toContain(secret)
  await show(base)
  await page.waitForFunction(() => document.documentElement.lang === 'zh-CN')
  for (const secret of ['测＊·甲', '119999', '0099', '146', '88']) expect(await html()).not.toContain(secret)
})

test('each key tells the hub what it says, and nothing else', async () => {
  await open()
  const touch = async (view: typeof base, ...names: (string | RegExp)[]) => {
    source.done.length = 0
    await show(view)
    for (const name of names) await page.getByRole('button', { name }).click()
    await expect.poll(() => source.done.length).toBeGreaterThan(0)
    return [...source.done]
  }
  expect(await touch(base, /不用卡/)).toEqual([{ do: 'guest' }])
  expect(await touch(SCENES.choose!, /血压/, '绑好了，开始')).toEqual([{ do: 'start', device: 'cuff' }])
  expect(await touch(SCENES.measuring!, '停止测量')).toEqual([{ do: 'stop', device: 'cuff' }])
  expect(await touch(SCENES['failure-cuff']!, '再来一次')).toEqual([{ do: 'again' }])
  expect(await touch(SCENES.result!, '完成')).toEqual([{ do: 'leave' }])
  expect(await touch(SCENES.idle!, '我还在')).toEqual([{ do: 'stay' }])
  await show(SCENES.severe!)
  source.done.length = 0
  await page.getByRole('button', { name: '完成' }).click()
  await page.getByRole('dialog').getByRole('button', { name: '留下' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(source.done).toEqual([])
  await page.getByRole('button', { name: '完成' }).click()
  await page.getByRole('dialog').getByRole('button', { name: '离开' }).click()
  await expect.poll(() => source.done).toEqual([{ do: 'leave' }])
  source.done.length = 0
  await show(SCENES.measuring!)
  await page.locator('main.measuring').waitFor()
  await page.getByRole('button', { name: '离开' }).click()
  await expect.poll(() => source.done).toEqual([{ do: 'stop', device: 'cuff' }, { do: 'leave' }])
})

test('a screen does not change under a finger: a view waits until 400 ms after the last touch', async () => {
  await open()
  await page.evaluate(() => {
    dispatchEvent(new PointerEvent('pointerdown'))
    const touched = performance.now()
    new MutationObserver(() => {
      document.documentElement.dataset.waited ??= String(performance.now() - touched)
    }).observe(document.getElementById('page')!, { subtree: true, childList: true })
  })
  source.show({ ...base, visit: visit() })
  await page.locator('.band').waitFor()
  const waited = await page.evaluate(() => Number(document.documentElement.dataset.waited))
  expect(waited).toBeGreaterThanOrEqual(390)
})

test('the panel beside the page opens where there is room, is folded where there is none, and leaves the keys free', async () => {
  const aside = { ...base, aside: 'about:blank' }
  await open(SIZES[1])
  await show(aside)
  await page.locator('iframe.panel').waitFor()
  expect(await measure()).toEqual([])
  await page.getByRole('button', { name: '收起面板' }).click()
  expect(await page.locator('iframe').count()).toBe(0)
  await page.context().close()
  await open(SIZES[2])
  await show({ ...aside, notice: SCENES['welcome-demo']!.notice, visit: SCENES.result!.visit })
  expect(await page.locator('iframe').count()).toBe(0)
  expect(await measure()).toEqual([])
  await page.getByRole('button', { name: '操作面板' }).click()
  const [panel, leave] = [
    await page.locator('iframe').boundingBox(),
    await page.getByRole('button', { name: '离开' }).boundingBox(),
  ]
  expect(panel!.y + panel!.height).toBeLessThanOrEqual(leave!.y)
})

test('an instrument that is lost while it measures is named, with what to do', async () => {
  await open()
  const lost = { ...cuff, state: 'lost', cause: 'gone' } as const
  await show({ ...base, devices: [reader, lost], visit: visit({ step: 'measuring', device: 'cuff', pressure: 90 }) })
  const text = await page.locator('main').textContent()
  expect(text).toContain('血压计没有连上')
  expect(text).not.toMatch(/\d/)
})

test('every drawing that is used exists', async () => {
  await open()
  const wrong: string[] = []
  for (const [name, view] of Object.entries(SCENES)) {
    await show(view)
    const missing = await page.evaluate(async () => {
      const used = [...document.querySelectorAll('use')].map((use) => use.getAttribute('href') ?? '')
      const sheet = await (await fetch(used[0]!)).text()
      return used.filter((href) => !sheet.includes(`id="${href.split('#')[1]}"`))
    })
    wrong.push(...missing.map((href) => `${name}: ${href}`))
  }
  expect(wrong).toEqual([])
})

test('the page keeps to its budget: 300 kB of script for one language, 12 kB of style beside the tokens', () => {
  const assets = join(folder, 'assets')
  const size = (pattern: RegExp) =>
    readdirSync(assets)
      .filter((name) => pattern.test(name))
      .reduce((sum, name) => sum + statSync(join(assets, name)).size, 0)
  expect(size(/^(index|words\.zh).*\.js$/)).toBeLessThanOrEqual(300 * 1024)
  expect(size(/\.css$/)).toBeLessThanOrEqual(12 * 1024 + 3170)
})
