// Where points lie and when readings count as taken.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bucketOf, dated, findFree, placeNs, placeOf, positionOf } from '../../../dashboard/server/registry/place.ts'
import { makeReading, openTestRegistry, T, untrusted } from '../ingest/records.ts'

test('a point lies within its own stamp, at the same place every time, and elsewhere than its equals', () => {
  for (const [resolution, ns] of [
    ['millisecond', 1e6],
    ['second', 1e9],
    ['minute', 6e10],
  ] as const) {
    const places = Array.from({ length: 1000 }, (_, n) => placeOf(`id-${n}`, T, resolution))
    const offsets = places.map((p) =>
      Number(placeNs({ place_ms: p.place_ms!, place_ns: p.place_ns! }) - BigInt(T) * 1_000_000n),
    )
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...offsets)).toBeLessThan(ns)
    expect(Math.max(...offsets)).toBeGreaterThan(ns * 0.9) // spread over all of it
    expect(placeOf('id-7', T, resolution)).toEqual(places[7])
  }
  expect(positionOf(1772410500690123456n)).toEqual({ place_ms: 1772410500690, place_ns: 123456 })
  expect(bucketOf(null)).toBe('-')
  expect(bucketOf('K01/a')).toMatch(/^[0-9a-f]{3}$/)
})

test('a place that is taken is never given again: the later one gets the next free nanosecond', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'place-'))
  const registry = await openTestRegistry(join(folder, 'registry.sqlite'))
  const spot = (unit = 'mm[Hg]') => ({ kind: 'blood-pressure', bucket: '-', unit, place_ms: T, place_ns: 999_999 })
  const spots = [spot(), spot(), spot('mmol/L'), spot()]
  await findFree(registry, spots)
  expect(spots.map((s) => [s.place_ms, s.place_ns])).toEqual([
    [T, 999_999],
    [T + 1, 0],
    [T, 999_999],
    [T + 1, 1],
  ])
  await registry.destroy()
  rmSync(folder, { recursive: true })
})

test('no reading enters the series in 1970, nor from the future; it waits for its clock or for a person', () => {
  const at = (takenAt: string | null, more = {}) => dated(makeReading('o', null, { takenAt, ...more }), undefined, T)
  expect(at('1970-01-01T00:29:32Z').state).toBe('pending')
  expect(at('1999-12-31T23:59:59Z').state).toBe('pending')
  expect(at(new Date(T + 11 * 60_000).toISOString()).state).toBe('pending')
  expect(at(new Date(T + 9 * 60_000).toISOString()).state).toBe('placed')
  expect(at('2026-03-02T08:15:00+08:00')).toEqual({ state: 'placed', taken_at_ms: Date.parse('2026-03-02T00:15:00Z') })
  expect(at(null, { memory: true }).state).toBe('undated')
  expect(at('2099-01-01T00:00:00Z', { memory: true }).state).toBe('undated')
  const clock = { hub: 'K01', boot: 'b', uptime_ms: 5000, instant_ms: T }
  const late = makeReading('o', null, { takenAt: '1970-01-01T00:00:02Z', clock: untrusted('b', 2000) })
  expect(dated(late, clock, T)).toEqual({ state: 'placed', taken_at_ms: T - 3000 })
  expect(dated(late, { ...clock, instant_ms: 0 }, T)).toEqual({ state: 'pending', taken_at_ms: null })
})
