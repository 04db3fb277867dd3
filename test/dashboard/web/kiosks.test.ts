// What staff see of kiosks and of what cannot be used, in a real browser: damage, gaps by sequence, clones, a word that is
// only the broker's memory (FC-36), reading again from the quarantine, and a line that has gone quiet.
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hear } from '../../../dashboard/server/registry/delivery.ts'
import { addHub } from '../../../dashboard/server/registry/enrol.ts'
import { takeIn } from '../../../dashboard/server/registry/intake.ts'
import { setAsideQuarantine } from '../../../dashboard/server/registry/retention.ts'
import type { Status } from '../../../hub/contract/status.ts'
import { type Opened, open, openBrowser, PHONE, signIn } from './browser.ts'
import { at, cuff, EPOCH, MORNING, status } from './machines.ts'
import { bp } from './village.ts'

const PICTURES = join(import.meta.dirname, '../../output')
let opened: Opened
const say = (said: Status, ms: number, retained = false) =>
  opened.village.registry.transaction().execute((trx) => hear(trx, said, retained, ms))
beforeAll(async () => {
  opened = await openBrowser(3)
  mkdirSync(PICTURES, { recursive: true })
  const { registry } = opened.village
  for (const hub of ['K04', 'K05', 'K06']) await addHub(registry, { id: hub, site: 'east', passwordHash: '-' }, MORNING)
  // K03: its file was put back from before; rows 2 and 3 of what followed have not come, and 4 of an older sequence never will.
  const damage = { cause: 'older', salvaged: 7, destroyed: 3 } as const
  const epochs = [
    { epoch: EPOCH, first: 6, last: 8 },
    { epoch: 'later-epoch', first: 1, last: 3 },
  ]
  await opened.village.into(opened.village.now(), bp('K03', null, MORNING, 128, 80, ['unassigned-no-visit']))
  await registry.deleteFrom('hub_sessions').where('hub', '=', 'K03').execute()
  await say(status('K03', MORNING, { damage, epochs, devices: [cuff('open', null)] }), MORNING)
  // K04: two of one id take turns. K05: only what the broker has kept since February. K06: nobody knows how much is destroyed.
  const [one, two] = [status('K04', MORNING, {}), status('K04', MORNING, {})]
  for (const [i, said] of [one, two, one].entries()) await say({ ...said, at: at(MORNING + i) }, MORNING + i)
  const february = Date.parse('2026-02-20T09:00:00+08:00')
  await say(status('K05', february, {}), MORNING, true)
  await say(status('K06', MORNING, { damage: { cause: 'gone', salvaged: 0, destroyed: null } }), MORNING)
}, 120_000)
afterAll(() => opened.end())

const rowOf = (page: Page, hub: string) => page.locator('.kiosks tr', { hasText: hub })
const kiosks = async (options?: Parameters<Opened['visit']>[0], lang: 'zh' | 'en' = 'zh') => {
  const visit = await opened.visit(options)
  if (lang === 'en') await visit.page.getByRole('button', { name: 'English' }).click()
  await signIn(visit.page)
  await open(visit.page, '#/kiosks')
  await visit.page.locator('.kiosks tbody tr').first().waitFor()
  return visit
}

describe('a kiosk whose store was damaged', () => {
  it.each([
    ['zh', '存储文件出过问题', /被换成了旧的。\s*救回 7 条。\s*还没送出的 3 条已毁/, '毁了多少条还没送出的，不知道'],
    [
      'en',
      'Its store was damaged',
      /replaced by an older one\.\s*7 saved\.\s*3 that had not been sent are destroyed/,
      'is not known',
    ],
  ] as const)('says so in %s, with what was saved and what is destroyed', async (lang, word, told, unknown) => {
    const { page, wrong, context } = await kiosks(undefined, lang)
    expect(await rowOf(page, 'K03').first().innerText()).toContain(word)
    await rowOf(page, 'K03').first().getByRole('button').click()
    const delivery = page.locator('section.panel', { hasText: told })
    await delivery.waitFor()
    await page.screenshot({ path: join(PICTURES, `kiosks-damage-${lang}.png`), fullPage: true })
    await rowOf(page, 'K06').first().getByRole('button').click()
    await page.locator('section.panel', { hasText: unknown }).waitFor()
    expect(wrong).toEqual([])
    await context.close()
  })

  it('says it on a phone too', async () => {
    const { page, context } = await kiosks(PHONE)
    await rowOf(page, 'K03').first().getByRole('button').click()
    await page.getByText('还没送出的 3 条已毁').waitFor()
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
    await page.screenshot({ path: join(PICTURES, 'kiosks-damage-phone.png'), fullPage: true })
    await context.close()
  })
})

it('each numbered sequence of a kiosk stands by itself: how far it came, what lacks and where, what is gone', async () => {
  const { page, context } = await kiosks()
  await rowOf(page, 'K03').first().getByRole('button').click()
  const table = page.locator('section.panel', { hasText: 'K03 的记录' }).locator('tbody tr')
  const rows = (await table.allInnerTexts()).map((row) => row.split(/\s+/).filter(Boolean))
  const stored = (
    await opened.village.registry.selectFrom('coverage').selectAll().where('hub', '=', 'K03').execute()
  ).find(({ epoch }) => epoch === EPOCH)!.to_seq
  // Of the first sequence 6–8 are still there, what lies between them and what came is nowhere.
  expect(rows.find(([epoch]) => epoch === EPOCH)).toEqual([
    EPOCH,
    `${stored}`,
    `${stored}`,
    '6–8',
    '3',
    '6–8',
    `${5 - stored}`,
  ])
  expect(rows.find(([epoch]) => epoch === 'later-ep')).toEqual(['later-ep', '0', '0', '1–3', '3', '1–3', '0'])
  await context.close()
})

it('two machines of one id are told as such, and what to do', async () => {
  const { page, context } = await kiosks()
  const row = rowOf(page, 'K04').first()
  expect(await row.innerText()).toContain('两台机器用同一个编号')
  await page.getByText('请给其中一台重新登记').waitFor()
  await context.close()
})

it('a kiosk that only the broker remembers is out of contact, by its own clock, without a reading (FC-36)', async () => {
  const { page, context } = await kiosks()
  const said = await rowOf(page, 'K05').first().innerText()
  expect(said).toMatch(/没有联系[\s\S]*02-20 09:00 起（按机器自己的时钟）[\s\S]*没有测量/)
  expect(await rowOf(page, 'K05').first().getAttribute('class')).toContain('grave')
  await page.screenshot({ path: join(PICTURES, 'kiosks-all.png'), fullPage: true })
  await context.close()
})

describe('what is in quarantine', () => {
  it('is read again one by one or all at once, and the page says what came of it', async () => {
    const { village } = opened
    const sound = bp('E1', null, MORNING, 131, 81, ['unassigned-no-visit'])
    const refused = (seq: number, record: object) => {
      const body = JSON.stringify(record)
      const at = { hub: 'E1', topic: 'kiosk/v1/E1/records', epoch: 'kept', seq }
      const content = { body, encoding: 'text' as const, bytes: body.length }
      return { ...at, reason: 'unknown-type' as const, detail: 'a kind that was not known then', body: content }
    }
    const two = [
      refused(1, sound),
      refused(2, { ...sound, id: randomUUID(), values: { ...sound.values, systolic: 132 } }),
    ]
    await takeIn(village.registry, { accepted: [], refused: two }, village.now())
    const { page, context } = await opened.visit()
    await signIn(page)
    await open(page, '#/quarantine')
    await page.locator('.row.kept').nth(3).waitFor()
    await page.locator('.row.kept a').first().click()
    const panel = page.getByRole('complementary')
    await panel.getByRole('button', { name: '再读一次' }).waitFor()
    await page.screenshot({ path: join(PICTURES, 'quarantine-retry.png') })
    await panel.getByRole('button', { name: '再读一次' }).click()
    await page
      .getByRole('status')
      .filter({ hasText: /1 条.*1 条/ })
      .waitFor()
    expect(await page.locator('.row.kept').count()).toBe(3)
    await page.getByRole('button', { name: '全部再读' }).click()
    await page.locator('.row.kept').nth(2).waitFor({ state: 'detached' })
    await page.getByRole('button', { name: '全部再读' }).click() // what is left is as unreadable as before
    await page.getByRole('status').filter({ hasText: '还是' }).waitFor()
    expect(await page.locator('.row.kept').count()).toBe(2)
    const kept = await village.registry.selectFrom('observations').select('id').where('id', '=', sound.id).execute()
    expect(kept).toHaveLength(1)
    await context.close()
  })

  it('and older than the site keeps it says which file has its content, instead of an empty one', async () => {
    const { registry, now } = opened.village
    const aside = (await setAsideQuarantine(registry, now() + 1, now()))!
    const { page, context } = await opened.visit()
    await signIn(page)
    await open(page, '#/quarantine')
    await page.locator('.row.kept', { hasText: aside.file }).locator('a').first().click()
    const panel = page.getByRole('complementary')
    await panel.getByText(aside.file).waitFor()
    await panel.getByRole('button', { name: '打开原文' }).click()
    await panel.getByText('移到上面写明的文件里').waitFor()
    expect(await panel.getByRole('textbox').count()).toBe(0)
    await context.close()
  })
})

it('a line that has said nothing for a minute is told in the bar, with how old the data are, until it speaks again', async () => {
  const { page, context } = await opened.visit()
  await page.clock.install({ time: new Date() })
  await page.reload()
  await signIn(page)
  await page.locator('.bar .fresh:not(.stale):not(.lost)', { hasText: '数据到' }).waitFor()
  await page.route('**/api/**', () => undefined) // asked, nobody ever answers
  opened.village.app.server.closeAllConnections()
  await page.clock.fastForward(70_000)
  await page.locator('.bar .fresh.stale').waitFor()
  await page.screenshot({ path: join(PICTURES, 'stale.png') })
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  await page.clock.fastForward(30_000)
  await page.locator('.bar .fresh:not(.stale):not(.lost)').waitFor()
  await context.close()
})
