// Opens the registry: one SQLite file, durable at every commit, brought to the newest tables.
import { closeSync, openSync } from 'node:fs'
import Database from 'better-sqlite3'
import { Kysely, Migrator, SqliteDialect } from 'kysely'
import * as first from './migrations/001-first.ts'
import type { Registry, Tables } from './schema.ts'

/**
 * @param file path; created with mode 0600, since it holds names and numbers. `destroy()` closes it.
 * @throws when the file cannot be opened or is newer than this program
 */
export async function openRegistry(file: string): Promise<Registry> {
  closeSync(openSync(file, 'a', 0o600))
  const database = new Database(file)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL') // the stored mark promises what a power cut may not take back
  database.pragma('busy_timeout = 5000')
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database }) })
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ '001-first': first }) } })
  const { error } = await migrator.migrateToLatest()
  if (error) {
    await db.destroy()
    throw new Error(`the registry ${file} could not be brought to its newest tables`, { cause: error })
  }
  return db
}

/** The next `count` numbers of a counter: returns the first. Inside a transaction, so that numbers grow in commit order. */
export async function takeNumbers(trx: Registry, name: 'residents' | 'observations', count: number): Promise<number> {
  const row = await trx
    .insertInto('counters')
    .values({ name, value: count })
    .onConflict((c) => c.column('name').doUpdateSet((eb) => ({ value: eb('counters.value', '+', count) })))
    .returning('value')
    .executeTakeFirstOrThrow()
  return row.value - count + 1
}
