// What the clinic asks of its hubs: kept until the hub says that it is done, however long it is away.
import { randomUUID } from 'node:crypto'
import type { Command, Reply } from '../../../hub/contract/command.ts'
import type { Registry } from './schema.ts'

export async function ask(trx: Registry, hub: string, command: Command['command'], nowMs: number): Promise<void> {
  const row = { key: randomUUID(), hub, command: JSON.stringify(command), made_at_ms: nowMs }
  await trx
    .insertInto('commands')
    .values({ ...row, outcome: null, outcome_at_ms: null })
    .execute()
}

/** A hub that sends what it was asked to forget (its disk was restored) is asked once more. */
export async function askAgain(trx: Registry, hub: string, command: Command['command'], nowMs: number): Promise<void> {
  const { aliases, ids } = command
  const waiting = await trx
    .selectFrom('commands')
    .select('command')
    .where('hub', '=', hub)
    .where((eb) => eb.or([eb('outcome', 'is', null), eb('outcome', '!=', 'done')]))
    .execute()
  const text = waiting.map((row) => row.command).join()
  const fresh = { aliases: aliases.filter((one) => !text.includes(one)), ids: ids.filter((one) => !text.includes(one)) }
  if (fresh.aliases.length + fresh.ids.length > 0) await ask(trx, hub, { ...command, ...fresh }, nowMs)
}

export interface Asked extends Pick<Command, 'key' | 'command'> {
  hub: string
  outcome: Reply['outcome'] | null
}

/** Those that are not done, the oldest first; a revoked hub is asked nothing. */
export async function undone(db: Registry): Promise<Asked[]> {
  const rows = await db
    .selectFrom('commands as c')
    .innerJoin('hubs as h', 'h.id', 'c.hub')
    .select(['c.key', 'c.hub', 'c.command', 'c.outcome'])
    .where('h.revoked_at_ms', 'is', null)
    .where((eb) => eb.or([eb('c.outcome', 'is', null), eb('c.outcome', '!=', 'done')]))
    .orderBy('c.made_at_ms')
    .execute()
  return rows.map(({ command, ...row }) => ({ ...row, command: JSON.parse(command) })) // parsed by zod before it leaves
}

/**
 * Only the hub that was asked can answer. What was done needs to be known no longer than to whom and when.
 * @returns whether that ended it
 */
export async function answered(db: Registry, { key, hub, outcome }: Reply, nowMs: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('commands')
    .set({ outcome, outcome_at_ms: nowMs, ...(outcome === 'done' && { command: '' }) })
    .where('key', '=', key)
    .where('hub', '=', hub)
    .where((eb) => eb.or([eb('outcome', 'is', null), eb('outcome', '!=', 'done')]))
    .executeTakeFirst()
  return outcome === 'done' && numUpdatedRows > 0n
}
