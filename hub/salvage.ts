// An outbox file that is gone, older than it was or damaged: it is set aside, what can be read is taken over, the rest is said aloud.
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import type { Logger } from 'pino'
import { z } from 'zod'
import { connect, isSound } from './outbox-file.ts'
import { forgetTally, readTally, type Told } from './tally.ts'

/** Said until somebody has looked and removed the report. */
export const Damage = z.object({
  cause: z.enum(['gone', 'older', 'damaged']),
  /** Rows taken over. */
  salvaged: z.int(),
  /** Rows no mark covered that are no more: the clinic will never have them. Null: nobody knows how many. */
  destroyed: z.int().nullable(),
  /** The damaged file; null: there is none. */
  aside: z.string().nullable(),
})
export type Damage = z.infer<typeof Damage>

const names = (path: string) => ({
  report: `${path}.damage.json`,
  /** The file was found to be damaged; a hub that starts salvages it. */
  mark: `${path}.damaged`,
  building: `${path}.building`,
  fresh: `${path}.fresh`,
})
const PARTS = ['-wal', '-shm', ''] // the file itself last: as long as it is there the others belong to it

export const markDamaged = (path: string) => writeFileSync(names(path).mark, '')

export function damageOf(path: string): Damage | null {
  try {
    return Damage.parse(JSON.parse(readFileSync(names(path).report, 'utf8')))
  } catch {
    return null
  }
}

/** Aloud, in the log of whoever runs this hub. */
export function sayDamage(damage: Damage | null, log: Pick<Logger, 'error'>) {
  if (!damage) return
  const { cause, salvaged, destroyed, aside } = damage
  const what = { gone: 'is gone', older: 'is one of before', damaged: 'was damaged and is set aside' }[cause]
  log.error(
    { cause, salvaged, destroyed, aside },
    `the outbox file ${what}: ${destroyed ?? 'nobody knows how many'} rows that waited are destroyed; remove its .damage.json once you have looked`,
  )
}

const report = (path: string, damage: Damage) => writeFileSync(names(path).report, JSON.stringify(damage))

/** Before the outbox is opened. May be repeated from any step on. */
export function mend(path: string): void {
  const { mark, building, fresh } = names(path)
  if (!existsSync(fresh)) {
    const told = readTally(path)
    const isGone = !existsSync(path)
    if (isGone ? told === null : !existsSync(mark)) return
    for (const part of PARTS) rmSync(building + part, { force: true })
    const rows = takeOver(isGone ? null : path, building, told)
    const waited = told?.reduce((sum, { waiting }) => sum + waiting.reduce((n, [a, b]) => n + b - a + 1, 0), 0)
    const aside = isGone ? null : freeName(path)
    report(path, {
      cause: isGone ? 'gone' : 'damaged',
      salvaged: rows.salvaged,
      destroyed: waited === undefined ? null : waited - rows.told,
      aside,
    })
    renameSync(building, fresh)
  }
  const { aside } = damageOf(path) ?? { aside: freeName(path) }
  for (const part of PARTS) {
    if (!existsSync(path + part)) continue
    if (aside === null) rmSync(path + part)
    else renameSync(path + part, aside + part)
  }
  forgetTally(path)
  renameSync(fresh, path)
  rmSync(mark, { force: true })
}

function freeName(path: string): string {
  for (let n = 1; ; n++) if (!existsSync(`${path}.aside-${n}`)) return `${path}.aside-${n}`
}

/** Who is to be forgotten is to be forgotten there too. */
export function forgetAside(path: string): void {
  const asides = readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.aside-`))
  for (const name of asides) rmSync(join(dirname(path), name))
}

/** An older file was put back: rows that waited when this hub last ran are not in it. */
export function missMissing(path: string, db: Database.Database): void {
  const told = readTally(path) ?? []
  const count = db.prepare<[number, string, number, number], { n: number }>(
    `SELECT count(*) AS n FROM rows WHERE opening = ? AND opening IN (SELECT opening FROM openings WHERE epoch = ?)
     AND seq BETWEEN ? AND ?`,
  )
  let destroyed = 0
  for (const { opening, epoch, waiting } of told)
    for (const [from, to] of waiting) destroyed += to - from + 1 - count.get(opening, epoch, from, to)!.n
  const salvaged = () => db.prepare<[], { n: number }>('SELECT count(*) AS n FROM rows').get()!.n
  if (destroyed > 0) report(path, { cause: 'older', salvaged: salvaged(), destroyed, aside: null })
}

interface OldRow {
  n: number
  opening: number
  seq: number
  id: string
  type: string
  body: string
  madeMs: number
  coveredMs: number | null
  sum: number | null
}

/** @returns how many rows were taken over, and how many of them the tally says were waiting */
function takeOver(from: string | null, to: string, told: Told | null): { salvaged: number; told: number } {
  const old = from === null ? null : openDamaged(from)
  const db = connect(to)
  const rows = old ? readRows(old) : []
  const openings = new Map(told?.map(({ opening, epoch }) => [opening, epoch]))
  const metas = old ? readAll<{ key: string; value: string }>(old, 'SELECT key, value FROM meta') : []
  if (old)
    for (const { opening, epoch } of readAll<{ opening: number; epoch: string }>(old, 'SELECT * FROM openings'))
      openings.set(opening, epoch)
  const putMeta = db.prepare('INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)')
  const putOpening = db.prepare('INSERT OR IGNORE INTO openings (opening, epoch) VALUES (?, ?)')
  const putRow = db.prepare(
    `INSERT OR IGNORE INTO rows (n, opening, seq, id, type, body, madeMs, coveredMs, sum)
     VALUES (@n, @opening, @seq, @id, @type, @body, @madeMs, @coveredMs, @sum)`,
  )
  let salvaged = 0
  let waited = 0
  db.transaction(() => {
    for (const { key, value } of metas) putMeta.run(key, value)
    // Rows whose epoch's name is unreadable go under a new one: their ids are what they were.
    for (const opening of new Set(rows.map((row) => row.opening)))
      putOpening.run(opening, openings.get(opening) ?? randomUUID())
    for (const row of rows) {
      if (putRow.run(row).changes === 0) continue
      salvaged++
      const waiting = told?.find(({ opening }) => opening === row.opening)?.waiting ?? []
      if (waiting.some(([a, b]) => row.seq >= a && row.seq <= b)) waited++
    }
  })()
  db.pragma('wal_checkpoint(TRUNCATE)')
  db.close()
  old?.close()
  return { salvaged, told: waited }
}

/** Null when not even its first page can be read. */
function openDamaged(path: string): Database.Database | null {
  const db = new Database(path)
  try {
    db.unsafeMode()
    db.pragma('writable_schema = ON') // else a file shorter than it says is not read at all
    db.prepare('SELECT count(*) FROM sqlite_schema').get()
    return db
  } catch {
    db.close()
    return null
  }
}

/** As many as come before the first page that cannot be read. */
function readAll<T>(db: Database.Database, query: string): T[] {
  const found: T[] = []
  try {
    for (const row of db.prepare<[], T>(query).iterate()) found.push(row)
  } catch {
    // the rest is behind a damaged page
  }
  return found
}

/** So many rows in a row that cannot be found end the search: more than any damaged page holds. */
const MOST_MISSED = 20_000

/** From both ends as far as one comes, and what lies between row by row. */
function readRows(db: Database.Database): OldRow[] {
  const found = new Map<number, OldRow>()
  const keep = (row: OldRow) => {
    if (typeof row.body === 'string' && typeof row.id === 'string' && isSound(row)) found.set(row.n, row)
  }
  const columns = readAll<{ name: string }>(db, `SELECT name FROM pragma_table_info('rows')`)
  const sum = columns.some(({ name }) => name === 'sum') ? 'sum' : 'NULL AS sum'
  const all = `SELECT n, opening, seq, id, type, body, madeMs, coveredMs, ${sum} FROM rows`
  const upwards = readAll<OldRow>(db, `${all} ORDER BY n`)
  const downwards = readAll<OldRow>(db, `${all} ORDER BY n DESC`)
  for (const row of [...upwards, ...downwards]) keep(row)
  const last = upwards.at(-1)?.n ?? 0
  const first = downwards.at(-1)?.n ?? Number.POSITIVE_INFINITY
  let one: Database.Statement<[number], OldRow>
  try {
    one = db.prepare(`${all} WHERE n = ?`)
  } catch {
    return [] // not even the table is known any more
  }
  for (let n = last + 1, missed = 0; n < first && missed < MOST_MISSED; n++) {
    missed++
    try {
      const row = one.get(n)
      if (!row) continue
      keep(row)
      missed = 0
    } catch {
      // on a damaged page
    }
  }
  return [...found.values()].sort((a, b) => a.n - b.n)
}
