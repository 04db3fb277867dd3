// One registry transaction for what a message brought: each record kept whole, every number it came by, its place in
// the series, visits and identities. A function of the set of records, save which of two versions of an id came first.
import { isDeepStrictEqual } from 'node:util'
import { sql } from 'kysely'
import type { ClockRecord, HubRecord, Observation, Retraction, Visit } from '../../../hub/contract/record.ts'
import { Observation as ObservationSchema, Visit as VisitSchema } from '../../../hub/contract/record.ts'
import { type Sifted, sift } from './buried.ts'
import { type Opened, redateVisits, settle, subjectId, visitRow } from './identity.ts'
import { cover } from './marks.ts'
import { bucketOf, dated, findFree, openedAt, placeOf } from './place.ts'
import { listNumbers } from './population.ts'
import { keepRefused, quarantineId, type Refused, textBody } from './quarantine.ts'
import { chunks, insertNew, takeNumbers } from './registry.ts'
import type { ArrivalTable, ClockTable, ObservationTable, RecordTable, Registry } from './schema.ts'

/** A record that passed, with the number it came by and its text as it is kept. */
export interface Accepted {
  hub: string
  topic: string
  epoch: string
  seq: number
  record: HubRecord
  body: string
  /** For visits: what its seal held. */
  opened: Opened | null
}

/** Something staff should see at once. */
export type Change =
  | { kind: 'observation'; id: string; n: number; hub: string; owner?: 'known-now' }
  | { kind: 'kiosk'; hub: string }
  | { kind: 'quarantine'; hub: string | null }
  /** Counted, shown to nobody at once. */
  | { kind: 'taken'; hub: string; accepted: number; rejected: number }
  | { kind: 'written'; points: number }
  /** Since when what arrived waits to be kept; null: nothing does. */
  | { kind: 'keeping'; sinceMs: number | null }
  | { kind: 'part'; part: 'broker' | 'registry' | 'series'; state: 'ok' | 'away' }

export interface Intake {
  accepted: readonly Accepted[]
  /** Those with epoch and seq count as stored. */
  refused: readonly Refused[]
}

export async function takeIn(db: Registry, came: Intake, nowMs: number): Promise<Change[]> {
  return db.transaction().execute(async (trx) => {
    const intake = await sift(trx, came, nowMs)
    const { fresh, conflicts } = await keepRecords(trx, intake.accepted, nowMs)
    const of = <T extends HubRecord>(type: T['type']) => fresh.filter((f) => f.record.type === type)
    const clocks = await keepClocks(
      trx,
      of<ClockRecord>('clock').map((f) => f.record as ClockRecord),
    )
    await keepRetractions(
      trx,
      of<Retraction>('retraction').map((f) => f.record as Retraction),
    )
    const touched = await keepVisits(trx, of<Visit>('visit'), nowMs)
    const observed = await keepObservations(
      trx,
      of<Observation>('observation').map((f) => f.record as Observation),
      nowMs,
    )
    await dateWaiting(trx, clocks, nowMs)
    const newcomers = await keepRefused(trx, [...intake.refused, ...conflicts], nowMs)
    await noteArrivals(trx, intake, nowMs)
    const known = new Set(observed.map((o) => o.id))
    const renamed = (await ofSubjects(trx, touched)).filter((o) => !known.has(o.id))
    const told = ({ id, n, hub }: { id: string; n: number; hub: string }) => ({
      kind: 'observation' as const,
      id,
      n,
      hub,
    })
    return [
      ...observed.map(told),
      ...renamed.map((o) => ({ ...told(o), owner: 'known-now' as const })),
      ...[...new Set(newcomers.map((r) => r.hub))].map((hub) => ({ kind: 'quarantine' as const, hub })),
    ]
  })
}

/** Keeps the first version of every id; another one is kept aside, whole, and counted. */
async function keepRecords(trx: Registry, accepted: readonly Accepted[], nowMs: number) {
  const first = new Map<string, Accepted>()
  const again: Accepted[] = []
  for (const one of accepted) {
    if (first.has(one.record.id)) again.push(one)
    else first.set(one.record.id, one)
  }
  const rows = [...first.values()].map(
    ({ record, hub, body }): RecordTable => ({ id: record.id, type: record.type, hub, body, received_at_ms: nowMs }),
  )
  const inserted = await insertNew(trx, rows, (row) =>
    trx
      .insertInto('records')
      .values(row)
      .onConflict((c) => c.doNothing()),
  )
  const fresh = inserted.map(({ id }) => first.get(id)!)
  for (const { record } of fresh) first.delete(record.id)
  again.push(...first.values())
  return { fresh, conflicts: await conflictsOf(trx, again) }
}

/** Those that differ from the version that is kept. */
async function conflictsOf(trx: Registry, again: readonly Accepted[]): Promise<Refused[]> {
  const kept = new Map<string, string>()
  for (const ids of chunks([...new Set(again.map((one) => one.record.id))])) {
    const rows = await trx.selectFrom('records').select(['id', 'body']).where('id', 'in', ids).execute()
    for (const { id, body } of rows) kept.set(id, body)
  }
  return again.flatMap(({ hub, topic, epoch, seq, body, record }): Refused[] => {
    const first = kept.get(record.id)!
    if (first === body || isDeepStrictEqual(JSON.parse(first), JSON.parse(body))) return []
    const detail = `a second, different version of record ${record.id}: the first stays`
    return [{ hub, topic, epoch, seq, reason: 'conflict', detail, body: textBody(body) }]
  })
}

/** The first clock record of a boot counts: a point never moves. */
async function keepClocks(trx: Registry, clocks: readonly ClockRecord[]): Promise<ClockTable[]> {
  const told: ClockTable[] = []
  for (const { hub, boot, uptimeMs, instant } of clocks) {
    const row = { hub, boot, uptime_ms: uptimeMs, instant_ms: Date.parse(instant) }
    const kept = await trx
      .insertInto('clocks')
      .values(row)
      .onConflict((c) => c.doNothing())
      .returning('boot')
      .executeTakeFirst()
    if (kept) told.push(row)
  }
  return told
}

/** Only the hub that sent a reading can take it back; a retraction that comes first waits in its table. */
async function keepRetractions(trx: Registry, retractions: readonly Retraction[]): Promise<void> {
  for (const { id, hub, of, at, reason } of retractions) {
    await trx
      .insertInto('retractions')
      .values({ id, hub, of, at_ms: Date.parse(at), reason })
      .execute()
    await trx.updateTable('observations').set({ retracted: 1 }).where('id', '=', of).where('hub', '=', hub).execute()
  }
}

async function keepVisits(trx: Registry, visits: readonly Accepted[], nowMs: number): Promise<string[]> {
  if (visits.length === 0) return []
  const parsed = visits.map(({ record, opened }) => ({ visit: record as Visit, opened: opened! }))
  const clocks = await clocksOf(
    trx,
    parsed.map((p) => p.visit),
  )
  const rows = parsed.map(({ visit, opened }) => visitRow(visit, opened, openedAt(visit, clocks(visit), nowMs)))
  for (const some of chunks(rows)) await trx.insertInto('visits').values(some).execute()
  return settle(trx, rows, nowMs)
}

async function keepObservations(trx: Registry, readings: readonly Observation[], nowMs: number) {
  if (readings.length === 0) return []
  const clocks = await clocksOf(trx, readings)
  const first = await takeNumbers(trx, 'observations', readings.length)
  const rows = readings.map((reading, i): ObservationTable => {
    const subject = reading.subject && subjectId(reading.subject)
    const when = dated(reading, clocks(reading), nowMs)
    return {
      id: reading.id,
      n: first + i,
      kind: reading.kind,
      unit: reading.unit,
      hub: reading.hub,
      subject,
      visit: reading.visit,
      ...when,
      boot: reading.clock.boot,
      uptime_ms: reading.clock.uptimeMs,
      bucket: bucketOf(subject),
      ...(when.taken_at_ms === null
        ? { place_ms: null, place_ns: null }
        : placeOf(reading.id, when.taken_at_ms, reading.resolution)),
      stored: 0,
      beat: null,
      retracted: 0,
      received_at_ms: nowMs,
      point: null,
      range: reading.range,
      numbers: listNumbers(reading.kind, reading.values),
    }
  })
  const indexed = new Set(
    await insertNew(trx, rows, (row) =>
      trx
        .insertInto('observations')
        .values(row)
        .onConflict((c) => c.doNothing()),
    ),
  )
  await keepCrowded(
    trx,
    rows.filter((row) => !indexed.has(row)),
  )
  await trx
    .updateTable('observations as o')
    .set({ retracted: 1 })
    .where('o.n', '>=', first)
    .where('o.n', '<', first + rows.length)
    .where((eb) =>
      eb.exists(
        eb.selectFrom('retractions as r').select('r.id').whereRef('r.of', '=', 'o.id').whereRef('r.hub', '=', 'o.hub'),
      ),
    )
    .execute()
  return rows
}

/** Readings that find their place taken, and those that the index had from the series before their record came again. */
async function keepCrowded(trx: Registry, rows: readonly ObservationTable[]): Promise<void> {
  const indexed = new Set<string>()
  for (const some of chunks(rows)) {
    const ids = some.map((row) => row.id)
    const known = await trx.selectFrom('observations').select('id').where('id', 'in', ids).execute()
    for (const { id } of known) indexed.add(id)
  }
  for (const some of chunks(rows.filter((row) => !indexed.has(row.id)))) {
    await findFree(trx, some)
    await trx.insertInto('observations').values(some).execute()
  }
  // The series gave it back before its record came again: the point keeps its place and is written from the record.
  for (const row of rows.filter((row) => indexed.has(row.id))) {
    const { id, n, hub, subject, visit, boot, uptime_ms, range, numbers } = row
    const known = { n, hub, subject, visit, boot, uptime_ms, range, numbers }
    await trx
      .updateTable('observations')
      .set({ ...known, retracted: 0, stored: 0, beat: null, point: null })
      .where('id', '=', id)
      .execute()
  }
}

/** Clock records by hub and boot, for those whose hub did not trust its own clock. */
async function clocksOf(trx: Registry, records: readonly (Observation | Visit)[]) {
  const boots = [...new Set(records.map((r) => r.clock.boot))]
  const found = new Map<string, ClockTable>()
  for (const some of chunks(boots)) {
    const rows = await trx.selectFrom('clocks').selectAll().where('boot', 'in', some).execute()
    for (const row of rows) found.set(`${row.hub} ${row.boot}`, row)
  }
  return (record: Observation | Visit) => found.get(`${record.hub} ${record.clock.boot}`)
}

/** What waited for the clock of its boot gets its time, and its place. */
async function dateWaiting(trx: Registry, told: readonly ClockTable[], nowMs: number): Promise<void> {
  for (const clock of told) {
    const readings = await trx
      .selectFrom('observations as o')
      .innerJoin('records as r', 'r.id', 'o.id')
      .select(['o.id', 'o.kind', 'o.unit', 'o.bucket', 'o.received_at_ms', 'r.body'])
      .where('o.state', '=', sql.lit('pending')) // as the index of these says it
      .where('o.hub', '=', clock.hub)
      .where('o.boot', '=', clock.boot)
      .execute()
    for (const { id, kind, unit, bucket, received_at_ms, body } of readings) {
      const reading = ObservationSchema.parse(JSON.parse(body))
      const when = dated(reading, clock, received_at_ms)
      if (when.taken_at_ms === null) continue
      const spot = { kind, unit, bucket, ...placeOf(id, when.taken_at_ms, reading.resolution) }
      await findFree(trx, [spot])
      const place = { place_ms: spot.place_ms, place_ns: spot.place_ns }
      await trx
        .updateTable('observations')
        .set({ ...when, ...place })
        .where('id', '=', id)
        .execute()
    }
    const visits = await trx
      .selectFrom('visits as v')
      .innerJoin('records as r', 'r.id', 'v.id')
      .select(['v.id', 'r.body', 'r.received_at_ms'])
      .where('v.opened_at_ms', 'is', null)
      .where('v.hub', '=', clock.hub)
      .where('v.boot', '=', clock.boot)
      .execute()
    const known = visits.map(({ id, body, received_at_ms }) => ({
      id,
      opened_at_ms: openedAt(VisitSchema.parse(JSON.parse(body)), clock, received_at_ms),
    }))
    await redateVisits(
      trx,
      known.flatMap((v) => (v.opened_at_ms === null ? [] : [{ id: v.id, opened_at_ms: v.opened_at_ms }])),
      nowMs,
    )
  }
}

async function noteArrivals(trx: Registry, intake: Sifted, nowMs: number): Promise<void> {
  const arrived = ({ hub, epoch, seq }: Accepted, record: string | null): ArrivalTable => ({
    ...{ hub, epoch, seq, record, quarantine: null },
  })
  const numbered = [
    ...intake.accepted.map((one) => arrived(one, one.record.id)),
    ...intake.dropped.map((one) => arrived(one, null)),
  ]
  for (const refused of intake.refused) {
    const { hub, epoch, seq } = refused
    if (hub === null || epoch === null || seq === null) continue
    numbered.push({ hub, epoch, seq, record: null, quarantine: quarantineId(refused) })
  }
  await insertNew(trx, numbered, (row) =>
    trx
      .insertInto('arrivals')
      .values(row)
      .onConflict((c) => c.doNothing()),
  )
  const epochs = new Map<string, ArrivalTable[]>()
  for (const one of numbered) {
    const key = `${one.hub} ${one.epoch}`
    const rows = epochs.get(key)
    if (rows) rows.push(one)
    else epochs.set(key, [one])
  }
  for (const rows of epochs.values()) {
    const seqs = rows.map((a) => a.seq)
    await cover(trx, rows[0]!.hub, rows[0]!.epoch, seqs, nowMs)
  }
}

/** Readings whose owner has just become known. */
async function ofSubjects(trx: Registry, subjects: readonly string[]) {
  const found: { id: string; n: number; hub: string }[] = []
  for (const some of chunks(subjects)) {
    found.push(
      ...(await trx.selectFrom('observations').select(['id', 'n', 'hub']).where('subject', 'in', some).execute()),
    )
  }
  return found
}
