// The series as a copy: whatever is restored or dies in between, it ends up holding each reading once, as the registry has it.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { InfluxDB } from 'influx'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { waitingForSeries } from '../../../dashboard/server/registry/delivery.ts'
import { type Change, takeIn } from '../../../dashboard/server/registry/intake.ts'
import { recentObservations } from '../../../dashboard/server/registry/observations.ts'
import type { Registry } from '../../../dashboard/server/registry/schema.ts'
import { markStored, unwritten } from '../../../dashboard/server/registry/series.ts'
import { openInfluxStore } from '../../../dashboard/server/store/influx.ts'
import { openSqliteStore } from '../../../dashboard/server/store/sqlite.ts'
import { type Store, StoreUnavailable } from '../../../dashboard/server/store/store.ts'
import { compareBeats, seriesWriter } from '../../../dashboard/server/store/writer.ts'
import type { Observation } from '../../../hub/contract/record.ts'
import { influxd, type Server, until } from '../../servers.ts'
import { makePerson, makeReading, openTestRegistry, T } from '../ingest/records.ts'

const folder = mkdtempSync(join(tmpdir(), 'writer-'))
const silent = pino({ level: 'silent' })
let server: Server
beforeAll(async () => {
  server = await influxd(join(folder, 'influx'))
  await server.start()
})
afterAll(async () => {
  await server.end()
  rmSync(folder, { recursive: true })
})

let seq = 0
const take = (registry: Registry, readings: readonly Observation[], nowMs = T) =>
  takeIn(
    registry,
    {
      accepted: readings.map((record) => ({
        ...{ hub: record.hub, topic: 't', epoch: 'e', seq: ++seq, record, opened: null },
        body: JSON.stringify(record),
      })),
      refused: [],
    },
    nowMs,
  )

/** Copies a database that is in use, as a backup does. */
function backup(file: string, to: string) {
  const db = new Database(file, { readonly: true })
  db.exec(`vacuum into '${to}'`)
  db.close()
}

function restore(from: string, file: string) {
  for (const tail of ['', '-wal', '-shm']) rmSync(file + tail, { force: true })
  copyFileSync(from, file)
}

test('registry and series restored to any earlier state, alone or together, with writes cut anywhere: each reading once', async () => {
  let random = 7
  const rand = () => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0
    return random / 2 ** 32
  }
  for (let round = 0; round < 25; round++) {
    const files = { registry: join(folder, `r${round}.sqlite`), series: join(folder, `r${round}.series`) }
    let registry = await openTestRegistry(files.registry)
    let store = openSqliteStore(files.series)
    const reopen = async (which: 'registry' | 'series', from: string) => {
      if (which === 'registry') await registry.destroy()
      else await store.close()
      restore(from, files[which])
      if (which === 'registry') registry = await openTestRegistry(files.registry)
      else store = openSqliteStore(files.series)
    }
    const sent: Observation[] = []
    const backups: ['registry' | 'series', string][] = []
    let beats = 0
    const write = async (cut: boolean) => {
      const points = await unwritten(registry, 4)
      const beat = { id: `b${round}-${beats++}`, atMs: T }
      if (points.length === 0) return false
      await store.write(points, beat)
      if (!cut) await markStored(registry, points, beat)
      return true
    }
    const compare = () => compareBeats({ registry, store, log: silent, now: () => T })
    for (let step = 0; step < 40; step++) {
      const dice = rand()
      if (dice < 0.4) {
        const id = `o${round}-${sent.length}`
        const systolic = 90 + Math.floor(rand() * 60)
        sent.push(
          makeReading(id, null, { resolution: 'minute', values: { systolic, diastolic: 70, mean: null, pulse: null } }),
        )
        await take(registry, sent.slice(-1))
      } else if (dice < 0.65) await write(rand() < 0.25)
      else if (dice < 0.8) {
        const which = rand() < 0.5 ? ('registry' as const) : ('series' as const)
        const to = `${files[which]}.backup${step}`
        backup(files[which], to)
        backups.push([which, to])
      } else if (dice < 0.92 && backups.length > 0) {
        const [which, from] = backups[Math.floor(rand() * backups.length)]!
        await reopen(which, from)
      } else await compare()
    }
    // Quiet: the hub sends what the mark lacks, the writer runs.
    await take(registry, sent)
    for (let i = 0; i < 3; i++) {
      await compare()
      while (await write(false));
    }
    const got = (await held(store)).map((p) => `${p.id} ${p.numbers.systolic}`).sort()
    expect(got, `round ${round}`).toEqual(sent.map((o) => `${o.id} ${o.values.systolic}`).sort())
    const index = await registry.selectFrom('observations').select(['id', 'stored', 'point']).execute()
    expect(
      index.every((o) => o.stored === 1 && o.point === null),
      `round ${round}`,
    ).toBe(true)
    await registry.destroy()
    await store.close()
  }
})

test('readings that only the series still has complete the index, and take up their record when it comes again', async () => {
  const registry = await openTestRegistry(join(folder, 'restored.sqlite'))
  const store = openSqliteStore(join(folder, 'restored.series'))
  const sent = makeReading('s1', makePerson(1))
  const earlier = await openTestRegistry(join(folder, 'earlier.sqlite'))
  await take(earlier, [sent])
  const points = await unwritten(earlier, 10)
  await earlier.destroy()
  await store.write(points, { id: 'unknown-here', atMs: T })
  const stray = { ...points[0]!, placeNs: points[0]!.placeNs + 5n }
  await store.write([stray], { id: 'stray', atMs: T })

  const compare = () => compareBeats({ registry, store, log: silent, now: () => T })
  await compare()
  const [shown] = (await recentObservations(registry, { sites: 'all', before: null, limit: 9, offset: 0 })).items
  expect(shown).toMatchObject({
    id: 's1',
    takenAtMs: T,
    record: null,
    point: { numbers: { systolic: 127, pulse: 78 } },
  })
  expect(await waitingForSeries(registry)).toBe(0)

  await take(registry, [sent])
  expect((await recentObservations(registry, { sites: 'all', before: null, limit: 9, offset: 0 })).items).toMatchObject(
    [{ id: 's1', record: { id: 's1' }, point: null }],
  )
  const again = await unwritten(registry, 10)
  await store.write(again, { id: 'b3', atMs: T })
  await markStored(registry, again, { id: 'b3', atMs: T })
  await compare()
  const left = await held(store)
  expect(left).toHaveLength(1)
  expect(left[0]!.placeNs).toBe(again[0]!.placeNs)
  await registry.destroy()
  await store.close()
})

/** Runs a writer until `done`, and ends it. */
async function running(
  registry: Registry,
  store: Store,
  done: (writer: { wake(): void }, told: Change[]) => Promise<void>,
) {
  const told: Change[] = []
  const ending = new AbortController()
  const writer = seriesWriter({ registry, store, log: silent, now: Date.now, notify: (change) => told.push(change) })
  const ended = writer.run(ending.signal)
  await done(writer, told)
  ending.abort()
  await ended
}

test('a dead InfluxDB holds nothing up, and everything is written once it is back', async () => {
  const own = await influxd(join(folder, 'dead'))
  const registry = await openTestRegistry(join(folder, 'dead.sqlite'))
  const store = openInfluxStore({ host: '127.0.0.1', port: own.port, database: 'dead' })
  await running(registry, store, async (writer, told) => {
    await until('the series to be told away', () => told.some((c) => c.kind === 'part' && c.state === 'away'))
    await take(
      registry,
      Array.from({ length: 50 }, (_, n) => makeReading(`d${n}`, null)),
    )
    writer.wake()
    expect(await waitingForSeries(registry)).toBe(50)
    await own.start()
    await until('all to be in the series', async () => (await waitingForSeries(registry)) === 0)
    expect(told.at(-1)).toMatchObject({ part: 'series', state: 'ok' })
  })
  const [beat] = await store.beats()
  expect((await store.under(beat!.id)).length).toBe(50)
  await own.end()
  await registry.destroy()
})

/** Everything the series holds. */
const held = async (store: Store) => (await Promise.all((await store.beats()).map(({ id }) => store.under(id)))).flat()

test('an InfluxDB that comes back empty under a running clinic is filled again with all it had', async () => {
  const data = join(folder, 'emptied')
  const own = await influxd(data)
  await own.start()
  const registry = await openTestRegistry(join(folder, 'emptied.sqlite'))
  const store = openInfluxStore({ host: '127.0.0.1', port: own.port, database: 'emptied' })
  await running(registry, store, async (writer) => {
    await take(
      registry,
      Array.from({ length: 20 }, (_, n) => makeReading(`e${n}`, makePerson(n % 3))),
    )
    writer.wake()
    await until('all to be in the series', async () => (await waitingForSeries(registry)) === 0)
    await own.end('SIGKILL')
    for (const part of ['meta', 'data', 'wal']) rmSync(join(data, part), { recursive: true })
    await own.start()
    const asked = { kind: 'blood-pressure', places: [], range: { fromMs: 0, toMs: 2 * T } }
    const reading = store.history({ ...asked, subjects: ['K01/any'] })
    await expect(reading).rejects.toBeInstanceOf(StoreUnavailable) // not: nobody has readings
    await take(registry, [makeReading('e20', null)])
    writer.wake()
    await until('all to be in the new one', async () => (await waitingForSeries(registry)) === 0)
  })
  expect((await held(store)).map((p) => p.id).sort()).toEqual(Array.from({ length: 21 }, (_, n) => `e${n}`).sort())
  await own.end()
  await registry.destroy()
})

test('what a registry restored from an older copy lacks is completed from InfluxDB, and nothing is written anew', async () => {
  const file = join(folder, 'older.sqlite')
  let registry = await openTestRegistry(file)
  const store = openInfluxStore({ host: '127.0.0.1', port: server.port, database: 'older' })
  const write = async (id: string) => {
    const points = await unwritten(registry, 100)
    await store.write(points, { id, atMs: T })
    await markStored(registry, points, { id, atMs: T })
  }
  const readings = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => makeReading(`m${from + i}`, makePerson(i % 3)))
  await take(registry, readings(0, 10))
  await write('before')
  backup(file, `${file}.backup`)
  await take(registry, readings(10, 30))
  await write('after')
  const before = await held(store)
  await registry.destroy()
  restore(`${file}.backup`, file)
  registry = await openTestRegistry(file)
  await compareBeats({ registry, store, log: silent, now: () => T })
  const index = await registry.selectFrom('observations').select(['id', 'stored', 'beat']).execute()
  expect(index.length).toBe(30)
  expect(index.every((o) => o.stored === 1)).toBe(true)
  expect(index.filter((o) => o.beat === 'after').length).toBe(20)
  expect(await held(store)).toEqual(before)
  await registry.destroy()
})

test('a series that was replaced gets readings older than a month as well', async () => {
  const registry = await openTestRegistry(join(folder, 'month.sqlite'))
  const [lost, fresh] = [openSqliteStore(join(folder, 'm1.series')), openSqliteStore(join(folder, 'm2.series'))]
  const DAY_MS = 86_400_000
  for (const day of [0, 45, 60]) {
    await take(registry, [makeReading(`day${day}`, null)])
    const points = await unwritten(registry, 10)
    const beat = { id: `beat${day}`, atMs: T + day * DAY_MS }
    await lost.write(points, beat)
    await markStored(registry, points, beat)
  }
  const compare = (store: Store) => compareBeats({ registry, store, log: silent, now: () => T + 61 * DAY_MS })
  await compare(lost)
  expect(await waitingForSeries(registry)).toBe(0) // all is well: nothing is written again
  await compare(fresh)
  expect(await waitingForSeries(registry)).toBe(3)
  await lost.close()
  await fresh.close()
  await registry.destroy()
})

test('what the store refuses for good is set aside with its cause and holds up nothing; not retried in a loop', async () => {
  const influx = new InfluxDB({ host: '127.0.0.1', port: server.port, database: 'short' })
  await influx.createDatabase('short')
  await influx.alterRetentionPolicy('autogen', { duration: '30d', replication: 1, isDefault: true, database: 'short' })
  const registry = await openTestRegistry(join(folder, 'short.sqlite'))
  const store = openInfluxStore({ host: '127.0.0.1', port: server.port, database: 'short' })
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString()
  const old = [35, 38, 40].map((days, n) => makeReading(`old${n}`, null, { takenAt: daysAgo(days) }))
  const recent = [1, 2, 3, 4, 5].map((days) => makeReading(`new${days}`, null, { takenAt: daysAgo(days) }))
  await take(registry, [...old, ...recent], Date.now())
  await running(registry, store, async (_writer, told) => {
    await until('all to be dealt with', async () => (await waitingForSeries(registry)) === 0)
    await until('staff to be told', () => told.find((c) => c.kind === 'quarantine'))
  })
  const aside = await registry.selectFrom('quarantine').selectAll().execute()
  expect(aside.map((q) => JSON.parse(q.body).id).sort()).toEqual(['old0', 'old1', 'old2'])
  expect(aside[0]).toMatchObject({ reason: 'store-refused', hub: 'K01' })
  expect(aside[0]!.detail).toMatch(/retention/)
  const index = await registry.selectFrom('observations').select(['id', 'stored']).orderBy('id').execute()
  expect(index.filter((o) => o.stored === 1).map((o) => o.id)).toEqual(['new1', 'new2', 'new3', 'new4', 'new5'])
  await registry.destroy()
})

test('a figure that its kind does not have stays in the record and out of the series', async () => {
  const registry = await openTestRegistry(join(folder, 'odd.sqlite'))
  const store = openInfluxStore({ host: '127.0.0.1', port: server.port, database: 'odd' })
  const values = { systolic: 120, diastolic: 70, mean: null, pulse: null, beat: 7, takenAtMs: 1 }
  await take(registry, [makeReading('odd', null, { values })])
  await running(registry, store, () =>
    until('it to be stored', async () => (await waitingForSeries(registry)) === 0).then(() => undefined),
  )
  const [beat] = await store.beats()
  expect(await store.under(beat!.id)).toMatchObject([
    { id: 'odd', takenAtMs: T, numbers: { systolic: 120, diastolic: 70 } },
  ])
  await registry.destroy()
})
