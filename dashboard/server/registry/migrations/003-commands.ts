// What the clinic asks of its hubs, until each has answered.
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('commands')
    .addColumn('key', 'text', (column) => column.primaryKey())
    .addColumn('hub', 'text', (column) => column.notNull())
    .addColumn('command', 'text', (column) => column.notNull())
    .addColumn('made_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('outcome', 'text')
    .addColumn('outcome_at_ms', 'bigint')
    .execute()
}
