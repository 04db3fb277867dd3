// The stored mark: which numbers arrived, told as the whole truth under a revision that only grows (promises 1.5).
import { randomUUID } from 'node:crypto'
import type { StoredMark } from '../../../hub/contract/stored.ts'
import { keptEpochs, sessionsOf } from './delivery.ts'
import type { CoverageTable, Registry } from './schema.ts'

/** Notes that these numbers of an epoch arrived. */
export async function cover(
  trx: Registry,
  hub: string,
  epoch: string,
  seqs: readonly number[],
  nowMs: number,
): Promise<void> {
  const sorted = [...new Set(seqs)].sort((a, b) => a - b)
  const [low, high] = [sorted[0]!, sorted.at(-1)!]
  const touched = await trx
    .selectFrom('coverage')
    .select(['from_seq', 'to_seq'])
    .where('hub', '=', hub)
    .where('epoch', '=', epoch)
    .where('to_seq', '>=', low - 1)
    .where('from_seq', '<=', high + 1)
    .execute()
  const merged = merge([
    ...touched.map((t): Interval => [t.from_seq, t.to_seq]),
    ...sorted.map((n): Interval => [n, n]),
  ])
  if (touched.length > 0) {
    await trx
      .deleteFrom('coverage')
      .where('hub', '=', hub)
      .where('epoch', '=', epoch)
      .where('to_seq', '>=', low - 1)
      .where('from_seq', '<=', high + 1)
      .execute()
  }
  const rows: CoverageTable[] = merged.map(([from_seq, to_seq]) => ({ hub, epoch, from_seq, to_seq }))
  await trx.insertInto('coverage').values(rows).execute()
  await trx
    .insertInto('epochs')
    .values({ hub, epoch, last_arrival_ms: nowMs })
    .onConflict((c) => c.columns(['hub', 'epoch']).doUpdateSet({ last_arrival_ms: nowMs }))
    .execute()
}

type Interval = [from: number, to: number]

function merge(intervals: Interval[]): Interval[] {
  const merged: Interval[] = []
  for (const [from, to] of intervals.sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1)
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else merged.push([from, to])
  }
  return merged
}

const RECENT_MS = 86_400_000

/**
 * The next mark of a hub, with a revision past the last one and past every revision in `past` (the hub's, the broker's).
 * It names every epoch the hub says it keeps, unknown ones as nothing stored, and those that arrived in the last day.
 */
export async function nextMark(db: Registry, hub: string, past: number, nowMs: number): Promise<StoredMark> {
  return db.transaction().execute(async (trx) => {
    const id = randomUUID()
    const { rev } = await trx
      .insertInto('marks')
      .values({ hub, rev: past + 1, id, at_ms: nowMs })
      .onConflict((c) =>
        c.column('hub').doUpdateSet((eb) => ({
          rev: eb
            .case()
            .when('marks.rev', '>', past)
            .then(eb('marks.rev', '+', 1))
            .else(past + 1)
            .end(),
          id,
          at_ms: nowMs,
        })),
      )
      .returning('rev')
      .executeTakeFirstOrThrow()
    const coverage = await trx.selectFrom('coverage').selectAll().where('hub', '=', hub).orderBy('from_seq').execute()
    const recent = await trx
      .selectFrom('epochs')
      .select('epoch')
      .where('hub', '=', hub)
      .where('last_arrival_ms', '>', nowMs - RECENT_MS)
      .execute()
    const kept = keptEpochs(await sessionsOf(trx, hub), nowMs)
    const names = new Set([...kept.keys(), ...recent.map((row) => row.epoch)])
    const marks = [...names].sort().map((epoch) => told(epoch, coverage))
    return { v: 1, rev, id, at: new Date(nowMs).toISOString(), marks }
  })
}

/** `through` is the last number that arrived; whatever lacks before it is listed, also what the hub may have purged. */
function told(epoch: string, coverage: readonly CoverageTable[]): StoredMark['marks'][number] {
  const missing: [number, number][] = []
  let through = 0
  for (const { from_seq, to_seq } of coverage.filter((c) => c.epoch === epoch)) {
    if (from_seq > through + 1) missing.push([through + 1, from_seq - 1])
    through = to_seq
  }
  return { epoch, through, missing }
}

/** The current mark of a hub; null before the first. */
export async function currentMark(db: Registry, hub: string): Promise<{ rev: number; id: string } | null> {
  const row = await db.selectFrom('marks').select(['rev', 'id']).where('hub', '=', hub).executeTakeFirst()
  return row ?? null
}
