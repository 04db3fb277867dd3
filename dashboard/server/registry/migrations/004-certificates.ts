// The user name that a hub's client certificate carries, for hubs that sign in by one.
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('hubs').addColumn('certificate', 'text').execute()
}
