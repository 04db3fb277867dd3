// Ingest is a function of the set of records: shuffled, repeated and cut, they give the same registry and the same series.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readRecords } from '../../../dashboard/server/message.ts'
import { openWaiting } from '../../../dashboard/server/registry/identity.ts'
import { takeIn } from '../../../dashboard/server/registry/intake.ts'
import type { Registry } from '../../../dashboard/server/registry/schema.ts'
import { markStored, unwritten } from '../../../dashboard/server/registry/series.ts'
import { openInfluxStore } from '../../../dashboard/server/store/influx.ts'
import { openSqliteStore } from '../../../dashboard/server/store/sqlite.ts'
import type { Store } from '../../../dashboard/server/store/store.ts'
import { compareBeats } from '../../../dashboard/server/store/writer.ts'
import { topic } from '../../../hub/contract/topics.ts'
import { seeded } from '../../../simulators/random.ts'
import { influxd, type Server } from '../../servers.ts'
import {
  makeClock,
  makeFailure,
  makeKeys,
  makeMessage,
  makePerson,
  makeReading,
  makeRetraction,
  makeVisit,
  openTestRegistry,
  subjectOf,
  T,
  untrusted,
} from './records.ts'

const folder = mkdtempSync(join(tmpdir(), 'set-'))
let server: Server
beforeAll(async () => {
  server = await influxd(join(folder, 'influx'))
  await server.start()
})
afterAll(async () => {
  await server.end()
  rmSync(folder, { recursive: true })
})

const { keys, publicKey } = makeKeys()
const { keys: lost, publicKey: lostKey } = makeKeys()
const [anna, bert, cora, dora] = [makePerson(1), makePerson(2), makePerson(3), makePerson(4)]
const iso = (minutes: number) => new Date(T + minutes * 60_000).toISOString()

/** One row of a hub's outbox. */
interface Row {
  hub: string
  epoch: string
  seq: number
  record: unknown
}

/** Everything a month can bring: visits at two sites, an unreadable name first, clocks late, retractions, refusals. */
async function rowsOfAMonth(): Promise<Row[]> {
  const glucose = { kind: 'glucose', unit: 'mmol/L', values: { value: 5.6 } } as const
  const k01: unknown[] = [
    await makeVisit('v1', { ...anna, name: '测', nameIncomplete: true }, publicKey, { openedAt: iso(50) }),
    makeReading('o1', anna, { visit: 'v1', takenAt: iso(51) }),
    makeReading('o2', anna, { visit: 'v1', takenAt: iso(52), ...glucose, range: null }),
    await makeVisit('v2', anna, publicKey, { openedAt: iso(10) }),
    makeReading('o3', anna, { visit: 'v2', takenAt: iso(11), resolution: 'minute' }),
    makeReading('o4', null, { takenAt: iso(12), flags: ['unassigned-no-visit'] }),
    makeRetraction('r1', 'o3'),
    makeRetraction('r2', 'never-came'),
    // Its clock was wrong, and told later.
    await makeVisit('v3', bert, publicKey, { openedAt: '1970-01-01T00:00:09Z', clock: untrusted('lost', 9000) }),
    makeReading('o5', bert, { visit: 'v3', takenAt: '1970-01-01T00:01:00Z', clock: untrusted('lost', 60_000) }),
    makeClock('c1', 'lost', 120_000, T + 3_600_000),
    makeReading('o6', bert, { takenAt: '1970-01-01T00:01:00Z', clock: untrusted('never-told', 60_000) }),
    // From a memory: dated by itself, undated, and against a wrong clock.
    makeReading('o7', bert, {
      memory: true,
      takenAt: iso(-500),
      clock: untrusted('lost', 1),
      flags: ['device-clock-unread'],
    }),
    makeReading('o8', bert, { memory: true, takenAt: null, flags: ['device-time-unknown'] }),
    makeReading('o9', bert, {
      memory: true,
      takenAt: iso(-400),
      clock: untrusted('lost', 1),
      flags: ['device-clock-offset'],
    }),
    // Sealed to a key this clinic does not have.
    await makeVisit('v4', cora, lostKey, { openedAt: iso(70) }),
    makeReading('o10', cora, { visit: 'v4', takenAt: iso(71) }),
    makeFailure('f1', { visit: 'v2' }),
    // One alias with two numbers.
    await makeVisit('v5', dora, publicKey, { openedAt: iso(80) }),
    await makeVisit('v6', makePerson(5), publicKey, { openedAt: iso(81), subject: subjectOf('K01', dora) }),
    makeReading('o11', dora, { takenAt: iso(82) }),
    // What cannot be accepted.
    { type: 'prophecy', id: 'x1', hub: 'K01' },
    { ...makeReading('x2', null), values: { systolic: null, diastolic: 1 } },
    makeReading('x3', null, { hub: 'K02' }),
    'no record at all',
  ]
  const k03: unknown[] = [
    await makeVisit('w1', anna, publicKey, { hub: 'K03', openedAt: iso(5) }),
    makeReading('p1', anna, { hub: 'K03', visit: 'w1', takenAt: iso(6) }),
    ...Array.from({ length: 30 }, (_, n) =>
      makeReading(`p1-${n}`, anna, { hub: 'K03', takenAt: iso(7), resolution: 'minute' }),
    ),
    makeRetraction('r3', 'o1', 'K03'), // another hub's reading is not its own to take back
  ]
  const numbered = (hub: string, epoch: string, records: unknown[], from = 1) =>
    records.map((record, i): Row => ({ hub, epoch, seq: from + i, record }))
  // K01's fifth record also came by another epoch: its outbox was copied.
  return [...numbered('K01', 'e1', k01), ...numbered('K03', 'e2', k03), ...numbered('K01', 'e3', k01.slice(4, 6), 7)]
}

/** The rows as messages of consecutive numbers, cut anywhere, some twice, in any order. */
function messages(rows: readonly Row[], rand: () => number): ReturnType<typeof makeMessage>[] {
  const out: ReturnType<typeof makeMessage>[] = []
  for (let i = 0; i < rows.length; ) {
    const { hub, epoch, seq } = rows[i]!
    let n = 1
    while (rows[i + n]?.epoch === epoch && rand() < 0.7) n++
    out.push(
      makeMessage(
        hub,
        epoch,
        seq,
        rows.slice(i, i + n).map((row) => row.record),
      ),
    )
    i += rand() < 0.3 ? 1 : n // overlapping messages repeat rows
  }
  for (const message of [...out]) if (rand() < 0.3) out.push(message)
  return out
    .map((message) => ({ message, key: rand() }))
    .sort((a, b) => a.key - b.key)
    .map(({ message }) => message)
}

async function take(registry: Registry, message: ReturnType<typeof makeMessage>) {
  const payload = Buffer.from(JSON.stringify(message))
  const intake = await readRecords({ topic: topic(message.hub, 'records'), payload, retain: false }, message.hub, keys)
  await takeIn(registry, intake, T + 86_400_000)
}

/** Everything a clinic knows, save what says when and in which order it came: counters, random ids, beats. */
async function stateOf(registry: Registry, store: Store) {
  const text = (row: object) => JSON.stringify(row)
  const all = async (table: 'records' | 'arrivals' | 'coverage' | 'clocks' | 'retractions') => {
    const rows: object[] = await registry.selectFrom(table).selectAll().execute()
    return rows.sort((x, y) => (text(x) < text(y) ? -1 : 1))
  }
  const residents = await registry.selectFrom('residents').selectAll().orderBy('number_key').execute()
  const keyOf = new Map(residents.map((r) => [r.id, r.number_key]))
  const subjects = await registry.selectFrom('subjects').selectAll().orderBy('id').execute()
  const observations = await registry.selectFrom('observations').selectAll().orderBy('id').execute()
  const quarantine = await registry.selectFrom('quarantine').selectAll().orderBy('id').execute()
  const beats = await store.beats()
  const points = (await Promise.all(beats.map((b) => store.under(b.id)))).flat()
  return {
    records: await all('records'),
    arrivals: await all('arrivals'),
    coverage: await all('coverage'),
    clocks: await all('clocks'),
    retractions: await all('retractions'),
    visits: await registry.selectFrom('visits').selectAll().orderBy('id').execute(),
    residents: residents.map(({ id: _id, n: _n, ...row }) => row),
    subjects: subjects.map((row) => ({ ...row, resident: row.resident && keyOf.get(row.resident) })),
    observations: observations.map(({ n: _n, beat: _beat, ...row }) => row),
    quarantine: quarantine.map(({ n: _n, seq: _seq, epoch: _epoch, ...row }) => row),
    points: points.map(({ beat: _beat, ...point }) => point).sort((a, b) => (a.id < b.id ? -1 : 1)),
  }
}

async function run(name: string, all: readonly Row[], store: Store, seed: number | null) {
  const registry = await openTestRegistry(join(folder, `${name}.sqlite`))
  const rand = seeded(seed ?? 0)
  const inOrder = () => all.map((row) => makeMessage(row.hub, row.epoch, row.seq, [row.record]))
  const some = seed === null ? inOrder() : messages(all, rand)
  let beats = 0
  const write = async () => {
    const points = await unwritten(registry, 7)
    const beat = { id: `${name}-${beats++}`, atMs: T }
    await store.write(points, beat)
    await markStored(registry, points, beat)
    return points.length > 0
  }
  for (const message of some) {
    await take(registry, message)
    if (rand() < 0.3) await write()
  }
  while (await write());
  await compareBeats({ registry, store, log: pino({ level: 'silent' }), now: () => T })
  const state = await stateOf(registry, store)
  await registry.destroy()
  return state
}

test('shuffled, repeated and cut, the records give the same state on both stores', async () => {
  const rows = await rowsOfAMonth()
  const sqlite = openSqliteStore(join(folder, 'one.series'))
  const expected = await run('one', rows, sqlite, null)
  await sqlite.close()

  // It is the state it should be, not only the same.
  const reading = (id: string) => expected.observations.find((o) => o.id === id)
  expect(expected.residents.find((r) => r.number === anna.number)).toMatchObject({
    name: anna.name,
    home_site: 'west',
    first_visit_ms: T + 5 * 60_000,
  })
  expect(expected.subjects.find((s) => s.id.endsWith(subjectOf('K01', dora).alias))).toMatchObject({
    resident: null,
    disputed: 1,
  })
  expect(reading('o5')).toMatchObject({ state: 'placed', taken_at_ms: T + 3_600_000 - 60_000, stored: 1 })
  expect(reading('o6')).toMatchObject({ state: 'pending', stored: 0, place_ms: null })
  expect(reading('o7')).toMatchObject({ state: 'placed', taken_at_ms: T - 500 * 60_000 })
  expect(reading('o8')).toMatchObject({ state: 'undated', stored: 0 })
  expect(reading('o9')).toMatchObject({ state: 'pending' })
  expect([reading('o1')?.retracted, reading('o3')?.retracted]).toEqual([0, 1])
  expect(expected.visits.find((v) => v.id === 'v3')).toMatchObject({ opened_at_ms: T + 3_600_000 - 111_000 })
  expect(expected.visits.find((v) => v.id === 'v4')).toMatchObject({ identity_state: 'sealed' })
  expect(expected.quarantine.map((q) => q.reason).sort()).toEqual([
    'invalid-record',
    'invalid-record',
    'unknown-type',
    'wrong-hub',
  ])
  expect(expected.points.length).toBe(expected.observations.filter((o) => o.state === 'placed').length)
  expect(expected.coverage).toMatchObject([
    { epoch: 'e1', from_seq: 1, to_seq: 25 },
    { epoch: 'e3', from_seq: 7, to_seq: 8 },
    { epoch: 'e2', from_seq: 1, to_seq: 33 },
  ])

  for (let seed = 1; seed <= 40; seed++) {
    const embedded = openSqliteStore(join(folder, `s${seed}.series`))
    expect(await run(`s${seed}`, rows, embedded, seed), `seed ${seed} on SQLite`).toEqual(expected)
    await embedded.close()
  }
  for (let seed = 41; seed <= 50; seed++) {
    const influx = openInfluxStore({ host: '127.0.0.1', port: server.port, database: `s${seed}` })
    expect(await run(`s${seed}`, rows, influx, seed), `seed ${seed} on InfluxDB`).toEqual(expected)
  }
}, 120_000)

test('an identity sealed to a key that comes back later is opened then, and its readings find their resident', async () => {
  const registry = await openTestRegistry(join(folder, 'later.sqlite'))
  const visit = await makeVisit('v', cora, lostKey)
  await take(registry, makeMessage('K01', 'e', 1, [visit, makeReading('o', cora, { visit: 'v' })]))
  const both = { ...keys, seals: [...keys.seals, ...lost.seals] }
  expect(await openWaiting(registry, keys, T)).toEqual({ opened: 0, sealed: 1 })
  expect(await openWaiting(registry, both, T)).toEqual({ opened: 1, sealed: 0 })
  const found = await registry
    .selectFrom('observations as o')
    .innerJoin('subjects as s', 's.id', 'o.subject')
    .innerJoin('residents as r', 'r.id', 's.resident')
    .select('r.number')
    .execute()
  expect(found).toEqual([{ number: cora.number }])
  await registry.destroy()
})
