// From a visit's sealed identity to a resident, and from a hub's alias to that resident. Everything here is a function
// of the set of visits: it comes out the same in whatever order they arrive.
import { randomUUID } from 'node:crypto'
import type { JWK } from 'jose'
import { Identity, type Visit } from '../../../hub/contract/record.ts'
import { unseal } from '../../../hub/contract/seal.ts'
import { removeSubject } from './erase.ts'
import { chunks, takeNumbers } from './registry.ts'
import { canonicalNumber, folded, numberKey } from './residents.ts'
import type { Registry, ResidentTable, VisitTable } from './schema.ts'
import { buriedAmong } from './tombstones.ts'

/** What only the clinic holds. */
export interface ClinicKeys {
  /** Private P-256 JWKs with `kid`; old ones stay until no hub has rows sealed to them. */
  seals: readonly JWK[]
  /** Names residents by their numbers; never leaves the clinic. */
  numbers: Uint8Array
}

export type Opened = Pick<VisitTable, 'identity_state' | 'identity' | 'number_key'>

export const subjectId = (subject: { hub: string; alias: string }) => `${subject.hub}/${subject.alias}`

/** An identity no key of ours opens stays sealed and is tried again at every start: the visit stands without a name. */
export async function openIdentity(sealed: string | null, keys: ClinicKeys): Promise<Opened> {
  if (sealed === null) return { identity_state: 'none', identity: null, number_key: null }
  const identity = await unseal(sealed, keys.seals).catch(() => null) // the reason could quote what was sealed: it is not told
  if (identity === null) return { identity_state: 'sealed', identity: null, number_key: null }
  const number = canonicalNumber(identity.number)
  return {
    identity_state: 'open',
    identity: JSON.stringify({ ...identity, number } satisfies Identity),
    number_key: numberKey(keys.numbers, identity.authority, number),
  }
}

/** Opens what waited for a key. Returns how many opened and how many still wait. */
export async function openWaiting(
  db: Registry,
  keys: ClinicKeys,
  nowMs: number,
): Promise<{ opened: number; sealed: number }> {
  const waiting = await db.selectFrom('visits').selectAll().where('identity_state', '=', 'sealed').execute()
  const opened: { visit: VisitTable; as: Opened }[] = []
  for (const visit of waiting) {
    const as = await openIdentity(visit.sealed, keys)
    if (as.identity_state === 'open') opened.push({ visit, as })
  }
  await db.transaction().execute(async (trx) => {
    const visits = opened.map(({ visit, as }) => ({ ...visit, ...as }))
    const living = await removeErased(trx, visits)
    for (const visit of living) {
      const { identity_state, identity, number_key } = visit
      await trx.updateTable('visits').set({ identity_state, identity, number_key }).where('id', '=', visit.id).execute()
    }
    await settle(trx, living, nowMs)
  })
  return { opened: opened.length, sealed: waiting.length - opened.length }
}

/** A seal that opens late may hold somebody who was erased meanwhile. @returns the visits of all others */
async function removeErased(trx: Registry, visits: readonly VisitTable[]): Promise<VisitTable[]> {
  const buried = await buriedAmong(
    trx,
    visits.flatMap(({ number_key }) => (number_key === null ? [] : [{ is: 'person' as const, value: number_key }])),
  )
  const living: VisitTable[] = []
  for (const visit of visits) {
    const at = buried.at('person', visit.number_key ?? '')
    if (at === null || visit.subject === null || (visit.opened_at_ms ?? 0) > at) living.push(visit)
    else await removeSubject(trx, visit.subject, at)
  }
  return living
}

export const visitRow = (visit: Visit, opened: Opened, opened_at_ms: number | null): VisitTable => ({
  id: visit.id,
  hub: visit.hub,
  subject: visit.subject && subjectId(visit.subject),
  opened_at_ms,
  boot: visit.clock.boot,
  uptime_ms: visit.clock.uptimeMs,
  trusted: visit.clock.trusted ? 1 : 0,
  sealed: visit.sealed,
  ...opened,
})

/** Brings residents and subjects up to these visits, which stand in the table already. Returns subjects that changed hands. */
export async function settle(trx: Registry, visits: readonly VisitTable[], nowMs: number): Promise<string[]> {
  const keys = new Set(visits.flatMap((v) => v.number_key ?? []))
  for (const key of keys) await settleResident(trx, key, nowMs)
  const changed: string[] = []
  const subjects = new Map(visits.flatMap((v) => (v.subject === null ? [] : [[v.subject, v.hub]])))
  for (const [subject, hub] of subjects) if (await settleSubject(trx, subject, hub)) changed.push(subject)
  return changed
}

/** Name and papers as the latest visit that could read the whole name gave them; at home where the first visit was. */
async function settleResident(trx: Registry, key: string, nowMs: number): Promise<void> {
  const visits = trx.selectFrom('visits as v').innerJoin('hubs as h', 'h.id', 'v.hub').where('v.number_key', '=', key)
  const of = visits.select(['v.identity', 'v.opened_at_ms', 'h.site'])
  const dated = of.where('v.opened_at_ms', 'is not', null)
  const undated = await of.where('v.opened_at_ms', 'is', null).orderBy('v.id').limit(20).execute()
  const newest = await dated.orderBy('v.opened_at_ms', 'desc').orderBy('v.id').limit(20).execute()
  const first = (await dated.orderBy('v.opened_at_ms', 'asc').orderBy('v.id').limit(1).execute())[0] ?? undated[0]!
  const papers = [...newest, ...undated].map((v) => Identity.parse(JSON.parse(v.identity!)))
  const identity = papers.find((p) => !p.nameIncomplete) ?? papers[0]!
  const known = await trx.selectFrom('residents').selectAll().where('number_key', '=', key).executeTakeFirst()
  const facts = {
    authority: identity.authority,
    document: identity.document,
    number: identity.number,
    name: identity.name,
    name_search: folded(identity.name),
    name_incomplete: identity.nameIncomplete ? 1 : 0,
    sex: identity.sex,
    birth_date: identity.birthDate,
    first_visit_ms: first.opened_at_ms,
    home_site: known?.home_site_fixed === 1 ? known.home_site : first.site,
  } satisfies Partial<ResidentTable>
  if (known) await trx.updateTable('residents').set(facts).where('id', '=', known.id).execute()
  else {
    const row = { id: randomUUID(), n: await takeNumbers(trx, 'residents', 1), number_key: key, home_site_fixed: 0 }
    await trx
      .insertInto('residents')
      .values({ ...row, ...facts, created_at_ms: nowMs })
      .execute()
  }
}

/** An alias whose visits carry two numbers is nobody's: never guess who. */
async function settleSubject(trx: Registry, id: string, hub: string): Promise<boolean> {
  const keys = await trx
    .selectFrom('visits')
    .select('number_key')
    .distinct()
    .where('subject', '=', id)
    .where('number_key', 'is not', null)
    .limit(2)
    .execute()
  const known = await trx.selectFrom('subjects').selectAll().where('id', '=', id).executeTakeFirst()
  // Once disputed it stays so: one of the two may have been erased since, and what it measured is not the other's.
  const disputed = keys.length > 1 || known?.disputed === 1
  const resident =
    keys.length === 1 && !disputed
      ? await trx.selectFrom('residents').select('id').where('number_key', '=', keys[0]!.number_key!).executeTakeFirst()
      : undefined
  const row = { id, hub, resident: resident?.id ?? null, disputed: disputed ? 1 : 0 }
  if (known?.resident === row.resident && known.disputed === row.disputed) return false
  await trx
    .insertInto('subjects')
    .values(row)
    .onConflict((c) => c.column('id').doUpdateSet({ resident: row.resident, disputed: row.disputed }))
    .execute()
  return row.resident !== (known?.resident ?? null)
}

/** The visits of a boot whose clock has been told now. */
export async function redateVisits(
  trx: Registry,
  visits: readonly { id: string; opened_at_ms: number }[],
  nowMs: number,
): Promise<void> {
  for (const { id, opened_at_ms } of visits) {
    await trx.updateTable('visits').set({ opened_at_ms }).where('id', '=', id).execute()
  }
  for (const ids of chunks(visits.map((v) => v.id))) {
    await settle(trx, await trx.selectFrom('visits').selectAll().where('id', 'in', ids).execute(), nowMs)
  }
}
