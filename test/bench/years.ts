// Millions of readings: one person's year, a village's last 30 days, and whether the next reading still costs what the first did.
import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { addHub, putSites } from '../../dashboard/server/registry/enrol.ts'
import { takeIn } from '../../dashboard/server/registry/intake.ts'
import { bucketOf } from '../../dashboard/server/registry/place.ts'
import { populationFigures } from '../../dashboard/server/registry/population.ts'
import { openRegistry } from '../../dashboard/server/registry/registry.ts'
import { markStored, unwritten } from '../../dashboard/server/registry/series.ts'
import { openInfluxStore } from '../../dashboard/server/store/influx.ts'
import { openSqliteStore } from '../../dashboard/server/store/sqlite.ts'
import type { Point, Store } from '../../dashboard/server/store/store.ts'
import { topic } from '../../hub/contract/topics.ts'
import { SITE } from '../../simulators/programs.ts'
import { seeded } from '../../simulators/random.ts'
import { HUB } from '../journeys/house.ts'
import { influxd } from '../servers.ts'
import { type Bench, makeReading, median, quantile, ROUNDS, timed } from './measure.ts'

const READINGS_A_YEAR = 500
const VILLAGE = 500
const DAY_MS = 86_400_000
const END_MS = Date.UTC(2026, 2, 1)
const YEAR = { fromMs: END_MS - 365 * DAY_MS, toMs: END_MS }
const BATCH = 10_000

const hashOf = (n: number) => createHash('sha256').update(`person ${n}`).digest('hex')

interface Person {
  subject: string
  bucket: string
}
const makePeople = (count: number): Person[] =>
  Array.from({ length: count }, (_, n) => `${HUB}/${hashOf(n)}`).map((subject) => ({
    subject,
    bucket: bucketOf(subject),
  }))

/** Everybody in turn, so that a person's readings lie over the whole year. */
function point(n: number, total: number, people: readonly Person[]): Point {
  const takenAtMs = YEAR.fromMs + Math.floor((n * 365 * DAY_MS) / total)
  return {
    kind: 'blood-pressure',
    bucket: people[n % people.length]!.bucket,
    unit: 'mm[Hg]',
    placeNs: BigInt(takenAtMs) * 1_000_000n + BigInt(n % 1_000_000),
    id: `reading-${n}`,
    takenAtMs,
    subject: people[n % people.length]!.subject,
    hub: HUB,
    device: 'and-tm2657/A&D/TM-2657/',
    range: null,
    flags: [],
    numbers: { systolic: 100 + (n % 80), diastolic: 60 + (n % 40), mean: 73 + (n % 40), pulse: 60 + (n % 40) },
  }
}

/** As the store writes them, without its promises: the tables are its own, their indexes are made at the end. */
function fillSqlite(file: string, total: number, people: readonly Person[]) {
  const db = new Database(file)
  db.pragma('synchronous = OFF')
  db.pragma('cache_size = -1000000')
  const ofPoints =
    "select name, sql from sqlite_master where type = 'index' and tbl_name = 'points' and sql is not null"
  const indexes = db.prepare<[], { name: string; sql: string }>(ofPoints).all()
  for (const { name } of indexes) db.exec(`drop index ${name}`)
  const put = db.prepare(`
    insert into points (kind, bucket, unit, place_ns, id, taken_at_ms, subject, hub, device, range, flags, numbers, beat)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', ?, 'filled')`)
  const some = db.transaction((from: number, to: number) => {
    for (let n = from; n < to; n++) {
      const { kind, bucket, unit, placeNs, id, takenAtMs, subject, hub, device, range, numbers } = point(
        n,
        total,
        people,
      )
      put.run(kind, bucket, unit, placeNs, id, takenAtMs, subject, hub, device, range, JSON.stringify(numbers))
    }
  })
  for (let n = 0; n < total; n += BATCH) some(n, Math.min(total, n + BATCH))
  for (const { sql } of indexes) db.exec(sql)
  db.close()
}

/** The first by the store itself, which makes the database and its types; the others as text of the same fields. */
async function fillInflux(store: Store, port: number, total: number, people: readonly Person[]) {
  await store.write([point(0, total, people)], { id: randomUUID(), atMs: END_MS })
  const url = `http://127.0.0.1:${port}/write?db=years&precision=n`
  for (let from = 1; from < total; from += BATCH) {
    const lines = Array.from({ length: Math.min(BATCH, total - from) }, (_, i) => {
      const { bucket, placeNs, id, takenAtMs, subject, hub, device, numbers } = point(from + i, total, people)
      const figures = Object.keys(numbers).join()
      const texts = { subject, hub, device, id, range: '', flags: '[]', figures, beat: 'filled' }
      const fields = [
        ...Object.entries(numbers).map(([name, value]) => `${name}=${value}`),
        `takenAtMs=${takenAtMs}i`,
        ...Object.entries(texts).map(([name, value]) => `${name}="${value}"`),
      ]
      return `blood-pressure,bucket=${bucket},unit=mm[Hg] ${fields.join()} ${placeNs}`
    })
    const { status } = await fetch(url, { method: 'POST', body: lines.join('\n') })
    if (status !== 204) throw new Error(`InfluxDB answered ${status}`)
  }
}

/** Milliseconds of one person's year. */
async function ask(store: Store, people: readonly Person[], rounds: number) {
  const random = seeded(1)
  const year: number[] = []
  for (let round = 0; round < rounds; round++) {
    const from = Math.floor(random() * people.length)
    const { subject } = people[from]!
    const query = { kind: 'blood-pressure', unit: 'mm[Hg]', places: [] }
    let found = 0
    year.push(
      await timed(async () => {
        found = (await store.history({ ...query, subjects: [subject], range: YEAR })).length
      }),
    )
    if (found !== READINGS_A_YEAR) throw new Error(`a year had ${found} readings`)
  }
  return year
}

/** Milliseconds of the day figures of a village over the last 30 days, of a registry that holds all the readings. */
async function askVillage(path: string, people: readonly Person[]): Promise<number[]> {
  const db = new Database(path)
  const resident = db.prepare(
    `insert into residents (id, n, number_key, authority, document, number, name, name_search, name_incomplete, sex, home_site,
      home_site_fixed, created_at_ms) values (?, ?, ?, 'cn-resident', 'citizen', '-', '-', '-', 0, 'unknown', ?, 0, 0)`,
  )
  const subject = db.prepare('insert into subjects (id, hub, resident, disputed) values (?, ?, ?, 0)')
  db.transaction(() => {
    for (const [n, person] of people.entries()) {
      const id = randomUUID()
      resident.run(id, n + 1, id, `village-${Math.floor(n / VILLAGE)}`)
      subject.run(person.subject, HUB, id)
    }
  })()
  db.close()
  const registry = await openRegistry(path)
  const ranges = Array.from({ length: 30 }, (_, day) => ({
    fromMs: END_MS - (30 - day) * DAY_MS,
    toMs: END_MS - (29 - day) * DAY_MS,
  }))
  const village: number[] = []
  for (let n = 0; n < Math.min(20, people.length / VILLAGE); n++)
    village.push(await timed(() => populationFigures(registry, `village-${n}`, 'blood-pressure', ranges)))
  await registry.destroy()
  return village
}

/** The registry's rows as intake leaves them, made by SQL: only the bodies are short. */
function fillRegistry(path: string, from: number, to: number, total: number) {
  const db = new Database(path)
  db.pragma('synchronous = OFF')
  db.pragma('cache_size = -2000000')
  db.exec('create temp table chunk (n integer primary key, id text, subject text)')
  const chunk = db.prepare('insert into chunk values (?, ?, ?)')
  const people = total / READINGS_A_YEAR
  const apart = Math.floor((365 * DAY_MS) / total)
  for (let first = from; first < to; first += 100_000)
    db.transaction(() => {
      db.exec('delete from chunk')
      for (let n = first; n < Math.min(to, first + 100_000); n++)
        chunk.run(n, randomUUID(), `${HUB}/${hashOf(n % people)}`)
      db.exec(`
        insert into records (id, type, hub, body, received_at_ms) select id, 'observation', '${HUB}', '{}', ${END_MS} from chunk;
        insert into arrivals (hub, epoch, seq, record) select '${HUB}', 'filled', n + 1, id from chunk;
        insert into observations (id, n, kind, unit, hub, subject, state, taken_at_ms, boot, uptime_ms, bucket, place_ms, place_ns, stored, beat, retracted, received_at_ms, numbers)
        select id, n + 1, 'blood-pressure', 'mm[Hg]', '${HUB}', subject, 'placed', ${YEAR.fromMs} + n * ${apart}, 'b', 1, '000',
          ${YEAR.fromMs} + n * ${apart}, n % 1000000, 1, 'beat', 0, ${END_MS}, '[' || (100 + n % 80) || ',76,97,78]' from chunk;
        insert or replace into counters (name, value) select 'observations', max(n) + 1 from chunk;`)
    })()
  db.close()
}

/** Microseconds from a parsed message to a stored reading, registry and series, in commits of 2,000. */
async function costAt(folder: string, size: number): Promise<number> {
  const registry = await openRegistry(join(folder, 'registry.sqlite'))
  const store = openSqliteStore(join(folder, 'series.sqlite'))
  const costs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const accepted = Array.from({ length: 2000 }, (_, i) => {
      const record = makeReading(HUB, i, END_MS + (size % 7) * DAY_MS + round * 100_000 + i)
      const at = { hub: HUB, topic: topic(HUB, 'records'), epoch: `cost-${size}`, seq: round * 2000 + i + 1 }
      return { ...at, record, body: JSON.stringify(record), opened: null }
    })
    const ms = await timed(async () => {
      await takeIn(registry, { accepted, refused: [] }, END_MS + 10 * DAY_MS)
      const points = await unwritten(registry, 5000)
      const beat = { id: randomUUID(), atMs: END_MS }
      await store.write(points, beat)
      await markStored(registry, points, beat)
    })
    costs.push((ms * 1000) / 2000)
  }
  await registry.destroy()
  await store.close()
  return median(costs)
}

const totalOf = ({ quick }: Bench) => (quick ? 1_000_000 : 10_000_000)

async function years(bench: Bench, name: string, store: Store, fill: (people: Person[]) => Promise<void> | void) {
  const total = totalOf(bench)
  const people = makePeople(total / READINGS_A_YEAR)
  const ms = await timed(() => fill(people))
  bench.say(`  ${total} readings into ${name} in ${(ms / 1000).toFixed(0)} s`)
  const year = await ask(store, people, bench.quick ? 50 : 100)
  bench.note({
    [`personYear${name}P50Ms`]: quantile(year, 0.5),
    [`personYear${name}P95Ms`]: quantile(year, 0.95),
  })
}

async function inFolder(work: (folder: string) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'years-'))
  await work(folder).finally(() => rmSync(folder, { recursive: true }))
}

export const yearsSqlite = (bench: Bench) =>
  inFolder(async (folder) => {
    const file = join(folder, 'series.sqlite')
    const store = openSqliteStore(file)
    const fill = (people: Person[]) => fillSqlite(file, totalOf(bench), people)
    await years(bench, 'Sqlite', store, fill).finally(() => store.close())
  })

export const yearsInflux = (bench: Bench) =>
  inFolder(async (folder) => {
    const server = await influxd(join(folder, 'influx'))
    await server.start()
    const store = openInfluxStore({ host: '127.0.0.1', port: server.port, database: 'years' })
    const fill = (people: Person[]) => fillInflux(store, server.port, totalOf(bench), people)
    await years(bench, 'Influx', store, fill).finally(() => server.end())
  })

/** What one more reading costs, the more there are. */
export const cost = (bench: Bench) =>
  inFolder(async (folder) => {
    const registry = await openRegistry(join(folder, 'registry.sqlite'))
    await putSites(registry, [SITE])
    await addHub(registry, { id: HUB, site: SITE.id, passwordHash: '-' }, 0)
    await registry.destroy()
    const total = totalOf(bench)
    const costs: number[] = []
    let filled = 0
    for (const [name, size] of [
      ['1e5', 100_000],
      ['1e6', 1_000_000],
      ['1e7', 10_000_000],
    ] as const) {
      if (size > total) break
      const ms = await timed(() =>
        fillRegistry(join(folder, 'registry.sqlite'), filled + costs.length * ROUNDS * 2000, size, total),
      )
      bench.say(`  ${size} rows in the registry after ${(ms / 1000).toFixed(0)} s`)
      filled = size
      costs.push(await costAt(folder, size))
      bench.note({ [`costPerReadingUs${name}`]: costs.at(-1)! })
    }
    const people = makePeople(total / READINGS_A_YEAR)
    const village = await askVillage(join(folder, 'registry.sqlite'), people)
    bench.note({ populationP50Ms: quantile(village, 0.5), populationP95Ms: quantile(village, 0.95) })
    bench.note({ costPerReadingLastToFirst: costs.at(-1)! / costs[0]! })
  })
