// The promise: SQLite, one numbered sequence of records an epoch, on the disk before anyone sees a tick (promises 1.1–1.5).
import { randomUUID } from 'node:crypto'
import type Database from 'better-sqlite3'
import type { Moment } from './clock.ts'
import type { Erase } from './contract/command.ts'
import { HubRecord } from './contract/record.ts'
import type { StoredMark } from './contract/stored.ts'
import { eraseRows } from './erase.ts'
import type { Draft } from './observe.ts'
import { connect, isDamage, isSound, lock, OutboxDamaged, OutboxFull, sumOf, writing } from './outbox-file.ts'
import { type Damage, damageOf, forgetAside, markDamaged, mend, missMissing } from './salvage.ts'
import { adding, openTally, type Ranges, without } from './tally.ts'
import { align, type Known, printOf } from './undated.ts'

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

/** What arrived together, and when. */
export interface Drafted {
  drafts: readonly Draft[]
  at: Moment
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
  /** What became of an earlier file, until somebody has removed the report that lies beside this one. */
  damage: Damage | null
}

export interface Taken {
  covered: number
  uncovered: number
  purged: number
}

export type Outbox = ReturnType<typeof openOutbox>

const DAY_MS = 86_400_000
/**
 * Opens the outbox under a new random epoch: a restored, cloned or fresh file never uses a number again. A damaged file
 * is set aside, and what can be read of it goes on.
 * @param keepDays how long rows stay after a mark covered them, by the marks' own clock
 * @throws when another hub has it open
 */
export function openOutbox(path: string, { keepDays = 30 } = {}) {
  const held = lock(path)
  const begin = () => {
    mend(path)
    const db = connect(path)
    try {
      return outboxIn(path, db, keepDays, held)
    } catch (error) {
      db.close()
      throw error
    }
  }
  try {
    return begin()
  } catch (error) {
    if (isDamage(error)) {
      markDamaged(path)
      return begin()
    }
    held.close()
    throw error
  }
}

function outboxIn(path: string, db: Database.Database, keepDays: number, held: Database.Database) {
  const epoch = randomUUID()
  const changes = new Set<() => void>()
  const changed = () => {
    for (const call of changes) call()
  }

  const sql = {
    insert: db.prepare(
      `INSERT INTO rows (opening, seq, id, type, body, madeMs, sum) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
    ),
    setMeta: db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)'),
    unsetMeta: db.prepare('DELETE FROM meta WHERE key = ?'),
    meta: db.prepare<[string], { value: string }>('SELECT value FROM meta WHERE key = ?'),
    untrusted: db.prepare<[], { boot: string }>(
      `SELECT substr(key, 11) AS boot FROM meta WHERE key LIKE 'untrusted:%'`,
    ),
    waiting: db.prepare<[number, number, number], Row & { sum: number | null }>(
      `SELECT opening, seq, epoch, madeMs, body, sum FROM rows JOIN openings USING (opening)
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
    runs: db
      .prepare<[number], [number, number]>(
        `SELECT min(seq), max(seq) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS run FROM rows
         WHERE opening = ? AND coveredMs IS NULL) GROUP BY run ORDER BY 1`,
      )
      .raw(),
  }

  missMissing(path, db)
  const opening = writing(() =>
    db.transaction(() => {
      db.exec('DELETE FROM openings WHERE NOT EXISTS (SELECT 1 FROM rows WHERE rows.opening = openings.opening)')
      return Number(db.prepare('INSERT INTO openings (epoch) VALUES (?)').run(epoch).lastInsertRowid)
    })(),
  )
  const damage = damageOf(path)
  const tally = openTally(path)
  let waits = new Map<number, { epoch: string; waiting: Ranges }>(
    sql.epochs.all().map((one) => [one.opening, { epoch: one.epoch, waiting: sql.runs.all(one.opening) }]),
  )
  const tell = (all: typeof waits) => tally.write([...all].map(([no, one]) => ({ opening: no, ...one })))
  tell(waits)
  let last = 0
  let queued = sql.count.get()!.n
  const seenText = sql.meta.get('seen')?.value
  let seen: OutboxState['seen'] = seenText === undefined ? null : JSON.parse(seenText)

  type Aligned = { memory: string; is: Known }
  const insert = db.transaction(
    (together: readonly { records: readonly HubRecord[]; at: Moment }[], known?: Aligned) => {
      let seq = last
      if (known) sql.setMeta.run(`memory:${known.memory}`, JSON.stringify(known.is))
      const kept = together.flatMap(({ records, at }) =>
        records.map((record): Kept => {
          const body = JSON.stringify(record)
          const row = [opening, seq + 1, record.id, record.type, body, Math.floor(at.wallMs), sumOf(body)]
          const isNew = sql.insert.run(...row).changes === 1
          if (isNew) seq++
          if (isNew && 'clock' in record && !record.clock.trusted) sql.setMeta.run(`untrusted:${record.clock.boot}`, '')
          if (record.type === 'clock') sql.unsetMeta.run(`untrusted:${record.boot}`)
          return { record, isNew }
        }),
      )
      const trusted = together.findLast(({ at }) => at.trusted)
      if (trusted) sql.setMeta.run('floorMs', String(Math.floor(trusted.at.wallMs)))
      return kept
    },
  )

  /** Each of the epoch's numbers from 1 to `through` outside `missing` is covered, each other one is not. */
  const takeEpoch = (no: number, through: number, missing: readonly [number, number][], atMs: number) => {
    const taken = { covered: 0, uncovered: 0, purged: 0 }
    let waiting = waits.get(no)?.waiting ?? []
    const cover = (a: number, b: number) => {
      taken.covered += sql.cover.run(atMs, no, a, b).changes
      waiting = without(waiting, a, b)
    }
    let from = 1
    for (const [a, b] of [...missing].sort(([x], [y]) => x - y)) {
      cover(from, Math.min(a - 1, through))
      taken.uncovered += sql.uncover.run(no, a, b).changes
      from = Math.max(from, b + 1)
    }
    cover(from, through)
    taken.uncovered += sql.uncover.run(no, through + 1, Number.MAX_SAFE_INTEGER).changes
    const keepFrom = sql.keepFrom.get(no, atMs - keepDays * DAY_MS)?.seq ?? through + 1
    taken.purged = sql.purge.run(no, keepFrom).changes
    return { ...taken, waiting: taken.uncovered > 0 ? sql.runs.all(no) : waiting }
  }

  const takeMark = db.transaction((mark: StoredMark) => {
    const atMs = Date.parse(mark.at)
    const total = { covered: 0, uncovered: 0, purged: 0 }
    const then = new Map(waits)
    for (const known of sql.epochs.all()) {
      const one = mark.marks.find((m) => m.epoch === known.epoch)
      if (!one) continue // not named, not spoken of
      const { waiting, ...taken } = takeEpoch(known.opening, one.through, one.missing, atMs)
      then.set(known.opening, { epoch: known.epoch, waiting })
      total.covered += taken.covered
      total.uncovered += taken.uncovered
      total.purged += taken.purged
    }
    sql.setMeta.run('seen', JSON.stringify({ rev: mark.rev, id: mark.id }))
    sql.setMeta.run('floorMs', String(atMs)) // exactly, not the later of both: it also heals a clock that ran ahead
    tell(then) // before the commit: whoever dies between the two must not count what the clinic has
    return { total, then }
  })

  /** Keeps all or none in one transaction, on the disk when this returns. Throws OutboxFull. */
  function put(drafted: readonly Drafted[], known?: Aligned): Kept[] {
    // A live record's id is made here, with its row: a crash before leaves nothing that could come again under another.
    const made = (draft: Draft) => ({ ...draft, id: draft.id ?? randomUUID() }) as HubRecord
    const together = drafted.map(({ drafts, at }) => ({ records: drafts.map(made), at }))
    const kept = writing(() => insert.immediate(together, known))
    const news = kept.filter(({ isNew }) => isNew).length
    if (news === 0) return kept
    waits.set(opening, { epoch, waiting: adding(waits.get(opening)?.waiting ?? [], last + 1, last + news) })
    tell(waits)
    last += news
    queued += news
    changed()
    return kept
  }

  /** What finds the file damaged says so to the next start, which mends it. */
  const guarded =
    <A extends unknown[], R>(work: (...given: A) => R) =>
    (...given: A): R => {
      try {
        return work(...given)
      } catch (error) {
        if (isDamage(error)) markDamaged(path)
        throw error
      }
    }

  return {
    epoch,
    put: guarded((drafts: readonly Draft[], now: Moment): Kept[] => put([{ drafts, at: now }])),
    /** The same of several arrivals, in one transaction. */
    putAll: guarded((drafted: readonly Drafted[]): Kept[] => put(drafted)),

    /**
     * Keeps those undated records of one read of a device's memory that are not here already, and what is known of that
     * memory from now on, in one transaction. `read`: all it told, in its order; dated ones are kept by `put`.
     */
    putUndated: guarded((memory: string, read: readonly Draft[], now: Moment): Kept[] => {
      const text = sql.meta.get(`memory:${memory}`)?.value
      const known: Known | null = text === undefined ? null : JSON.parse(text)
      if (!known && read.every(({ id }) => id !== null)) return []
      const aligned = align(known, read.map(printOf))
      const news = read.flatMap((draft, i): Draft[] => {
        const mark = aligned.marks[i]
        if (draft.type !== 'observation' || draft.id !== null || mark === 'known') return []
        return [mark === 'doubtful' ? { ...draft, flags: [...draft.flags, 'doubtful-repeat'] } : draft]
      })
      return put([{ drafts: news, at: now }], { memory, is: aligned.known })
    }),

    /**
     * Forgets a person, in the file's free pages too. Repeating is harmless, after a crash half-way it is needed.
     * @param key once it is done, it is not done again under this key
     * @returns how many rows; null when it was done before
     */
    erase: guarded((key: string, hub: string, erase: Erase): number | null => {
      if (sql.meta.get(`erased:${key}`)) return null
      return writing(() => {
        const rows = eraseRows(db, hub, erase)
        db.exec('VACUUM')
        db.pragma('wal_checkpoint(TRUNCATE)')
        forgetAside(path)
        sql.setMeta.run(`erased:${key}`, '')
        return rows
      })
    }),

    /** Rows no mark covers, oldest first, from behind `after`. */
    waiting: guarded((after: Position, most: number): Row[] => {
      const rows = sql.waiting.all(after.opening, after.seq, most)
      if (!rows.every(isSound)) throw new OutboxDamaged(`rows of ${path} are not what was put there`)
      return rows
    }),
    /** The last row of this opening. */
    end: (): Position => ({ opening, seq: last }),

    /** Takes a mark as the whole truth of the epochs it names. Null when it is not newer than the last. */
    take: guarded((mark: StoredMark): Taken | null => {
      if (seen && mark.rev <= seen.rev) return null
      const { total, then } = writing(() => takeMark.immediate(mark))
      waits = then
      seen = { rev: mark.rev, id: mark.id }
      queued += total.uncovered - total.covered
      changed()
      return total
    }),

    state: guarded((): OutboxState => {
      const epochs = sql.epochs.all().flatMap(({ opening: no, epoch: name }) => {
        const { first, last: end } = sql.ends.get(no, no)!
        return first === null || end === null ? [] : [{ epoch: name, first, last: end }]
      })
      return { epochs, queued, oldestMs: sql.oldest.get()?.madeMs ?? null, seen, damage: damage && damageOf(path) }
    }),

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
    /** This boot has, or may have, rows with a wrong time: a clock record is owed. */
    distrust: (boot: string) => void writing(() => sql.setMeta.run(`untrusted:${boot}`, '')),
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
      tally.close()
      held.close()
    },
  }
}
