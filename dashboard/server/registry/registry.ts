// Opens the registry: one SQLite file, durable at every commit, brought to the newest tables.
import { closeSync, openSync } from 'node:fs'
import Database from 'better-sqlite3'
import { Kysely, Migrator, SqliteDialect } from 'kysely'
import * as first from './migrations/001-first.ts'
import type { CounterTable, Registry, Tables } from './schema.ts'

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

type Counter = CounterTable['name']

/** The next `count` numbers of a counter: returns the first. Inside a transaction, so that numbers grow in commit order. */
export async function takeNumbers(trx: Registry, name: Counter, count: number): Promise<number> {
  const row = await trx
    .insertInto('counters')
    .values({ name, value: count })
    .onConflict((c) => c.column('name').doUpdateSet((eb) => ({ value: eb('counters.value', '+', count) })))
    .returning('value')
    .executeTakeFirstOrThrow()
  return row.value - count + 1
}

/** The highest number given so far: the anchor of a list, and where a live stream begins. */
export async function lastNumber(db: Registry, name: Counter): Promise<number> {
  const row = await db.selectFrom('counters').select('value').where('name', '=', name).executeTakeFirst()
  return row?.value ?? 0
}

/** Rows a statement can carry: both databases limit its parameters (SQLite 32,766, PostgreSQL 65,535). */
export function chunks<T>(rows: readonly T[], size = 500): T[][] {
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size))
}
