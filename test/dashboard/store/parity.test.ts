// Every question of the store to both stores at once, on one registry's answer to what happened: equal answers at midnight,
// on a leap day, across a change of the clock, for equal times, HI and LO, late, retracted and erased readings (FC-44).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { periods, type Step, startOf } from '../../../dashboard/server/api/calendar.ts'
import { openInfluxStore } from '../../../dashboard/server/store/influx.ts'
import { openSqliteStore } from '../../../dashboard/server/store/sqlite.ts'
import { KINDS, type Point, type Store } from '../../../dashboard/server/store/store.ts'
import { influxd, type Server } from '../../servers.ts'
import { makeGlucose, makePoint, subject } from './contract.ts'

const folder = mkdtempSync(join(tmpdir(), 'parity-'))
let server: Server
let stores: Store[]
beforeAll(async () => {
  server = await influxd(join(folder, 'influx'))
  await server.start()
  stores = [
    openSqliteStore(join(folder, 'series.sqlite')),
    openInfluxStore({ host: '127.0.0.1', port: server.port, database: 'parity' }),
  ]
})
afterAll(async () => {
  for (const store of stores) await store.close()
  await server.end()
  rmSync(folder, { recursive: true })
})

/** What every store says, which must be one. */
async function both<T>(ask: (store: Store) => Promise<T>): Promise<T> {
  const [one, two] = await Promise.all(stores.map(ask))
  expect(two).toEqual(one)
  return one!
}

let n = 0
let written = 0
const pressureAt = (time: string, systolic: number, changed: Partial<Point> = {}) =>
  makePoint(++n, {
    takenAtMs: Date.parse(time),
    numbers: { systolic, diastolic: 76, ...(n % 2 ? { pulse: 70 + (n % 9) / 7 } : {}) },
    ...changed,
  })
const glucoseAt = (time: string, value: number | null, changed: Partial<Point> = {}) =>
  makeGlucose(++n, value, { takenAtMs: Date.parse(time), range: value === null ? 'above' : null, ...changed })
const write = (...points: Point[]) => {
  written++
  return both((store) => store.write(points, { id: `b${written}`, atMs: written }))
}

interface Asked {
  zone: string
  step: Step
  from: string
  to: string
  subjects?: string[]
  without?: string[]
}

/** Readings by the day, week or month they begin with. */
async function counts(kind: 'blood-pressure' | 'glucose', asked: Asked) {
  const within = periods(asked)
  const { subjects = [subject(1)], without = [] } = asked
  const unit = kind === 'glucose' ? 'mmol/L' : 'mm[Hg]'
  const ranges = within.map(({ range }) => range)
  const told = await both((store) => store.rollup({ kind, unit, subjects, places: [], ranges, without }))
  return told.map(({ readings }, i) => [within[i]!.from, readings])
}

describe('both stores agree', () => {
  test('that a day begins at midnight of the site, in the list and in the figures alike (FC-44)', async () => {
    const times = [
      '2026-03-02T07:50+08:00',
      '2026-03-02T08:10+08:00',
      '2026-03-02T23:55+08:00',
      '2026-03-03T00:05+08:00',
    ]
    await write(...times.map((time, i) => pressureAt(time, 120 + i)))
    // Midnight itself is the new day's, the millisecond before it the old one's.
    const edges = ['2026-03-02T00:00:00.000+08:00', '2026-03-01T23:59:59.999+08:00']
    await write(...edges.map((time) => pressureAt(time, 130)))
    const shanghai = { zone: 'Asia/Shanghai', from: '2026-03-01', to: '2026-03-04' }
    expect(await counts('blood-pressure', { ...shanghai, step: 'day' })).toEqual([
      ['2026-03-01', 1],
      ['2026-03-02', 4],
      ['2026-03-03', 1],
    ])
    const fromMs = startOf('2026-03-02', 'Asia/Shanghai')
    const range = { fromMs, toMs: startOf('2026-03-03', 'Asia/Shanghai') }
    const list = await both((store) =>
      store.history({ kind: 'blood-pressure', subjects: [subject(1)], places: [], range }),
    )
    expect(list.map((p) => p.numbers.systolic)).toEqual([130, 120, 121, 122])
    expect(await counts('blood-pressure', { ...shanghai, zone: 'UTC', step: 'day' })).toEqual([
      ['2026-03-01', 3],
      ['2026-03-02', 3],
      ['2026-03-03', 0],
    ])
    // 1 March 2026 is a Sunday: its week began in February.
    expect(await counts('blood-pressure', { ...shanghai, step: 'week' })).toEqual([
      ['2026-02-23', 1],
      ['2026-03-02', 5],
    ])
  })

  test('on a leap day and its month', async () => {
    const [a, b, c] = ['2028-02-28T23:59', '2028-02-29T12:00', '2028-03-01T00:00'].map((t) =>
      glucoseAt(`${t}+08:00`, 5.6),
    )
    await write(a!, b!, c!)
    const asked = { zone: 'Asia/Shanghai', from: '2028-02-28', to: '2028-03-02' }
    expect(await counts('glucose', { ...asked, step: 'day' })).toEqual([
      ['2028-02-28', 1],
      ['2028-02-29', 1],
      ['2028-03-01', 1],
    ])
    expect(await counts('glucose', { ...asked, step: 'month' })).toEqual([
      ['2028-02-01', 2],
      ['2028-03-01', 1],
    ])
  })

  test('across a change of the clock: days of 23 and of 25 hours, and one that has no midnight', async () => {
    const hours = (date: string, next: string, zone: string) => (startOf(next, zone) - startOf(date, zone)) / 3_600_000
    expect(hours('2026-03-29', '2026-03-30', 'Europe/Berlin')).toBe(23)
    expect(hours('2026-10-25', '2026-10-26', 'Europe/Berlin')).toBe(25)
    // Here the clock goes from 23:59 to 01:00.
    expect(new Date(startOf('2026-04-24', 'Africa/Cairo')).toISOString()).toBe('2026-04-23T22:00:00.000Z')
    const points = ['2026-10-24T21:59Z', '2026-10-24T22:00Z', '2026-10-25T22:59Z', '2026-10-25T23:00Z']
    await write(...points.map((time) => glucoseAt(time, 6.1, { subject: subject(3) })))
    const asked = { zone: 'Europe/Berlin', step: 'day', from: '2026-10-24', to: '2026-10-27' } as const
    expect(await counts('glucose', { ...asked, subjects: [subject(3)] })).toEqual([
      ['2026-10-24', 1],
      ['2026-10-25', 2],
      ['2026-10-26', 1],
    ])
  })

  test('of equal times, of HI and LO, and of what is late, retracted or erased', async () => {
    const who = subject(4)
    const at = '2026-05-05T08:00:00.000+08:00'
    const same = [5.1, 5.2, 6.4].map((value) => glucoseAt(at, value, { subject: who }))
    const high = glucoseAt(at, null, { subject: who })
    const low = glucoseAt('2026-05-05T09:00+08:00', null, { subject: who, range: 'below' })
    await write(...same, high, low)
    const ranges = periods({ zone: 'Asia/Shanghai', step: 'day', from: '2026-05-05', to: '2026-05-06' }).map(
      (p) => p.range,
    )
    const day = async (without: string[] = []) => {
      const query = { kind: 'glucose', unit: 'mmol/L', subjects: [who], places: [], ranges, without }
      return (await both((store) => store.rollup(query)))[0]!
    }
    expect(await day()).toMatchObject({
      readings: 5,
      above: 1,
      below: 1,
      figures: { value: { count: 3, min: 5.1, max: 6.4 } },
    })
    const late = glucoseAt('2026-05-05T23:00+08:00', 9.9, { subject: who })
    await write(late)
    expect((await day()).figures.value).toMatchObject({ count: 4, max: 9.9, latest: 9.9 })
    expect((await day([late.id, same[0]!.id])).figures.value).toMatchObject({ count: 2, min: 5.2, max: 6.4 })
    await both((store) => store.erase([late, same[2]!]))
    expect((await day()).figures.value).toMatchObject({ count: 2, mean: (5.1 + 5.2) / 2, max: 5.2 })
    expect(await day([...same, high, low].map(({ id }) => id))).toMatchObject({ readings: 0, figures: {} })
  })

  test('in every other question about all of it', async () => {
    const subjects = [1, 3, 4, 9].map(subject)
    const bodily = (kind: string, unit: string, numbers: Record<string, number>) =>
      Array.from({ length: 6 }, (_, i) => makePoint(++n, { kind, unit, numbers, takenAtMs: 1_777_000_000_000 + i }))
    await write(...bodily('body-height', 'cm', { value: 161 }), ...bodily('body-weight', '[lb_av]', { value: 135.2 }))
    await write(...bodily('oxygen-saturation', '%', { value: 97, pulse: 71 }))
    const range = { fromMs: 0, toMs: Date.parse('2030-01-01') }
    for (const kind of KINDS) {
      const all = await both((store) => store.history({ kind, subjects, places: [], range }))
      expect(all.length).toBeGreaterThan(5)
      for (const point of all) expect(await both((store) => store.get(point))).toEqual(point)
      const some = await both((store) => store.history({ kind, subjects: [], places: all.slice(0, 4), range }))
      expect(some).toEqual(all.slice(0, 4))
    }
    expect((await both((store) => store.latest(subjects))).map(({ kind }) => kind)).toEqual(KINDS)
    expect(await both((store) => store.beats())).toHaveLength(written)
    for (let beat = 1; beat <= written; beat++) await both((store) => store.under(`b${beat}`))
  })
})
