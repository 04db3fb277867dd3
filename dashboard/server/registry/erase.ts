// Erasing a person: everything of theirs goes from the registry, tombstones stay, and hubs are asked to forget (promises 2.4).
import { sql } from 'kysely'
import { MAX_ALIASES, MAX_ERASED } from '../../../hub/contract/command.ts'
import { audit } from './audit.ts'
import { ask } from './commands.ts'
import { blankQuarantine } from './quarantine.ts'
import { chunks } from './registry.ts'
import { blankSetAside } from './retention.ts'
import type { Registry } from './schema.ts'
import { buriedAmong, bury, emptyPlaces, type Grave } from './tombstones.ts'

export interface Erased {
  readings: number
  visits: number
}

/** All that is known of somebody, by which it is found and named. */
interface Traces {
  subjects: readonly string[]
  visits: readonly { id: string }[]
  readings: readonly { id: string; hub: string; subject: string | null }[]
  /** Failures of their visits, retractions of their readings. */
  others: readonly string[]
}

/**
 * Erases a resident as if the person had never been here; `compact` afterwards clears the free pages.
 * @param asked by whom, for the audit ('-': a command on the machine itself), and since when the person counts as erased
 * @returns null when there is no such resident
 */
export async function eraseResident(
  db: Registry,
  resident: string,
  { user, atMs, nowMs }: { user: string; atMs: number; nowMs: number },
): Promise<Erased | null> {
  return db.transaction().execute(async (trx) => {
    const person = await trx.selectFrom('residents').selectAll().where('id', '=', resident).executeTakeFirst()
    if (!person) return null
    const traces = await tracesOf(trx, person)
    await bury(trx, [{ is: 'person', value: person.number_key }], atMs)
    await remove(trx, traces, atMs, [person.name, person.number, resident])
    await trx.updateTable('audit').set({ detail: '' }).where('target', '=', resident).execute()
    await trx
      .updateTable('audit')
      .set({ target: resident, detail: '' })
      .where('detail', 'like', `%${resident}%`)
      .execute()
    await trx.deleteFrom('residents').where('id', '=', resident).execute()
    await audit(trx, nowMs, { user, action: 'erased', target: resident })
    return { readings: traces.readings.length, visits: traces.visits.length }
  })
}

async function tracesOf(trx: Registry, person: { id: string; number_key: string }): Promise<Traces> {
  const own = await trx.selectFrom('subjects').select('id').where('resident', '=', person.id).execute()
  const subjects = own.map((row) => row.id)
  const given = await trx
    .selectFrom('assignments as a')
    .innerJoin('observations as o', 'o.id', 'a.observation')
    .select(['o.id', 'o.hub', 'o.subject'])
    .where('a.resident', '=', person.id)
    .execute()
  const visits = await trx.selectFrom('visits').select('id').where('number_key', '=', person.number_key).execute()
  const measured: Traces['readings'][number][] = []
  for (const some of chunks(subjects)) {
    visits.push(...(await trx.selectFrom('visits').select('id').where('subject', 'in', some).execute()))
    const of = trx.selectFrom('observations as o').select(['o.id', 'o.hub', 'o.subject']).where('o.subject', 'in', some)
    // What a named person gave to somebody else is somebody else's.
    measured.push(
      ...(await of
        .where('o.id', 'not in', (eb) =>
          eb.selectFrom('assignments').select('observation').where('resident', '!=', person.id),
        )
        .execute()),
    )
  }
  return completed(trx, { subjects, visits: unique(visits), readings: unique([...given, ...measured]) })
}

const unique = <T extends { id: string }>(rows: readonly T[]) => [...new Map(rows.map((row) => [row.id, row])).values()]

async function completed(trx: Registry, found: Omit<Traces, 'others'>): Promise<Traces> {
  const others: string[] = []
  for (const some of chunks(found.readings.map(({ id }) => id)))
    others.push(
      ...(await trx.selectFrom('retractions').select('id').where('of', 'in', some).execute()).map((r) => r.id),
    )
  if (found.visits.length > 0) {
    const visits = new Set(found.visits.map(({ id }) => id))
    const failures = trx.selectFrom('records').select(['id', 'body']).where('type', '=', 'failure')
    for (const { id, body } of await failures.execute()) if (visits.has(JSON.parse(body).visit)) others.push(id)
  }
  return { ...found, others }
}

/** @param plain name, number and id, should anything that was refused hold them in the clear */
async function remove(trx: Registry, traces: Traces, atMs: number, plain: readonly string[]): Promise<void> {
  const { subjects, visits, readings, others } = traces
  const ids = [...visits, ...readings].map(({ id }) => id).concat(others)
  const graves: Grave[] = [
    ...subjects.map((value) => ({ is: 'subject' as const, value })),
    ...ids.map((value) => ({ is: 'id' as const, value })),
  ]
  await bury(trx, graves, atMs)
  for (const some of chunks(ids)) {
    const placed = trx.selectFrom('observations').select(['kind', 'bucket', 'unit', 'place_ms', 'place_ns'])
    const places = await placed.where('id', 'in', some).where('place_ms', 'is not', null).execute()
    await emptyPlaces(
      trx,
      places.map((p) => ({ ...p, place_ms: p.place_ms!, place_ns: p.place_ns! })),
    )
    for (const table of ['records', 'visits', 'observations', 'retractions'] as const)
      await trx.deleteFrom(table).where('id', 'in', some).execute()
    await trx.deleteFrom('assignments').where('observation', 'in', some).execute()
    await trx.updateTable('audit').set({ target: '-', detail: '' }).where('target', 'in', some).execute()
  }
  // Counted as stored, as nobody's: by no index, so in few and large steps.
  for (const some of chunks(ids, 10_000))
    await trx.updateTable('arrivals').set({ record: null }).where('record', 'in', some).execute()
  for (const some of chunks(subjects)) await trx.deleteFrom('subjects').where('id', 'in', some).execute()
  await blankQuarantine(trx, plain)
  await blankSetAside(trx, plain)
  await askHubs(trx, traces, atMs)
}

/** An alias that turns out to be that of somebody who was erased: what lies under it from before goes. */
export async function removeSubject(trx: Registry, subject: string, atMs: number): Promise<void> {
  const readings = await trx
    .selectFrom('observations')
    .select(['id', 'hub', 'subject'])
    .where('subject', '=', subject)
    .where((eb) => eb.or([eb('taken_at_ms', 'is', null), eb('taken_at_ms', '<=', atMs)]))
    .execute()
  const visits = await trx.selectFrom('visits').select('id').where('subject', '=', subject).execute()
  await remove(trx, await completed(trx, { subjects: [subject], visits, readings }), atMs, [])
}

/** Each hub by its own aliases; readings that a named person gave to the resident by their ids. */
async function askHubs(trx: Registry, { subjects, readings }: Traces, atMs: number): Promise<void> {
  const before = new Date(atMs).toISOString()
  const aliases = new Map<string, string[]>()
  const ids = new Map<string, string[]>()
  const add = (to: Map<string, string[]>, hub: string, value: string) => to.set(hub, [...(to.get(hub) ?? []), value])
  for (const subject of subjects) add(aliases, ...splitSubject(subject))
  const known = new Set(subjects)
  for (const { id, hub, subject } of readings) if (subject === null || !known.has(subject)) add(ids, hub, id)
  for (const [hub, all] of aliases)
    for (const some of chunks(all, MAX_ALIASES))
      await ask(trx, hub, { name: 'erase', aliases: some, ids: [], before }, atMs)
  for (const [hub, all] of ids)
    for (const some of chunks(all, MAX_ERASED))
      await ask(trx, hub, { name: 'erase', aliases: [], ids: some, before }, atMs)
}

const splitSubject = (subject: string): [hub: string, alias: string] => {
  const at = subject.indexOf('/')
  return [subject.slice(0, at), subject.slice(at + 1)]
}

const PAGE = 5000

/**
 * After the registry was restored from a backup: whoever was erased since is erased again. `restore` calls this, with the
 * tombstones of before in place, and `compact` after it.
 * @returns how many readings went
 */
export async function applyTombstones(db: Registry, nowMs: number): Promise<number> {
  let readings = 0
  const people = await db.selectFrom('residents').select(['id', 'number_key', 'created_at_ms']).execute()
  const buried = await buriedAmong(
    db,
    people.map(({ number_key: value }) => ({ is: 'person', value })),
  )
  for (const { id, number_key, created_at_ms } of people) {
    const at = buried.at('person', number_key)
    // Who came back after having been erased is somebody new.
    if (at !== null && created_at_ms < at)
      readings += (await eraseResident(db, id, { user: '-', atMs: at, nowMs }))?.readings ?? 0
  }
  return readings + (await removeBuried(db, nowMs))
}

/** What stood by itself when the backup was made: a reading not yet given to anybody, a visit without a name. */
async function removeBuried(db: Registry, nowMs: number): Promise<number> {
  const readings: Traces['readings'][number][] = []
  const visits: { id: string }[] = []
  const others: string[] = []
  for (let after = ''; ; ) {
    const page = await db
      .selectFrom('records as r')
      .leftJoin('observations as o', 'o.id', 'r.id')
      .select(['r.id', 'r.type', 'r.hub', 'o.subject'])
      .where('r.id', '>', after)
      .orderBy('r.id')
      .limit(PAGE)
      .execute()
    const buried = await buriedAmong(
      db,
      page.map(({ id: value }) => ({ is: 'id', value })),
    )
    for (const { id, type, hub, subject } of page) {
      if (buried.at('id', id) === null) continue
      if (type === 'observation') readings.push({ id, hub, subject })
      else if (type === 'visit') visits.push({ id })
      else others.push(id)
    }
    const last = page.at(-1)
    if (!last) break
    after = last.id
  }
  const pointsOnly = await db
    .selectFrom('observations')
    .select(['id', 'hub', 'subject'])
    .where('point', 'is not', null)
    .execute()
  const buried = await buriedAmong(
    db,
    pointsOnly.map(({ id: value }) => ({ is: 'id', value })),
  )
  readings.push(...pointsOnly.filter(({ id }) => buried.at('id', id) !== null))
  if (readings.length + visits.length + others.length > 0)
    await db.transaction().execute((trx) => remove(trx, { subjects: [], visits, readings, others }, nowMs, []))
  return readings.length
}

export const wasErased = async (db: Registry, resident: string): Promise<boolean> =>
  (await db
    .selectFrom('audit')
    .select('id')
    .where('action', '=', 'erased')
    .where('target', '=', resident)
    .executeTakeFirst()) !== undefined

/** What a transaction overwrote still stands in SQLite's log until that is emptied. @returns false when somebody held it */
export async function emptyLog(db: Registry): Promise<boolean> {
  const { rows } = await sql<{ busy: number }>`pragma main.wal_checkpoint(truncate)`.execute(db)
  return rows[0]?.busy === 0
}

/**
 * Rewrites the registry's file without its free pages, where what was erased may still stand. Takes as long as copying it.
 * @returns false when somebody held the file: then it is to be repeated
 */
export async function compact(db: Registry): Promise<boolean> {
  try {
    await sql`vacuum main`.execute(db)
    return await emptyLog(db)
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^SQLITE_(BUSY|LOCKED)/.test(String(error.code))) return false
    throw error
  }
}
