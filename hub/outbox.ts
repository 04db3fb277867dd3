// The promise: SQLite, one numbered sequence of records an epoch, on the disk before anyone sees a tick (promises 1.1–1.5).
import { randomUUID } from 'node:crypto'
import Database from 'better-sqlite3'
import type { Moment } from './clock.ts'
import type { Erase } from './contract/command.ts'
import { HubRecord } from './contract/record.ts'
import type { StoredMark } from './contract/stored.ts'
import { eraseRows } from './erase.ts'
import type { Draft } from './observe.ts'
import { align, type Known, printOf } from './undated.ts'

/** The disk takes no more: nothing of this call was kept. */
export class OutboxFull extends Error {
  override name = 'OutboxFull'
}

/** A row's place in the order of birth: openings count up, numbers count up within each. */
export interface Position {
  opening: number
  seq: number
}

export interface Row extends Position {
  epoch: string
  madeMs: number
  /** JSON as it was kept. */
  body: string
}

export interface Kept {
  record: HubRecord
  /** False: a record of this id is here already (a memory was read again) and stays as it is. */
  isNew: boolean
}

export interface OutboxState {
  /** Every epoch that still has rows: its first kept and last number. */
  epochs: { epoch: string; first: number; last: number }[]
  /** Rows no mark covers, and when the oldest of them was made. */
  queued: number
  oldestMs: number | null
  /** The mark last taken. */
  seen: { rev: number; id: string } | null
}

export interface Taken {
  covered: number
  uncovered: number
  purged: number
}

export type Outbox = ReturnType<typeof openOutbox>

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
    UNIQUE (opening, seq)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS waiting ON rows (opening, seq) WHERE coveredMs IS NULL;
  CREATE INDEX IF NOT EXISTS covered ON rows (opening, seq) WHERE coveredMs IS NOT NULL;
  CREATE INDEX IF NOT EXISTS visits ON rows (n) WHERE type = 'visit';
`

const DAY_MS = 86_400_000
const BUSY = 'another hub has this outbox open: stop it first, or give this hub a data folder of its own'

/** SQLite holds this lock for as long as we live and drops it when we die, however we die. */
function lock(path: string): Database.Database {
  const file = new Database(`${path}.lock`, { timeout: 0 })
  try {
    file.exec('BEGIN EXCLUSIVE')
    return file
  } catch (cause) {
    file.close()
    throw new Error(`cannot open ${path}: ${BUSY}`, { cause })
  }
}

/** Runs `work`; a disk that is full, failing or read-only becomes OutboxFull. */
function writing<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof Database.SqliteError && /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN)/.test(cause.code))
      throw new OutboxFull(`the outbox cannot be written (${cause.code}): make room on its disk`, { cause })
    throw cause
  }
}

/**
 * Opens the outbox under a new random epoch: a restored, cloned or fresh file never uses a number again.
 * @param keepDays how long rows stay after a mark covered them, by the marks' own clock
 * @throws when another hub has it open, or when it is no outbox
 */
export function openOutbox(path: string, { keepDays = 30 } = {}) {
  const held = lock(path)
  const db = new Database(path)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec(SCHEMA)

  const epoch = randomUUID()
  const changes = new Set<() => void>()
  const changed = () => {
    for (const call of changes) call()
  }

  const sql = {
    insert: db.prepare(
      `INSERT INTO rows (opening, seq, id, type, body, madeMs) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
    ),
    setMeta: db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)'),
    unsetMeta: db.prepare('DELETE FROM meta WHERE key = ?'),
    meta: db.prepare<[string], { value: string }>('SELECT value FROM meta WHERE key = ?'),
    untrusted: db.prepare<[], { boot: string }>(
      `SELECT substr(key, 11) AS boot FROM meta WHERE key LIKE 'untrusted:%'`,
    ),
    waiting: db.prepare<[number, number, number], Row>(
      `SELECT opening, seq, epoch, madeMs, body FROM rows JOIN openings USING (opening)
       WHERE coveredMs IS NULL AND (opening, seq) > (?, ?) ORDER BY opening, seq LIMIT ?`,
    ),
    count: db.prepare<[], { n: number }>('SELECT count(*) AS n FROM rows WHERE coveredMs IS NULL'),
    oldest: db.prepare<[], { madeMs: number }>(
      'SELECT madeMs FROM rows WHERE coveredMs IS NULL ORDER BY opening, seq LIMIT 1',
    ),
    epochs: db.prepare<[], { opening: number; epoch: string }>('SELECT opening, epoch FROM openings ORDER BY opening'),
    ends: db.prepare<[number, number], { first: number | null; last: number | null }>(
      `SELECT (SELECT min(seq) FROM rows WHERE opening = ?) AS first, (SELECT max(seq) FROM rows WHERE opening = ?) AS last`,
    ),
    cover: db.prepare('UPDATE rows SET coveredMs = ? WHERE opening = ? AND seq BETWEEN ? AND ? AND coveredMs IS NULL'),
    uncover: db.prepare(
      'UPDATE rows SET coveredMs = NULL WHERE opening = ? AND seq BETWEEN ? AND ? AND coveredMs IS NOT NULL',
    ),
    keepFrom: db.prepare<[number, number], { seq: number }>(
      'SELECT seq FROM rows WHERE opening = ? AND (coveredMs IS NULL OR coveredMs > ?) ORDER BY seq LIMIT 1',
    ),
    purge: db.prepare('DELETE FROM rows WHERE opening = ? AND seq < ?'),
    visits: db.prepare<[number], { body: string }>(
      `SELECT body FROM rows WHERE type = 'visit' ORDER BY n DESC LIMIT ?`,
    ),
  }

  const opening = writing(() =>
    db.transaction(() => {
      db.exec('DELETE FROM openings WHERE NOT EXISTS (SELECT 1 FROM rows WHERE rows.opening = openings.opening)')
      return Number(db.prepare('INSERT INTO openings (epoch) VALUES (?)').run(epoch).lastInsertRowid)
    })(),
  )
  let last = 0
  let queued = sql.count.get()!.n
  const seenText = sql.meta.get('seen')?.value
  let seen: OutboxState['seen'] = seenText === undefined ? null : JSON.parse(seenText)

  type Aligned = { memory: string; is: Known }
  const insert = db.transaction((records: readonly HubRecord[], now: Moment, known?: Aligned): Kept[] => {
    let seq = last
    if (known) sql.setMeta.run(`memory:${known.memory}`, JSON.stringify(known.is))
    const kept = records.map((record) => {
      const row = [opening, seq + 1, record.id, record.type, JSON.stringify(record), Math.floor(now.wallMs)]
      const isNew = sql.insert.run(...row).changes === 1
      if (isNew) seq++
      if (isNew && 'clock' in record && !record.clock.trusted) sql.setMeta.run(`untrusted:${record.clock.boot}`, '')
      if (record.type === 'clock') sql.unsetMeta.run(`untrusted:${record.boot}`)
      return { record, isNew }
    })
    if (now.trusted) sql.setMeta.run('floorMs', String(Math.floor(now.wallMs)))
    return kept
  })

  /** Each of the epoch's numbers from 1 to `through` outside `missing` is covered, each other one is not. */
  const takeEpoch = (no: number, through: number, missing: readonly [number, number][], atMs: number): Taken => {
    const taken = { covered: 0, uncovered: 0, purged: 0 }
    let from = 1
    for (const [a, b] of [...missing].sort(([x], [y]) => x - y)) {
      taken.covered += sql.cover.run(atMs, no, from, Math.min(a - 1, through)).changes
      taken.uncovered += sql.uncover.run(no, a, b).changes
      from = Math.max(from, b + 1)
    }
    taken.covered += sql.cover.run(atMs, no, from, through).changes
    taken.uncovered += sql.uncover.run(no, through + 1, Number.MAX_SAFE_INTEGER).changes
    const keepFrom = sql.keepFrom.get(no, atMs - keepDays * DAY_MS)?.seq ?? through + 1
    taken.purged = sql.purge.run(no, keepFrom).changes
    return taken
  }

  const takeMark = db.transaction((mark: StoredMark): Taken => {
    const atMs = Date.parse(mark.at)
    const total = { covered: 0, uncovered: 0, purged: 0 }
    for (const known of sql.epochs.all()) {
      const one = mark.marks.find((m) => m.epoch === known.epoch)
      if (!one) continue // not named, not spoken of
      const taken = takeEpoch(known.opening, one.through, one.missing, atMs)
      total.covered += taken.covered
      total.uncovered += taken.uncovered
      total.purged += taken.purged
    }
    sql.setMeta.run('seen', JSON.stringify({ rev: mark.rev, id: mark.id }))
    sql.setMeta.run('floorMs', String(atMs)) // exactly, not the later of both: it also heals a clock that ran ahead
    return total
  })

  /** Keeps all or none in one transaction, on the disk when this returns. Throws OutboxFull. */
  function put(drafts: readonly Draft[], now: Moment, known?: Aligned): Kept[] {
    // A live record's id is made here, with its row: a crash before leaves nothing that could come again under another.
    const records = drafts.map((draft): HubRecord => ({ ...draft, id: draft.id ?? randomUUID() }) as HubRecord)
    const kept = writing(() => insert.immediate(records, now, known))
    const news = kept.filter(({ isNew }) => isNew).length
    last += news
    queued += news
    if (news > 0) changed()
    return kept
  }

  return {
    epoch,
    put: (drafts: readonly Draft[], now: Moment): Kept[] => put(drafts, now),

    /**
     * Keeps those undated records of one read of a device's memory that are not here already, and what is known of that
     * memory from now on, in one transaction. `read`: all it told, in its order; dated ones are kept by `put`.
     */
    putUndated(memory: string, read: readonly Draft[], now: Moment): Kept[] {
      const text = sql.meta.get(`memory:${memory}`)?.value
      const known: Known | null = text === undefined ? null : JSON.parse(text)
      if (!known && read.every(({ id }) => id !== null)) return []
      const aligned = align(known, read.map(printOf))
      const news = read.flatMap((draft, i): Draft[] => {
        const mark = aligned.marks[i]
        if (draft.type !== 'observation' || draft.id !== null || mark === 'known') return []
        return [mark === 'doubtful' ? { ...draft, flags: [...draft.flags, 'doubtful-repeat'] } : draft]
      })
      return put(news, now, { memory, is: aligned.known })
    },

    /**
     * Forgets a person, in the file's free pages too. Repeating is harmless, after a crash half-way it is needed.
     * @param key once it is done, it is not done again under this key
     * @returns how many rows; null when it was done before
     */
    erase(key: string, hub: string, erase: Erase): number | null {
      if (sql.meta.get(`erased:${key}`)) return null
      return writing(() => {
        const rows = eraseRows(db, hub, erase)
        db.exec('VACUUM')
        db.pragma('wal_checkpoint(TRUNCATE)')
        sql.setMeta.run(`erased:${key}`, '')
        return rows
      })
    },

    /** Rows no mark covers, oldest first, from behind `after`. */
    waiting: (after: Position, most: number): Row[] => sql.waiting.all(after.opening, after.seq, most),
    /** The last row of this opening. */
    end: (): Position => ({ opening, seq: last }),

    /** Takes a mark as the whole truth of the epochs it names. Null when it is not newer than the last. */
    take(mark: StoredMark): Taken | null {
      if (seen && mark.rev <= seen.rev) return null
      const taken = writing(() => takeMark.immediate(mark))
      seen = { rev: mark.rev, id: mark.id }
      queued += taken.uncovered - taken.covered
      changed()
      return taken
    },

    state(): OutboxState {
      const epochs = sql.epochs.all().flatMap(({ opening: no, epoch: name }) => {
        const { first, last: end } = sql.ends.get(no, no)!
        return first === null || end === null ? [] : [{ epoch: name, first, last: end }]
      })
      return { epochs, queued, oldestMs: sql.oldest.get()?.madeMs ?? null, seen }
    },

    /** Whether the disk takes rows (again), found out by writing. */
    writable(): boolean {
      try {
        writing(() => sql.setMeta.run('probe', randomUUID()))
        return true
      } catch (error) {
        if (error instanceof OutboxFull) return false
        throw error
      }
    },

    /** The newest time that the clinic, or a clock of ours that was trusted, has put into this file; 0 when none. */
    floorMs: (): number => Number(sql.meta.get('floorMs')?.value ?? 0),
    /** Boots with times that were not trusted and that no clock record has told since. */
    untrustedBoots: (): string[] => sql.untrusted.all().map(({ boot }) => boot),
    /** The newest visits, newest first. */
    lastVisits: (most: number) =>
      sql.visits.all(most).flatMap(({ body }) => {
        const parsed = HubRecord.safeParse(JSON.parse(body))
        return parsed.success && parsed.data.type === 'visit' ? [parsed.data] : []
      }),

    /** Calls after every commit that changed rows. Returns how to stop. */
    subscribe(call: () => void): () => void {
      changes.add(call)
      return () => changes.delete(call)
    },

    close() {
      db.close()
      held.close()
    },
  }
}
