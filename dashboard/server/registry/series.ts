// What the registry knows of the series: which readings wait to be written, under which beat each lies, what only the series still knows.
import { sql } from 'kysely'
import type { Observation } from '../../../hub/contract/record.ts'
import { topic } from '../../../hub/contract/topics.ts'
import { BEATS_KEPT_MS, type Beat, FIGURES, type Place, type Point } from '../store/store.ts'
import { bucketOf, findFree, placeNs, positionOf } from './place.ts'
import { listNumbers } from './population.ts'
import { keepRefused, textBody } from './quarantine.ts'
import { chunks, lastNumber, takeNumbers } from './registry.ts'
import type { ObservationTable, Registry } from './schema.ts'
import { buriedAmong, type Grave } from './tombstones.ts'

/** The column `stored`: the series refused a reading for good, so that it is not offered in a loop. */
const REFUSED = 2
/** Longer than the series keeps its beats, so that none of those it lists is a stranger. */
const FORGOTTEN_MS = BEATS_KEPT_MS + 7 * 86_400_000

/** The oldest readings that have a place and are not stored. */
export async function unwritten(db: Registry, limit: number): Promise<Point[]> {
  const rows = await db
    .selectFrom('observations as o')
    .leftJoin('records as r', 'r.id', 'o.id')
    .select(['o.id', 'o.kind', 'o.bucket', 'o.unit', 'o.place_ms', 'o.place_ns', 'o.taken_at_ms', 'o.subject', 'o.hub'])
    .select(['o.point', 'r.body'])
    .where('o.stored', '=', sql.lit(0)) // as the index of these says it
    .where('o.state', '=', sql.lit('placed'))
    .orderBy('o.n')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ ...contentOf(row), ...placeIn(row) }))
}

type Placed = Pick<ObservationTable, 'kind' | 'bucket' | 'unit' | 'place_ms' | 'place_ns'>

const placeIn = ({ kind, bucket, unit, place_ms, place_ns }: Placed): Place => ({
  kind,
  bucket,
  unit,
  placeNs: placeNs({ place_ms: place_ms!, place_ns: place_ns! }),
})

const LATEST = 1000

/** A reading that counts as written, among the latest: whether the series really has it can be asked. */
export async function newestWritten(db: Registry): Promise<(Place & { id: string }) | null> {
  const row = await db
    .selectFrom('observations')
    .select(['id', 'kind', 'bucket', 'unit', 'place_ms', 'place_ns'])
    .where('n', '>', (await lastNumber(db, 'observations')) - LATEST) // behind a backlog none may be found; it is no long search
    .where('stored', '=', 1)
    .orderBy('n', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ? { id: row.id, ...placeIn(row) } : null
}

type Content = Pick<ObservationTable, 'id' | 'taken_at_ms' | 'subject' | 'hub' | 'point'> & { body: string | null }

function contentOf(row: Content): Omit<Point, keyof Place> {
  if (row.body === null) return JSON.parse(row.point!)
  const { kind, values, device, range, flags } = JSON.parse(row.body) as Observation // parsed by zod before it was kept
  return {
    id: row.id,
    takenAtMs: row.taken_at_ms!,
    subject: row.subject,
    hub: row.hub,
    device: [device.driver, device.vendor, device.model, device.serial ?? ''].join('/'),
    range,
    flags,
    numbers: Object.fromEntries(
      FIGURES[kind].flatMap((figure) => (typeof values[figure] === 'number' ? [[figure, values[figure]]] : [])),
    ),
  }
}

/** These were written where they stand here, under this beat: stored and beat in one transaction. */
export async function markStored(db: Registry, points: readonly Point[], beat: Beat) {
  await db.transaction().execute(async (trx) => {
    await knowBeat(trx, beat)
    await trx
      .deleteFrom('beats')
      .where('at_ms', '<', beat.atMs - FORGOTTEN_MS)
      .execute()
    for (const some of chunks(points))
      await trx
        .updateTable('observations')
        .set({ stored: 1, beat: beat.id })
        .where(
          'id',
          'in',
          some.map((p) => p.id),
        )
        .where('stored', '=', 0)
        .execute()
  })
}

/** The series will never take these: set aside where staff see them, with the cause; the registry keeps them whole. */
export async function setAside(db: Registry, ids: readonly string[], cause: string, nowMs: number): Promise<string[]> {
  return db.transaction().execute(async (trx) => {
    const hubs = new Set<string>()
    for (const some of chunks(ids)) {
      const rows = await trx.selectFrom('records').select(['id', 'hub', 'body']).where('id', 'in', some).execute()
      const refused = rows.map(({ hub, body }) => ({
        hub,
        topic: topic(hub, 'records'),
        epoch: null,
        seq: null,
        reason: 'store-refused' as const,
        detail: `kept whole, but the time series does not take it: ${cause}`,
        body: textBody(body),
      }))
      await keepRefused(trx, refused, nowMs)
      await trx
        .updateTable('observations')
        .set({ stored: REFUSED })
        .where('id', 'in', some)
        .where('stored', '=', 0)
        .execute()
      for (const { hub } of rows) hubs.add(hub)
    }
    return [...hubs]
  })
}

/** At a start: what a series refused once is offered to it again, for it may be another one now. */
export async function offerAgain(db: Registry): Promise<void> {
  await db.updateTable('observations').set({ stored: 0 }).where('stored', '=', REFUSED).execute()
}

/** The same for one, when staff ask: its row in the quarantine is settled, and comes back should the series refuse it again. */
export async function offerOne(db: Registry, quarantine: string, observation: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx
      .updateTable('observations')
      .set({ stored: 0 })
      .where('id', '=', observation)
      .where('stored', '=', REFUSED)
      .execute()
    await trx.deleteFrom('quarantine').where('id', '=', quarantine).execute()
  })
}

/** Another writer may have met it in the series already. */
const knowBeat = (trx: Registry, { id, atMs }: Beat) =>
  trx
    .insertInto('beats')
    .values({ id, at_ms: atMs })
    .onConflict((c) => c.doNothing())
    .execute()

/** Every beat the registry knows; some may be older than those the series still keeps. */
export async function beatsOf(db: Registry): Promise<Beat[]> {
  const rows = await db.selectFrom('beats').selectAll().execute()
  return rows.map(({ id, at_ms }) => ({ id, atMs: at_ms }))
}

/** The series does not know these beats: what lies under them is not stored, and will be written again. */
export async function forgetBeats(db: Registry, beats: readonly string[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    for (const some of chunks(beats)) {
      await trx.updateTable('observations').set({ stored: 0, beat: null }).where('beat', 'in', some).execute()
      await trx.deleteFrom('beats').where('id', 'in', some).execute()
    }
  })
}

/** The series is another one: nothing counts as stored. @returns whether anything had */
export async function forgetAll(db: Registry): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('observations')
    .set({ stored: 0, beat: null })
    .where('stored', '=', 1)
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

/**
 * Takes up points that lie under a beat the registry does not know (it was restored): unknown ids complete the index.
 * @returns places that hold an id which the index has elsewhere, or one of somebody who was erased: they are to be erased
 */
export async function completeFrom(
  db: Registry,
  beat: Beat,
  points: readonly Point[],
  nowMs: number,
): Promise<Place[]> {
  return db.transaction().execute(async (trx) => {
    const strays: Place[] = []
    for (const some of chunks(points)) {
      const ids = some.map((p) => p.id)
      const known = new Map(
        (await trx.selectFrom('observations').selectAll().where('id', 'in', ids).execute()).map((row) => [row.id, row]),
      )
      const fresh: ObservationTable[] = []
      const buried = await buriedAmong(trx, some.flatMap(gravesOf))
      const isErased = (p: Point) =>
        buried.at('id', p.id) !== null || p.takenAtMs <= (buried.at('subject', p.subject ?? '') ?? 0)
      const lost = some.filter((p) => !known.has(p.id) && !isErased(p))
      let n = lost.length === 0 ? 0 : await takeNumbers(trx, 'observations', lost.length)
      for (const p of some) {
        const row = known.get(p.id)
        if (!row && isErased(p)) strays.push(p)
        else if (!row) fresh.push(indexed(p, beat.id, n++, nowMs))
        else if (row.place_ms === null || placeIn(row).placeNs !== p.placeNs || row.bucket !== p.bucket) strays.push(p)
      }
      const wanted = new Map(fresh.map((row) => [row.id, placeIn(row).placeNs]))
      await findFree(trx, fresh)
      // Its place went to another meanwhile: the index has it at the next one, where it is written anew.
      for (const row of fresh)
        if (placeIn(row).placeNs !== wanted.get(row.id)) Object.assign(row, { stored: 0, beat: null })
      if (fresh.length > 0) await trx.insertInto('observations').values(fresh).execute()
    }
    await knowBeat(trx, beat)
    return strays
  })
}

const gravesOf = ({ id, subject }: Point): Grave[] => [
  { is: 'id', value: id },
  ...(subject === null ? [] : [{ is: 'subject' as const, value: subject }]),
]

const indexed = (p: Point, beat: string, n: number, nowMs: number): ObservationTable => ({
  id: p.id,
  n,
  kind: p.kind,
  unit: p.unit,
  hub: p.hub,
  subject: p.subject,
  visit: null,
  state: 'placed',
  taken_at_ms: p.takenAtMs,
  boot: '',
  uptime_ms: 0,
  bucket: bucketOf(p.subject),
  ...positionOf(p.placeNs),
  stored: 1,
  beat,
  retracted: 0,
  received_at_ms: nowMs,
  point: JSON.stringify({ ...p, placeNs: String(p.placeNs) }),
  range: p.range,
  numbers: listNumbers(p.kind, p.numbers),
})
