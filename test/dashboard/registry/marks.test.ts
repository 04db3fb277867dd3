// The stored mark as the whole truth, and presence by the clinic's own receipt.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { hear, kioskStates } from '../../../dashboard/server/registry/delivery.ts'
import { cover, nextMark } from '../../../dashboard/server/registry/marks.ts'
import type { Registry } from '../../../dashboard/server/registry/schema.ts'
import { StoredMark } from '../../../hub/contract/stored.ts'
import { makeStatus, openTestRegistry, T } from '../ingest/records.ts'

let folder: string
let registry: Registry
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'marks-'))
  registry = await openTestRegistry(join(folder, 'registry.sqlite'))
})
afterEach(async () => {
  await registry.destroy()
  rmSync(folder, { recursive: true })
})

test('intervals merge whatever the order, and a mark lists every gap', async () => {
  for (const seqs of [[5], [1, 2], [9, 7], [8], [2, 1], [20]]) await cover(registry, 'K01', 'e', seqs, T)
  const mark = StoredMark.parse(await nextMark(registry, 'K01', 0, T))
  expect(mark.marks).toEqual([
    {
      epoch: 'e',
      through: 20,
      missing: [
        [3, 4],
        [6, 6],
        [10, 19],
      ],
    },
  ])
  await cover(
    registry,
    'K01',
    'e',
    Array.from({ length: 20 }, (_, i) => i + 1),
    T,
  )
  expect((await nextMark(registry, 'K01', 0, T)).marks).toEqual([{ epoch: 'e', through: 20, missing: [] }])
  expect(await registry.selectFrom('coverage').select(['from_seq', 'to_seq']).execute()).toEqual([
    { from_seq: 1, to_seq: 20 },
  ])
})

test('revisions only grow, past the last one and past what hub or broker have seen; no two share an id', async () => {
  const marks = []
  for (const past of [0, 0, 41, 3, 41]) marks.push(await nextMark(registry, 'K01', past, T))
  expect(marks.map((m) => m.rev)).toEqual([1, 2, 42, 43, 44])
  expect(new Set(marks.map((m) => m.id)).size).toBe(5)
  const together = await Promise.all(Array.from({ length: 10 }, () => nextMark(registry, 'K01', 0, T)))
  expect(new Set(together.map((m) => m.rev)).size).toBe(10)
  expect((await nextMark(registry, 'K02', 0, T)).rev).toBe(1)
})

test('a mark names every epoch of every session of a clone, unknown ones as nothing stored, and is silent on others', async () => {
  await cover(registry, 'K01', 'old', [1, 2], T - 3 * 86_400_000)
  await cover(registry, 'K01', 'mine', [1, 2, 3], T)
  const status = (session: string, epoch: string) =>
    makeStatus('K01', session, { epochs: [{ epoch, first: 1, last: 9 }] })
  await hear(registry, status('s1', 'never-heard'), false, T)
  await hear(registry, status('s2', 'clone'), false, T)
  const { marks } = await nextMark(registry, 'K01', 0, T)
  expect(marks).toEqual([
    { epoch: 'clone', through: 0, missing: [] },
    { epoch: 'mine', through: 3, missing: [] },
    { epoch: 'never-heard', through: 0, missing: [] },
  ])
})

const presence = async (nowMs: number) => (await kioskStates(registry, 'all', nowMs, 150_000))[0]!

test('a hub is online by a fresh word only: a retained one from before is no sign of life', async () => {
  expect((await presence(T)).presence).toBe('never')
  await hear(registry, makeStatus('K01', 's1'), true, T)
  expect(await presence(T)).toMatchObject({ presence: 'silent', lastWordMs: null })
  await hear(registry, makeStatus('K01', 's1'), false, T)
  expect(await presence(T + 149_000)).toMatchObject({ presence: 'online', lastWordMs: T })
  expect(await presence(T + 150_000)).toMatchObject({ presence: 'silent', lastWordMs: T })
})

test('a will ends its own session, and a late one kills no new session', async () => {
  const word = (session: string, minutes: number) =>
    hear(
      registry,
      makeStatus('K01', session, { at: new Date(T + minutes * 60_000).toISOString() }),
      false,
      T + minutes * 60_000,
    )
  const will = (session: string) => hear(registry, makeStatus('K01', session, { online: false }), false, T + 200_000)
  await word('s1', 0)
  await will('s1')
  expect((await presence(T + 1)).presence).toBe('offline')
  await word('s2', 1)
  await will('s1')
  await will('s0') // of a session this clinic never heard
  expect(await presence(T + 90_000)).toMatchObject({ presence: 'online', status: { session: 's2' } })
  await will('s2')
  expect((await presence(T + 90_000)).presence).toBe('offline')
})

test('two sessions that overlap are a clone; one after the other are not', async () => {
  const word = (session: string, seconds: number) =>
    hear(registry, makeStatus('K01', session), false, T + seconds * 1000)
  await word('s1', 0)
  await word('s2', 30) // restarted by a power cut, without a will
  expect((await presence(T + 60_000)).presence).toBe('online')
  await word('s1', 61)
  expect((await presence(T + 62_000)).presence).toBe('clone')
  await word('s2', 90)
  await word('s2', 210)
  expect((await presence(T + 220_000)).presence).toBe('online')
})

test('what a kiosk delivered is counted as stored, missing and gone', async () => {
  await cover(registry, 'K01', 'e', [3, 4, 5, 9], T)
  await cover(registry, 'K01', 'purged', [2, 3], T)
  const epochs = [
    { epoch: 'e', first: 3, last: 12 },
    { epoch: 'fresh', first: 1, last: 4 },
  ]
  await hear(registry, makeStatus('K01', 's1', { epochs }), false, T)
  // Of `e` 1 and 2 are gone, 6–8 and 10–12 missing; of `purged` 1 is gone; of `fresh` all four are missing.
  const { delivery } = await presence(T)
  expect(delivery).toMatchObject({ stored: 6, missing: 10, gone: 3 })
  expect(delivery.epochs).toEqual([
    { epoch: 'purged', through: 3, kept: null, stored: 2, missing: 0, ranges: [], gone: 1 },
    {
      ...{ epoch: 'e', through: 9, kept: { first: 3, last: 12 }, stored: 4, missing: 6, gone: 2 },
      ranges: [
        [6, 8],
        [10, 12],
      ],
    },
    { epoch: 'fresh', through: 0, kept: { first: 1, last: 4 }, stored: 0, missing: 4, ranges: [[1, 4]], gone: 0 },
  ])
})
