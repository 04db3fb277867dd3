// What waits (for the series, for the clock of its boot) is found by an index of that alone: no placed, stored reading lies in it.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropIndex('observations_stored_state').execute()
  await db.schema.dropIndex('observations_state_hub_boot').execute()
  await db.schema
    .createIndex('observations_unwritten')
    .on('observations')
    .column('n')
    .where(sql.ref('stored'), '=', sql.lit(0))
    .where(sql.ref('state'), '=', sql.lit('placed'))
    .execute()
  await db.schema
    .createIndex('observations_pending')
    .on('observations')
    .columns(['hub', 'boot'])
    .where(sql.ref('state'), '=', sql.lit('pending'))
    .execute()
}
