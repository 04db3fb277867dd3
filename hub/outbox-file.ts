// The outbox's file: one hub at a time, its tables, and the sum that tells a row's text from one the disk has changed.
import { existsSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import Database from 'better-sqlite3'
import type { StoredMark } from './contract/stored.ts'

/** Grows when an older program could not work with the file. */
const VERSION = 1
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS openings (opening INTEGER PRIMARY KEY AUTOINCREMENT, epoch TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE IF NOT EXISTS rows (
    n INTEGER PRIMARY KEY,
    opening INTEGER NOT NULL REFERENCES openings,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    madeMs INTEGER NOT NULL,
    coveredMs INTEGER, -- the clinic's time of the mark that first covered it; null: no mark covers it
    sum INTEGER, -- of the body; null: kept by a version that made none
    UNIQUE (opening, seq)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS waiting ON rows (opening, seq) WHERE coveredMs IS NULL;
  CREATE INDEX IF NOT EXISTS covered ON rows (opening, seq) WHERE coveredMs IS NOT NULL;
  CREATE INDEX IF NOT EXISTS visits ON rows (n) WHERE type = 'visit';
`

const BUSY = 'another hub has this outbox open: stop it first, or give this hub a data folder of its own'

/** SQLite holds this lock for as long as we live and drops it when we die, however we die. */
export function lock(path: string): Database.Database {
  const file = new Database(`${path}.lock`, { timeout: 0 })
  try {
    file.exec('BEGIN EXCLUSIVE')
    return file
  } catch (cause) {
    file.close()
    throw new Error(`cannot open ${path}: ${BUSY}`, { cause })
  }
}

/** Opens the file, or makes it. What an older version kept is as good as ever; what a newer one kept is not touched. */
export function connect(path: string): Database.Database {
  const db = new Database(path)
  try {
    const version = Number(db.pragma('user_version', { simple: true }))
    if (version > VERSION)
      throw new Error(
        `${path} was written by a newer kiosk-hub (version ${version}, this one knows ${VERSION}): run that one, it delivers what waits here`,
      )
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.exec(SCHEMA)
    const columns = db.prepare<[], { name: string }>(`SELECT name FROM pragma_table_info('rows')`).all()
    if (!columns.some(({ name }) => name === 'sum')) db.exec('ALTER TABLE rows ADD COLUMN sum INTEGER')
    if (version < VERSION) db.pragma(`user_version = ${VERSION}`)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

export const sumOf = (body: string): number => crc32(body)
/** SQLite itself has no sums: a bit that changed in a row's text would change a reading. */
export const isSound = ({ body, sum }: { body: string; sum: number | null }) => sum === null || sum === sumOf(body)

/** What is in the file is not what was put there. */
export class OutboxDamaged extends Error {
  override name = 'OutboxDamaged'
}

export const isDamage = (error: unknown): boolean =>
  error instanceof OutboxDamaged ||
  (error instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code))

/** The disk takes no more: nothing of this call was kept. */
export class OutboxFull extends Error {
  override name = 'OutboxFull'
}

/** Runs `work`; a disk that is full, failing or read-only becomes OutboxFull. */
export function writing<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof Database.SqliteError && /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN)/.test(cause.code))
      throw new OutboxFull(`the outbox cannot be written (${cause.code}): make room on its disk`, { cause })
    throw cause
  }
}

/** Whether a hub has the outbox open, asked so that a running one does not notice. */
export function isHeld(path: string): boolean {
  if (!existsSync(`${path}.lock`)) return false
  const file = new Database(`${path}.lock`, { readonly: true, timeout: 0 })
  try {
    file.prepare('SELECT count(*) FROM sqlite_master').get()
    return false
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return true
    throw error
  } finally {
    file.close()
  }
}

export interface Glance {
  rows: number
  /** Rows no mark covers, and when the oldest of them was made. */
  waiting: number
  oldestMs: number | null
  /** Rows that the given mark covers. */
  covered: number
}

/** Looks into the outbox and changes nothing; null: there is none yet. */
export function glance(path: string, mark: StoredMark | null): Glance | null {
  if (!existsSync(path)) return null
  const db = new Database(path, { readonly: true })
  try {
    const all = db.prepare<[], { n: number }>('SELECT count(*) AS n FROM rows').get()
    const open = db
      .prepare<[], { n: number; oldest: number | null }>(
        'SELECT count(*) AS n, min(madeMs) AS oldest FROM rows WHERE coveredMs IS NULL',
      )
      .get()
    const between = db.prepare<[string, number, number], { n: number }>(
      'SELECT count(*) AS n FROM rows JOIN openings USING (opening) WHERE epoch = ? AND seq BETWEEN ? AND ?',
    )
    const count = (epoch: string, from: number, to: number) => between.get(epoch, from, to)?.n ?? 0
    const covered = (mark?.marks ?? []).reduce((sum, { epoch, through, missing }) => {
      const gone = missing.reduce((n, [a, b]) => n + count(epoch, a, Math.min(b, through)), 0)
      return sum + count(epoch, 0, through) - gone
    }, 0)
    return { rows: all?.n ?? 0, waiting: open?.n ?? 0, oldestMs: open?.oldest ?? null, covered }
  } finally {
    db.close()
  }
}
