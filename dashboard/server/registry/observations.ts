// Readings as staff see them: of one resident, the newest, those without an owner; and the giving of one to a resident.
import { randomUUID } from 'node:crypto'
import { type SelectQueryBuilder, sql } from 'kysely'
import type { Observation } from '../../../hub/contract/record.ts'
import type { Place, Point } from '../store/store.ts'
import { lastNumber } from './registry.ts'
import type { Registry } from './schema.ts'
import { inSites, type Listed, type Sites, type Window } from './scope.ts'

/** A reading with where it was taken and whose it is. */
export interface Shown {
  id: string
  n: number
  kind: string
  unit: string
  hub: string
  site: string
  zone: string
  subject: string | null
  visit: string | null
  state: 'placed' | 'undated' | 'pending'
  /** Where the series holds it; null while it holds none. */
  place: Place | null
  /** The instant it counts under; null while undated or pending. */
  takenAtMs: number | null
  receivedAtMs: number
  retracted: boolean
  /** As the hub sent it; null while only the series knows this reading: then `point` holds what it knows. */
  record: Observation | null
  point: (Omit<Point, 'placeNs'> & { placeNs: string }) | null
  resident: { id: string; name: string; birthDate: string | null } | null
  assigned: { by: string; atMs: number; reason: string } | null
}

const shown = (db: Registry) =>
  db
    .selectFrom('observations as o')
    .innerJoin('hubs as h', 'h.id', 'o.hub')
    .innerJoin('sites as site', 'site.id', 'h.site')
    .leftJoin('records as r', 'r.id', 'o.id')
    .leftJoin('assignments as a', 'a.observation', 'o.id')
    .leftJoin('subjects as s', 's.id', 'o.subject')
    .leftJoin('residents as p', (join) => join.on((eb) => eb('p.id', '=', eb.fn.coalesce('a.resident', 's.resident'))))

type From = ReturnType<typeof shown>
type Of<Q> = Q extends SelectQueryBuilder<infer DB, infer TB, unknown> ? SelectQueryBuilder<DB, TB, object> : never

async function rows(query: Of<From>): Promise<Shown[]> {
  const found = await query
    .select(['o.id', 'o.n', 'o.kind', 'o.unit', 'o.hub', 'h.site', 'site.zone', 'o.subject', 'o.visit', 'o.state'])
    .select(['o.bucket', 'o.place_ms', 'o.place_ns'])
    .select(['o.taken_at_ms', 'o.received_at_ms', 'o.retracted', 'o.point', 'r.body'])
    .select(['p.id as resident', 'p.name', 'p.birth_date', 'a.user', 'a.at_ms', 'a.reason'])
    .execute()
  return found.map((row) => ({
    id: row.id,
    n: row.n,
    kind: row.kind,
    unit: row.unit,
    hub: row.hub,
    site: row.site,
    zone: row.zone,
    subject: row.subject,
    visit: row.visit,
    state: row.state,
    place:
      row.place_ms === null
        ? null
        : {
            kind: row.kind,
            bucket: row.bucket,
            unit: row.unit,
            placeNs: BigInt(row.place_ms) * 1_000_000n + BigInt(row.place_ns ?? 0),
          },
    takenAtMs: row.taken_at_ms,
    receivedAtMs: row.received_at_ms,
    retracted: row.retracted === 1,
    record: row.body === null ? null : (JSON.parse(row.body) as Observation), // parsed by zod before it was kept
    point: row.point === null ? null : JSON.parse(row.point),
    resident: row.resident === null ? null : { id: row.resident, name: row.name!, birthDate: row.birth_date },
    assigned: row.user === null ? null : { by: row.user, atMs: row.at_ms!, reason: row.reason! },
  }))
}

async function listed(db: Registry, query: Of<From>, window: Window, by: 'taken' | 'arrived') {
  const before = window.before ?? (await lastNumber(db, 'observations'))
  const within = query.where('o.n', '<=', before)
  const { total } = await within.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  const ordered =
    by === 'taken' ? within.orderBy(sql`o.taken_at_ms is null`, 'desc').orderBy('o.taken_at_ms', 'desc') : within
  const items = await rows(ordered.orderBy('o.n', 'desc').limit(window.limit).offset(window.offset))
  return { items, total: Number(total), before } satisfies Listed<Shown>
}

/** By subject unless a named person gave the reading to somebody else. As a union: an OR of the two is looked up row by row. */
const belongsTo = (db: Registry, resident: string) =>
  shown(db)
    .where('o.id', 'in', (eb) =>
      eb
        .selectFrom('observations')
        .select('id')
        .where('subject', 'in', eb.selectFrom('subjects').select('id').where('resident', '=', resident))
        .unionAll(eb.selectFrom('assignments').select('observation as id').where('resident', '=', resident)),
    )
    .where((eb) => eb.or([eb('a.observation', 'is', null), eb('a.resident', '=', resident)]))

export interface OfResident extends Window {
  kind?: string | undefined
  /** Inclusive. */
  fromMs?: number | undefined
  /** Exclusive. */
  toMs?: number | undefined
}

/** All of one resident, undated ones first, then newest first. Whether the user may see the resident is asked before. */
export async function observationsOf(db: Registry, resident: string, query: OfResident): Promise<Listed<Shown>> {
  let found = belongsTo(db, resident)
  if (query.kind !== undefined) found = found.where('o.kind', '=', query.kind)
  if (query.fromMs !== undefined) found = found.where('o.taken_at_ms', '>=', query.fromMs)
  if (query.toMs !== undefined) found = found.where('o.taken_at_ms', '<', query.toMs)
  return listed(db, found, query, 'taken')
}

/** The newest standing reading of a kind; null without one. */
export async function latestOf(db: Registry, resident: string, kind: string): Promise<Shown | null> {
  const found = belongsTo(db, resident).where('o.kind', '=', kind).where('o.retracted', '=', 0)
  const newest = found.where('o.taken_at_ms', 'is not', null).orderBy('o.taken_at_ms', 'desc').orderBy('o.n', 'desc')
  return (await rows(newest.limit(1)))[0] ?? null
}

/** What the series must be asked for the figures of a resident, and what of its answer does not count. */
export interface FiguresOf {
  units: string[]
  subjects: string[]
  /** Readings a named person gave to this resident. */
  places: Place[]
  /** Retracted ones, and those under this resident's alias that a named person gave to somebody else. */
  without: string[]
}

export async function figuresOf(db: Registry, resident: string, kind: string): Promise<FiguresOf> {
  const subjects = await db.selectFrom('subjects').select('id').where('resident', '=', resident).orderBy('id').execute()
  const own = belongsTo(db, resident).where('o.kind', '=', kind)
  const units = await own.select('o.unit').distinct().orderBy('o.unit').execute()
  const given = await rows(own.where('a.resident', '=', resident))
  const retracted = await own.select('o.id').where('o.retracted', '=', 1).execute()
  const elsewhere = await db
    .selectFrom('observations as o')
    .innerJoin('assignments as a', 'a.observation', 'o.id')
    .innerJoin('subjects as s', 's.id', 'o.subject')
    .select('o.id')
    .where('s.resident', '=', resident)
    .where('a.resident', '!=', resident)
    .execute()
  return {
    units: units.map(({ unit }) => unit),
    subjects: subjects.map(({ id }) => id),
    places: given.flatMap(({ place }) => place ?? []),
    without: [...retracted, ...elsewhere].map(({ id }) => id),
  }
}

/** How many readings of each kind a resident has. */
export async function countsOf(db: Registry, resident: string): Promise<Record<string, number>> {
  const counts = await belongsTo(db, resident)
    .select((eb) => ['o.kind', eb.fn.countAll<number>().as('total')])
    .groupBy('o.kind')
    .execute()
  return Object.fromEntries(counts.map((row) => [row.kind, Number(row.total)]))
}

const SEEN_BY = ['h.site', 'p.home_site']

/** As they arrived, newest first: of the kiosks at these sites and of the residents at home there. */
export async function recentObservations(db: Registry, window: Window): Promise<Listed<Shown>> {
  return listed(
    db,
    shown(db).where((eb) => inSites(eb, window.sites, SEEN_BY)),
    window,
    'arrived',
  )
}

/** Those numbered after `n`, oldest first: what a live stream that was away has missed. */
export async function observationsAfter(db: Registry, sites: Sites, n: number, limit: number): Promise<Shown[]> {
  const found = shown(db).where((eb) => inSites(eb, sites, SEEN_BY))
  return rows(found.where('o.n', '>', n).orderBy('o.n', 'asc').limit(limit))
}

/** Of those numbered after `n` through `last`, the newest that were taken since `fromMs`, oldest first. */
export async function justTaken(
  db: Registry,
  sites: Sites,
  { n, last, fromMs, limit }: { n: number; last: number; fromMs: number; limit: number },
): Promise<Shown[]> {
  const found = shown(db).where((eb) => inSites(eb, sites, SEEN_BY))
  const within = found.where('o.n', '>', n).where('o.n', '<=', last).where('o.taken_at_ms', '>=', fromMs)
  return (await rows(within.orderBy('o.n', 'desc').limit(limit))).reverse()
}

/** Null when there is none of this id at these sites. */
export async function getObservation(db: Registry, sites: Sites, id: string): Promise<Shown | null> {
  const found = shown(db).where((eb) => inSites(eb, sites, SEEN_BY))
  return (await rows(found.where('o.id', '=', id)))[0] ?? null
}

/** Standing readings that are nobody's, or whose person's identity could not be opened; newest first. */
export async function unassignedObservations(db: Registry, window: Window): Promise<Listed<Shown>> {
  const found = shown(db)
    .where((eb) => inSites(eb, window.sites, ['h.site']))
    .where('o.retracted', '=', 0)
    .where('a.resident', 'is', null)
    .where('s.resident', 'is', null)
  return listed(db, found, window, 'arrived')
}

export interface CandidateVisit {
  resident: { id: string; name: string; number: string }
  openedAtMs: number
  when: 'before' | 'after'
}

const CANDIDATE_MS = 12 * 3_600_000

/** The last two who stood at this kiosk before the reading and the first two after it: an aid to memory, not a ranking. */
export async function candidatesFor(db: Registry, reading: Shown): Promise<CandidateVisit[]> {
  const at = reading.takenAtMs ?? reading.receivedAtMs
  const visits = db
    .selectFrom('visits as v')
    .innerJoin('subjects as s', 's.id', 'v.subject')
    .innerJoin('residents as p', 'p.id', 's.resident')
    .select(['p.id', 'p.name', 'p.number', 'v.opened_at_ms'])
    .where('v.hub', '=', reading.hub)
    .limit(2)
  const before = await visits
    .where('v.opened_at_ms', '<=', at)
    .where('v.opened_at_ms', '>', at - CANDIDATE_MS)
    .orderBy('v.opened_at_ms', 'desc')
    .execute()
  const after = await visits
    .where('v.opened_at_ms', '>', at)
    .where('v.opened_at_ms', '<', at + CANDIDATE_MS)
    .orderBy('v.opened_at_ms', 'asc')
    .execute()
  const as = (when: 'before' | 'after') => (v: (typeof before)[number]) => ({
    resident: { id: v.id, name: v.name, number: v.number },
    openedAtMs: v.opened_at_ms!,
    when,
  })
  return [...before.map(as('before')), ...after.map(as('after'))]
}

/** Gives a reading without an owner to a resident, and writes it into the audit. Both ids were checked against the user's sites. */
export async function assign(
  db: Registry,
  given: { observation: string; resident: string; user: string; reason: string; atMs: number },
): Promise<'assigned' | 'already-assigned' | 'not-found'> {
  return db.transaction().execute(async (trx) => {
    const [reading] = await rows(shown(trx).where('o.id', '=', given.observation))
    if (!reading) return 'not-found'
    if (reading.resident !== null) return 'already-assigned'
    const { observation, resident, user, reason, atMs } = given
    await trx.insertInto('assignments').values({ observation, resident, user, at_ms: atMs, reason }).execute()
    const detail = JSON.stringify({ resident, reason })
    const audit = { id: randomUUID(), at_ms: atMs, user, action: 'assign', target: observation, detail }
    await trx.insertInto('audit').values(audit).execute()
    return 'assigned'
  })
}
