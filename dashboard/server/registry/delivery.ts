// What every kiosk has delivered and when it last spoke: presence by the clinic's own receipt, counts from the coverage.
import { sql } from 'kysely'
import { Status } from '../../../hub/contract/status.ts'
import type { CoverageTable, HubSessionTable, Registry } from './schema.ts'
import { inSites, type Sites } from './scope.ts'

export interface KioskState {
  hub: string
  site: string
  zone: string
  presence: 'online' | 'silent' | 'offline' | 'never' | 'clone'
  lastWordMs: number | null
  lastReadingMs: number | null
  status: Status | null
  delivery: ReturnType<typeof counts> & { quarantined: number; conflicts: number }
}

/** @param presenceMs without a word for so long a hub is silent */
export async function kioskStates(
  db: Registry,
  sites: Sites,
  nowMs: number,
  presenceMs: number,
): Promise<KioskState[]> {
  const hubs = await db
    .selectFrom('hubs as h')
    .innerJoin('sites as s', 's.id', 'h.site')
    .select(['h.id', 'h.site', 's.zone'])
    .where('h.revoked_at_ms', 'is', null)
    .where((eb) => inSites(eb, sites, ['h.site']))
    .orderBy('h.id')
    .execute()
  return Promise.all(
    hubs.map(async ({ id: hub, site, zone }) => {
      const sessions = await sessionsOf(db, hub)
      const coverage = await db.selectFrom('coverage').selectAll().where('hub', '=', hub).orderBy('from_seq').execute()
      const { lastReadingMs } = await db
        .selectFrom('observations')
        .select((eb) => eb.fn.max('taken_at_ms').as('lastReadingMs'))
        .where('hub', '=', hub)
        .executeTakeFirstOrThrow()
      const refused = await db
        .selectFrom('quarantine')
        .select((eb) => ['reason', eb.fn.countAll<number>().as('total')])
        .where('hub', '=', hub)
        .groupBy('reason')
        .execute()
      const conflicts = Number(refused.find((row) => row.reason === 'conflict')?.total ?? 0)
      const words = sessions.flatMap((s) => s.last_heard_ms ?? [])
      return {
        hub,
        site,
        zone,
        presence: presence(sessions, nowMs, presenceMs),
        lastWordMs: words.length === 0 ? null : Math.max(...words),
        lastReadingMs,
        status: sessions[0] ? Status.parse(JSON.parse(sessions[0].status)) : null,
        delivery: {
          ...counts(coverage, keptEpochs(sessions, nowMs)),
          quarantined: refused.reduce((sum, row) => sum + Number(row.total), 0) - conflicts,
          conflicts,
        },
      }
    }),
  )
}

/** The hub's sessions, the one whose own word came last first. */
export const sessionsOf = (db: Registry, hub: string): Promise<HubSessionTable[]> =>
  db
    .selectFrom('hub_sessions')
    .selectAll()
    .where('hub', '=', hub)
    .orderBy('received_at_ms', 'desc')
    .orderBy('session')
    .execute()

/**
 * Takes a hub's word. A will only ends its own session, however late it comes, and its content is as old as the
 * connection; a retained word tells what was, and is no sign of life.
 */
export async function hear(trx: Registry, status: Status, retained: boolean, nowMs: number): Promise<void> {
  const { hub, session } = status
  const known = await trx
    .selectFrom('hub_sessions')
    .selectAll()
    .where('hub', '=', hub)
    .where('session', '=', session)
    .executeTakeFirst()
  const will = !status.online && (!known || status.at <= (JSON.parse(known.status) as Status).at)
  const heard = retained || will ? null : nowMs
  const row: HubSessionTable = {
    hub,
    session,
    status: will && known ? JSON.stringify({ ...JSON.parse(known.status), online: false }) : JSON.stringify(status),
    online: status.online ? 1 : 0,
    first_heard_ms: known?.first_heard_ms ?? heard,
    last_heard_ms: heard ?? known?.last_heard_ms ?? null,
    received_at_ms: will ? (known?.received_at_ms ?? 0) : nowMs,
  }
  if (retained && known && known.last_heard_ms !== null && status.online) return // heard since: nothing new in it
  await trx
    .insertInto('hub_sessions')
    .values(row)
    .onConflict((c) => c.columns(['hub', 'session']).doUpdateSet(row))
    .execute()
}

/** A retained word from before counts for nothing here: only what the clinic heard itself does. */
export function presence(
  sessions: readonly HubSessionTable[],
  nowMs: number,
  presenceMs: number,
): KioskState['presence'] {
  const heard = sessions.filter((s) => s.last_heard_ms !== null)
  if (heard.length === 0) return sessions[0] ? (sessions[0].online === 1 ? 'silent' : 'offline') : 'never'
  const live = heard.filter((s) => s.online === 1 && s.last_heard_ms! > nowMs - presenceMs)
  // Two that overlap: the older one spoke again after the younger one began.
  const overlap = live.some((a) =>
    live.some((b) => a.first_heard_ms! < b.first_heard_ms! && a.last_heard_ms! > b.first_heard_ms!),
  )
  if (overlap) return 'clone'
  if (live.length > 0) return 'online'
  return heard[0]!.online === 1 ? 'silent' : 'offline'
}

const SESSION_COUNTS_MS = 86_400_000

/** Every epoch the hub still keeps, by the last word of its newest session and of any other of the last day (a clone's). */
export function keptEpochs(
  sessions: readonly HubSessionTable[],
  nowMs: number,
): Map<string, { first: number; last: number }> {
  const kept = new Map<string, { first: number; last: number }>()
  for (const [i, session] of sessions.entries()) {
    if (i > 0 && session.received_at_ms < nowMs - SESSION_COUNTS_MS) continue
    for (const { epoch, first, last } of Status.parse(JSON.parse(session.status)).epochs) {
      const known = kept.get(epoch)
      kept.set(epoch, { first: Math.min(first, known?.first ?? first), last: Math.max(last, known?.last ?? last) })
    }
  }
  return kept
}

const MOST_RANGES = 20

/** @param coverage ascending and merged */
export function counts(coverage: readonly CoverageTable[], kept: ReturnType<typeof keptEpochs>) {
  const names = new Set([...coverage.map((c) => c.epoch), ...kept.keys()])
  const epochs = [...names].map((epoch) => countsOf(epoch, coverage, kept.get(epoch) ?? null))
  const sum = (of: (one: (typeof epochs)[number]) => number) => epochs.reduce((total, one) => total + of(one), 0)
  return {
    epochs,
    stored: sum((one) => one.stored),
    missing: sum((one) => one.missing),
    gone: sum((one) => one.gone),
  }
}

function countsOf(epoch: string, coverage: readonly CoverageTable[], kept: { first: number; last: number } | null) {
  const have = coverage.filter((c) => c.epoch === epoch)
  const through = have.at(-1)?.to_seq ?? 0
  const within = (from: number, to: number) =>
    have.reduce((sum, c) => sum + Math.max(0, Math.min(to, c.to_seq) - Math.max(from, c.from_seq) + 1), 0)
  const { first, last } = kept ?? { first: through + 1, last: through }
  const ranges: [number, number][] = []
  let next = first
  for (const { from_seq, to_seq } of have) {
    if (from_seq > next) ranges.push([next, Math.min(last, from_seq - 1)])
    next = Math.max(next, to_seq + 1)
  }
  if (last >= next) ranges.push([next, last])
  return {
    epoch,
    through,
    kept,
    stored: within(1, through),
    missing: last >= first ? last - first + 1 - within(first, last) : 0,
    ranges: ranges.slice(0, MOST_RANGES),
    gone: first - 1 - within(1, first - 1),
  }
}

/** Kept and not yet in the series: since when the oldest; null: none. */
export async function oldestUnwritten(db: Registry): Promise<number | null> {
  const row = await db
    .selectFrom('observations')
    .select('received_at_ms')
    .where('stored', '=', sql.lit(0))
    .where('state', '=', sql.lit('placed'))
    .orderBy('n')
    .limit(1)
    .executeTakeFirst()
  return row?.received_at_ms ?? null
}

/** What /health says is waiting for the series. */
export async function waitingForSeries(db: Registry): Promise<number> {
  const { total } = await db
    .selectFrom('observations')
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .where('stored', '=', sql.lit(0)) // as the index of these says it
    .where('state', '=', sql.lit('placed'))
    .executeTakeFirstOrThrow()
  return Number(total)
}
