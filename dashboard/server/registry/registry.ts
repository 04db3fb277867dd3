// Opens the registry: one SQLite file, durable at every commit, brought to the newest tables.
import { closeSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { type CompiledQuery, Kysely, Migrator, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely'
import { ConfigError } from '../config.ts'
import * as first from './migrations/001-first.ts'
import * as waiting from './migrations/002-waiting.ts'
import * as commands from './migrations/003-commands.ts'
import * as certificates from './migrations/004-certificates.ts'
import * as counted from './migrations/005-counted.ts'
import { ERASED_FILE, ERASED_TABLES } from './migrations/erased.ts'
import type { CounterTable, Registry, Tables } from './schema.ts'

const MIGRATIONS = {
  '001-first': first,
  '002-waiting': waiting,
  '003-commands': commands,
  '004-certificates': certificates,
  '005-counted': counted,
}
const MOST_PREPARED = 200
const NOTHING = 'select 1 where 0'

/** As the one parameter of a statement: it runs once for each of these, and says which of them changed something. */
class Each {
  readonly rows: readonly unknown[][]
  readonly changed: boolean[] = []
  constructor(rows: readonly unknown[][]) {
    this.rows = rows
  }
}

/** The statement as Kysely asks for it, and for many rows at once: its own way through one query costs more than the row. */
function forMany(statement: Database.Statement<unknown[]>): SqliteStatement {
  const { reader } = statement
  return {
    reader,
    all: (given) => statement.all(given),
    iterate: (given) => statement.iterate(given),
    run(given) {
      const [each] = given
      if (!(each instanceof Each)) return statement.run(given)
      for (const row of each.rows) each.changed.push(statement.run(row).changes === 1)
      return { changes: each.changed.filter(Boolean).length, lastInsertRowid: 0 }
    },
  }
}

/** Each text is prepared once: Kysely would prepare it anew for every execution. */
function remembering(database: Database.Database): SqliteDatabase {
  const prepared = new Map<string, SqliteStatement>()
  return {
    prepare(text) {
      // Every transaction here writes. One that only asks for the lock later fails when another program wrote meanwhile.
      const wanted = text === 'begin' ? 'begin immediate' : text
      // On a full disk SQLite has rolled back by itself: to fail at it again would hide what had happened.
      const sql = wanted === 'rollback' && !database.inTransaction ? NOTHING : wanted
      const statement = prepared.get(sql) ?? forMany(database.prepare(sql))
      prepared.delete(sql)
      prepared.set(sql, statement)
      if (prepared.size > MOST_PREPARED) prepared.delete(prepared.keys().next().value!)
      return statement
    },
    close: () => database.close(),
  }
}

/**
 * @param file path; created with mode 0600, since it holds names and numbers. `destroy()` closes it.
 * @param erased path of the tombstones: beside the registry, save while a backup becomes one
 * @throws when the file cannot be opened; ConfigError when it is newer than this program
 */
export async function openRegistry(file: string, erased = join(dirname(file), ERASED_FILE)): Promise<Registry> {
  closeSync(openSync(file, 'a', 0o600))
  const database = new Database(file)
  refuseNewer(database, file)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL') // the stored mark promises what a power cut may not take back
  database.pragma('busy_timeout = 5000')
  database.pragma('secure_delete = ON') // what is erased leaves no trace in the file's free space
  closeSync(openSync(erased, 'a', 0o600))
  database.prepare('attach database ? as erased').run(erased)
  database.pragma('erased.journal_mode = WAL')
  database.pragma('erased.synchronous = FULL')
  database.exec(ERASED_TABLES)
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: remembering(database) }) })
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } })
  const { error } = await migrator.migrateToLatest()
  if (error) {
    await db.destroy()
    throw new Error(`the registry ${file} could not be brought to its newest tables`, { cause: error })
  }
  return db
}

/** Tables that this program does not know would be read wrongly, and written worse. */
function refuseNewer(database: Database.Database, file: string) {
  const migrated = database.prepare(`select 1 from sqlite_schema where name = 'kysely_migration'`).get()
  if (!migrated) return
  const done = database.prepare<[], { name: string }>('select name from kysely_migration order by name').all()
  const unknown = done.filter(({ name }) => !(name in MIGRATIONS)).map(({ name }) => name)
  if (unknown.length === 0) return
  database.close()
  throw new ConfigError(
    `${file} was written by a newer kiosk-clinic (its tables: ${unknown.join(', ')}): run that one, or restore a backup from before it`,
  )
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

/**
 * Inserts many rows whose keys stand in one order, each alone by one text that is compiled and prepared once: compiling a
 * row costs more than inserting it, and SQLite is faster at single rows. It holds the event loop until all are in. @returns those that found nothing in their way
 */
export async function insertNew<Row extends object>(
  db: Registry,
  rows: readonly Row[],
  insert: (row: Row) => { compile(): CompiledQuery },
): Promise<Row[]> {
  if (rows.length === 0) return []
  const each = new Each(rows.map((row) => Object.values(row)))
  await db.executeQuery({ ...insert(rows[0]!).compile(), parameters: [each] })
  return rows.filter((_, i) => each.changed[i])
}

/** Rows a statement can carry: both databases limit its parameters (SQLite 32,766, PostgreSQL 65,535). */
export function chunks<T>(rows: readonly T[], size = 500): T[][] {
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size))
}
