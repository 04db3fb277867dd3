// Every screen of the visitor's page in two languages and three sizes: it fits, it is readable and touchable, axe finds nothing.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { describe, expect, test } from 'vitest'
import { kiosk, measure, open, SIZES, show, speak } from './browser.ts'
import { SCENES } from './scenes.ts'

const SHOTS = process.env.KIOSK_SHOTS // a folder to put a picture of every screen into

describe.each(SIZES)('at %i × %i', (...size) => {
  test.each(['zh', 'en'] as const)('every screen fits, is readable and touchable, in %s', async (language) => {
    await open(size)
    await speak(language)
    const wrong: string[] = []
    for (const [name, view] of Object.entries(SCENES)) {
      await show(view)
      await speak(language)
      wrong.push(...(await measure()).map((fault) => `${name}: ${fault}`))
      if (SHOTS) await kiosk.page.screenshot({ path: join(SHOTS, `${name}.${language}.${size.join('x')}.png`) })
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
      const { violations } = await new AxeBuilder({ page: kiosk.page }).withTags(INSISTENT).setLegacyMode().analyze()
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
    const over = await kiosk.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    if (over > 0) wrong.push(`${name}: ${over} px`)
    if (SHOTS) await kiosk.page.screenshot({ path: join(SHOTS, `${name}.zh.200.png`), fullPage: true })
  }
  expect(wrong).toEqual([])
})

test('nothing moves for somebody who asked for less motion', async () => {
  await open()
  await show(SCENES.measuring!)
  expect(await kiosk.page.evaluate(() => document.getAnimations().length)).toBe(0)
})

test('every drawing that is used exists', async () => {
  await open()
  const wrong: string[] = []
  for (const [name, view] of Object.entries(SCENES)) {
    await show(view)
    const missing = await kiosk.page.evaluate(async () => {
      const used = [...document.querySelectorAll('use')].map((use) => use.getAttribute('href') ?? '')
      const sheet = await (await fetch(used[0]!)).text()
      return used.filter((href) => !sheet.includes(`id="${href.split('#')[1]}"`))
    })
    wrong.push(...missing.map((href) => `${name}: ${href}`))
  }
  expect(wrong).toEqual([])
})

test('the kiosk.page keeps to its budget: 300 kB of script for one language, 12 kB of style beside the tokens', () => {
  const assets = join(kiosk.folder, 'assets')
  const size = (pattern: RegExp) =>
    readdirSync(assets)
      .filter((name) => pattern.test(name))
      .reduce((sum, name) => sum + statSync(join(assets, name)).size, 0)
  expect(size(/^(index|words\.zh).*\.js$/)).toBeLessThanOrEqual(300 * 1024)
  expect(size(/\.css$/)).toBeLessThanOrEqual(12 * 1024 + 3170)
})
