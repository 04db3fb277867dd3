// Records that were set aside are read again, at each start and when staff ask: what is understood now goes the ordinary way
// and leaves the quarantine.
import { openVisits, readRecord, readRecords } from './message.ts'
import type { ClinicKeys } from './registry/identity.ts'
import { type Accepted, type Change, takeIn } from './registry/intake.ts'
import { quarantineOf, RETRIED } from './registry/quarantine.ts'
import { chunks } from './registry/registry.ts'
import type { QuarantineTable, Registry } from './registry/schema.ts'
import type { Sites } from './registry/scope.ts'
import { offerOne } from './registry/series.ts'

export interface Retry {
  /** Whose rows; without `id` all of them. */
  sites: Sites
  id?: string
}

export interface Retried {
  tried: number
  /** How many left the quarantine. What the series refuses once more comes back to it. */
  settled: number
  changes: Change[]
}

/** Repeating is harmless. */
export async function retryRefused(
  registry: Registry,
  keys: ClinicKeys,
  nowMs: number,
  { sites, id }: Retry = { sites: 'all' },
): Promise<Retried> {
  const changes: Change[] = []
  let [tried, settled, after] = [0, 0, 0]
  for (;;) {
    const rows = await quarantineOf(registry, sites, { reasons: RETRIED, after, limit: 500, ...(id && { id }) })
    const last = rows.at(-1)
    if (!last) break
    after = last.n
    tried += rows.length
    const done = await again(registry, keys, nowMs, rows)
    settled += done.settled
    changes.push(...done.changes)
  }
  return { tried, settled, changes }
}

async function again(registry: Registry, keys: ClinicKeys, nowMs: number, rows: readonly QuarantineTable[]) {
  const passed: { row: QuarantineTable; accepted: Accepted }[] = []
  const changes: Change[] = []
  let settled = 0
  for (const row of rows) {
    if (row.reason === 'store-refused') {
      await offerOne(registry, row.id, JSON.parse(row.body).id)
      settled++
      changes.push({ kind: 'quarantine', hub: row.hub })
      continue
    }
    const accepted = await readAgain(row, keys)
    if (accepted) passed.push({ row, accepted })
  }
  await openVisits(
    passed.map((p) => p.accepted),
    keys,
  )
  if (passed.length > 0)
    changes.push(
      ...(await takeIn(registry, { accepted: passed.map((p) => p.accepted), refused: [] }, nowMs)),
      ...[...new Set(passed.map((p) => p.row.hub))].map((hub): Change => ({ kind: 'quarantine', hub })),
    )
  await registry.transaction().execute(async (trx) => {
    for (const { row, accepted } of passed) {
      const by = { record: accepted.record.id, quarantine: null }
      await trx.updateTable('arrivals').set(by).where('quarantine', '=', row.id).execute()
    }
    for (const some of chunks(passed))
      await trx
        .deleteFrom('quarantine')
        .where(
          'id',
          'in',
          some.map((p) => p.row.id),
        )
        .execute()
  })
  return { settled: settled + passed.length, changes }
}

async function readAgain(
  { hub, topic, epoch, seq, body, reason }: QuarantineTable,
  keys: ClinicKeys,
): Promise<Accepted | null> {
  if (hub === null || epoch === null || seq === null) return null
  if (reason === 'future-version') {
    const { accepted } = await readRecords({ topic, payload: Buffer.from(body), retain: false }, hub, keys)
    return accepted[0] ?? null // it was kept alone
  }
  const read = readRecord(JSON.parse(body), { hub, topic, epoch, seq })
  return 'record' in read ? read : null
}
