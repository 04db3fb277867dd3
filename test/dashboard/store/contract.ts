// What every time series must answer: one suite, run on each implementation.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bucketOf, placeNs, placeOf } from '../../../dashboard/server/registry/place.ts'
import type { Point, Store, StoredPoint } from '../../../dashboard/server/store/store.ts'

export const T = Date.parse('2026-03-02T00:15:00.690Z')
const HUB = 'K01'
export const subject = (n: number) => `${HUB}/${String(n).padStart(64, '0')}`

/** A plainly invented point; `n` makes its id. */
export function makePoint(n: number, changed: Partial<Point> = {}): Point {
  const base = {
    kind: 'blood-pressure',
    unit: 'mm[Hg]',
    id: `id-${n}`,
    takenAtMs: T,
    subject: subject(1),
    hub: HUB,
    device: 'and-tm2657/A&D/TM-2657/',
    range: null,
    flags: [],
    numbers: { systolic: 127, diastolic: 76, mean: 97, pulse: 78 },
    ...changed,
  }
  const { place_ms, place_ns } = placeOf(base.id, base.takenAtMs, 'minute')
  return { bucket: bucketOf(base.subject), placeNs: placeNs({ place_ms: place_ms!, place_ns: place_ns! }), ...base }
}
export const makeGlucose = (n: number, value: number | null, changed: Partial<Point> = {}) =>
  makePoint(n, { kind: 'glucose', unit: 'mmol/L', numbers: value === null ? {} : { value }, ...changed })

const ALL = { fromMs: 0, toMs: T * 2 }
const beat = (id: string, atMs = T) => ({ id, atMs })
const ids = (points: readonly StoredPoint[]) => points.map((p) => p.id)

/** @param build opens the series; the first time there is nothing in it */
export function storeContract(name: string, build: () => Store) {
  describe(`the series in ${name}`, () => {
    let store: Store
    beforeAll(() => {
      store = build()
    })
    afterAll(() => store.close())
    beforeEach(async () => {
      for (const { id } of await store.beats()) await store.erase(await store.under(id))
    })

    test('gives a point back exactly as it was written, its millisecond and its beat too', async () => {
      const point = makePoint(1, { flags: ['irregular-pulse', 'movement'], subject: null })
      await store.write([point], beat('b1'))
      expect(await store.get(point)).toEqual({ ...point, beat: 'b1' })
      expect(new Date((await store.get(point))!.takenAtMs).toISOString()).toBe('2026-03-02T00:15:00.690Z')
      expect(await store.get(makePoint(2))).toBeNull()
    })

    test('writing twice is writing once', async () => {
      const point = makePoint(1)
      await store.write([point, point], beat('b1'))
      await store.write([point], beat('b2'))
      expect(await store.history({ kind: point.kind, subjects: [subject(1)], places: [], range: ALL })).toEqual([
        { ...point, beat: 'b2' },
      ])
      expect(await store.under('b1')).toEqual([])
    })

    test('keeps equal readings of one minute apart', async () => {
      const points = Array.from({ length: 200 }, (_, n) => makePoint(n))
      await store.write(points, beat('b1'))
      const found = await store.history({ kind: 'blood-pressure', subjects: [subject(1)], places: [], range: ALL })
      expect(ids(found).sort()).toEqual(points.map((p) => p.id).sort())
    })

    test('a second write of a place leaves nothing of the first: no figure, no range, no flag', async () => {
      const point = makePoint(1, { flags: ['movement'] })
      const second = { ...point, flags: [], numbers: { systolic: 130, diastolic: 80 } }
      await store.write([point], beat('b1'))
      await store.write([second], beat('b2'))
      expect(await store.get(point)).toEqual({ ...second, beat: 'b2' })
      const high = makeGlucose(2, null, { range: 'above' })
      await store.write([{ ...high, range: null, numbers: { value: 30.1 } }], beat('b3'))
      await store.write([high], beat('b4'))
      expect(await store.get(high)).toEqual({ ...high, beat: 'b4' })
    })

    test('takes a decimal after a whole number, and a whole number after a decimal, when it is opened anew too', async () => {
      const points = [5, 5.6, 6, 71, 71.5].map((value, n) => makeGlucose(n, value, { takenAtMs: T + n * 60_000 }))
      for (const [n, point] of points.entries()) {
        await store.write([point], beat(`b${n}`))
        await store.close()
        store = build()
      }
      const found = await store.history({ kind: 'glucose', subjects: [subject(1)], places: [], range: ALL })
      expect(found.map((p) => p.numbers)).toEqual([
        { value: 5 },
        { value: 5.6 },
        { value: 6 },
        { value: 71 },
        { value: 71.5 },
      ])
    })

    test('keeps HI and LO beside the number, never in it', async () => {
      const [high, low] = [makeGlucose(1, null, { range: 'above' }), makeGlucose(2, null, { range: 'below' })]
      await store.write([high, low], beat('b1'))
      expect(await store.get(high)).toMatchObject({ range: 'above', numbers: {} })
      expect(await store.get(low)).toMatchObject({ range: 'below', numbers: {} })
    })

    test('tells the history of some subjects and places by takenAt, from inclusive, to exclusive, oldest first', async () => {
      const at = (n: number, minutes: number, changed: Partial<Point> = {}) =>
        makePoint(n, { takenAtMs: T + minutes * 60_000, ...changed })
      const others = at(5, 1, { subject: subject(2) })
      const nobodys = at(6, 2, { subject: null })
      await store.write([at(4, 3), at(1, 0), at(3, 2), at(2, 1), others, nobodys, makeGlucose(9, 5)], beat('b1'))
      const ask = (subjects: string[], places: Point[], fromMs: number, toMs: number) =>
        store.history({ kind: 'blood-pressure', subjects, places, range: { fromMs, toMs } }).then(ids)
      expect(await ask([subject(1)], [], T, T + 180_000)).toEqual(['id-1', 'id-2', 'id-3'])
      expect(await ask([subject(1)], [], T + 1, T + 180_001)).toEqual(['id-2', 'id-3', 'id-4'])
      expect(await ask([subject(2)], [nobodys, others], 0, T * 2)).toEqual(['id-5', 'id-6'])
      expect(await ask([], [nobodys], 0, T)).toEqual([])
      expect(await ask([], [], 0, T * 2)).toEqual([])
    })

    test('finds the newest point of each kind by takenAt, not by where it lies', async () => {
      const pair = [makePoint(1, { takenAtMs: T }), makePoint(2, { takenAtMs: T + 1000 })]
      // Of these ids some lie the other way round within their minute.
      const swapped = Array.from({ length: 60 }, (_, n) => [
        makePoint(100 + n),
        makePoint(200 + n, { takenAtMs: T + 1000 }),
      ]).find(([a, b]) => a!.placeNs > b!.placeNs)!
      const points = [...swapped, makeGlucose(3, 5.5), makePoint(4, { subject: subject(2), takenAtMs: T + 5000 })]
      await store.write([...pair.slice(0, 1), ...points], beat('b1'))
      expect(ids(await store.latest([subject(1)]))).toEqual([swapped[1]!.id, 'id-3'])
      expect(ids(await store.latest([subject(1), subject(2)]))).toEqual(['id-4', 'id-3'])
      expect(await store.latest([subject(7)])).toEqual([])
      expect(await store.latest([])).toEqual([])
    })

    test('erases exactly the points it is told to', async () => {
      const [a, b] = [makePoint(1), makePoint(2)]
      await store.write([a, b], beat('b1'))
      await store.erase([a, makePoint(3)])
      expect(await store.get(a)).toBeNull()
      expect(ids(await store.under('b1'))).toEqual(['id-2'])
    })

    test('counts and averages each range alike, without what has no number', async () => {
      const points = [5.1, 5.2, 6.4, null].map((value, n) =>
        makeGlucose(n, value, { takenAtMs: T + n * 3_600_000, range: value === null ? 'above' : null }),
      )
      await store.write([...points, makeGlucose(8, 99, { unit: 'mg/dL' })], beat('b1'))
      const range = (from: number, to: number) => ({ fromMs: T + from * 3_600_000, toMs: T + to * 3_600_000 })
      const ranges = [range(0, 2), range(2, 4), range(4, 5)]
      const query = { kind: 'glucose', unit: 'mmol/L', subjects: [subject(1)], places: [], ranges, without: [] }
      expect((await store.rollup(query)).map((r) => r.figures)).toEqual([
        { value: { count: 2, mean: (5.1 + 5.2) / 2, min: 5.1, max: 5.2, latest: 5.2 } },
        { value: { count: 1, mean: 6.4, min: 6.4, max: 6.4, latest: 6.4 } },
        {},
      ])
      expect(await store.rollup({ ...query, ranges: [] })).toEqual([])
    })

    test('remembers its beats with their time, two of one millisecond too, and forgets those older than a month', async () => {
      await store.write([makePoint(1)], beat('old', T - 40 * 86_400_000))
      await store.write([makePoint(1)], beat('b2', T + 86_400_001))
      await store.write([makePoint(1)], beat('b3', T + 86_400_001))
      const beats = await store.beats()
      expect(beats).toContainEqual({ id: 'b2', atMs: T + 86_400_001 })
      expect(beats).toContainEqual({ id: 'b3', atMs: T + 86_400_001 })
      expect(beats.map((b) => b.id)).not.toContain('old')
      expect(ids(await store.under('b3'))).toEqual(['id-1'])
    })

    test('takes any text as it is: quotes, commas, spaces, line ends, Chinese', async () => {
      const odd = 'a"b\\c, d=e\n甲·乙 \' '
      const point = makePoint(1, { device: odd, subject: `K01/it's "${odd}"` })
      await store.write([point], beat(odd))
      expect(await store.under(odd)).toEqual([{ ...point, beat: odd }])
      expect(
        ids(await store.history({ kind: point.kind, subjects: [point.subject!], places: [], range: ALL })),
      ).toEqual(['id-1'])
    })

    test('writes a thousand points at once and none', async () => {
      const points = Array.from({ length: 1000 }, (_, n) => makePoint(n, { subject: subject(n % 30) }))
      await store.write(points, beat('b1'))
      await store.write([], beat('b2'))
      expect((await store.under('b1')).length).toBe(1000)
      expect((await store.beats()).map((b) => b.id)).toEqual(expect.arrayContaining(['b1', 'b2']))
    })
  })
}
