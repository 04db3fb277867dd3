// The embedded time series: one SQLite file of its own, apart from the registry.
import Database from 'better-sqlite3'
import {
  BEATS_KEPT_MS,
  type Beat,
  byTime,
  type Place,
  type Point,
  rollUp,
  type Store,
  type StoredPoint,
  StoreUnavailable,
  spanOf,
} from './store.ts'

/** A file of another version begins anew: the registry writes all of it again. */
const VERSION = 2
/** By time first, so that what is written together lies together; a person's readings are found by their own index. */
const TABLES = `
  create table if not exists points (
    kind text, bucket text, unit text, place_ns integer, id text not null, taken_at_ms integer not null, subject text,
    hub text not null, device text not null, range text, flags text not null, numbers text not null, beat text not null,
    primary key (place_ns, kind, bucket, unit)
  ) without rowid;
  create index if not exists points_subject on points (subject, kind, taken_at_ms);
  create index if not exists points_beat on points (beat);
  create table if not exists beats (id text primary key, at_ms integer not null) without rowid;
  create index if not exists beats_at on beats (at_ms);
`

const COLUMNS = 'kind, bucket, unit, place_ns, id, taken_at_ms, subject, hub, device, range, flags, numbers, beat'

/** A row as better-sqlite3 gives it with safe integers: nanoseconds do not fit a JavaScript number. */
interface Row {
  kind: string
  bucket: string
  unit: string
  place_ns: bigint
  id: string
  taken_at_ms: bigint
  subject: string | null
  hub: string
  device: string
  range: 'above' | 'below' | null
  flags: string
  numbers: string
  beat: string
}

/** @param file path of the series; made when it is not there */
export function openSqliteStore(file: string): Store {
  const db = new Database(file)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.pragma('secure_delete = ON') // what is erased leaves no trace in the file's free space
  if (db.pragma('user_version', { simple: true }) !== VERSION)
    db.exec(`drop table if exists points; drop table if exists beats; pragma user_version = ${VERSION}`)
  db.exec(TABLES)

  type Value = string | number | bigint
  const prepared = new Map<string, Database.Statement<Value[], Row>>()
  const rows = (query: string, ...values: Value[]) => {
    const statement = prepared.get(query) ?? db.prepare<Value[], Row>(query).safeIntegers()
    prepared.set(query, statement)
    return statement.all(...values).map(point)
  }
  const at = 'where kind = ? and bucket = ? and unit = ? and place_ns = ?'
  const key = (place: Place) => [place.kind, place.bucket, place.unit, place.placeNs] as const
  const put = db.prepare(`insert or replace into points (${COLUMNS}) values (${COLUMNS.replace(/\w+/g, '?')})`)
  const get = (place: Place) => rows(`select ${COLUMNS} from points ${at}`, ...key(place))[0] ?? null

  const write = db.transaction((points: readonly Point[], beat: Beat) => {
    for (const p of points) {
      const flags = JSON.stringify(p.flags)
      const numbers = JSON.stringify(p.numbers)
      const { kind, bucket, unit, placeNs, id, takenAtMs, subject, hub, device, range } = p
      put.run(kind, bucket, unit, placeNs, id, takenAtMs, subject, hub, device, range, flags, numbers, beat.id)
    }
    db.prepare('insert or replace into beats (id, at_ms) values (?, ?)').run(beat.id, beat.atMs)
    db.prepare('delete from beats where at_ms < ?').run(beat.atMs - BEATS_KEPT_MS)
  })

  const erase = db.transaction((places: readonly Place[]) => {
    for (const place of places) db.prepare(`delete from points ${at}`).run(...key(place))
  })

  const history: Store['history'] = async ({ kind, subjects, places, range }) =>
    guarded(() => {
      const found = new Map<string, StoredPoint>()
      const within = 'and taken_at_ms >= ? and taken_at_ms < ?'
      for (const subject of subjects) {
        const query = `select ${COLUMNS} from points where subject = ? and kind = ? ${within}`
        for (const p of rows(query, subject, kind, range.fromMs, range.toMs)) found.set(p.id, p)
      }
      for (const place of places) {
        const query = `select ${COLUMNS} from points ${at} ${within}`
        if (place.kind !== kind) continue
        for (const p of rows(query, ...key(place), range.fromMs, range.toMs)) found.set(p.id, p)
      }
      return [...found.values()].sort(byTime)
    })

  return {
    write: async (points, beat) => guarded(() => write(points, beat)),
    history,
    latest: async (subjects) =>
      guarded(() => {
        const newest = new Map<string, StoredPoint>()
        for (const subject of subjects) {
          for (const p of rows(`select ${COLUMNS} from points where subject = ?`, subject)) {
            const known = newest.get(p.kind)
            if (!known || byTime(known, p) < 0) newest.set(p.kind, p)
          }
        }
        return [...newest.values()].sort((a, b) => (a.kind < b.kind ? -1 : 1))
      }),
    get: async (place) => guarded(() => get(place)),
    erase: async (places) =>
      guarded(() => {
        erase(places)
        db.pragma('wal_checkpoint(TRUNCATE)')
      }),
    async rollup({ kind, unit, subjects, places, ranges, without }) {
      const range = spanOf(ranges)
      if (range === null) return []
      const points = await history({ kind, subjects, places, range })
      return rollUp(
        points.filter((p) => p.unit === unit),
        ranges,
        without,
      )
    },
    beats: async () => guarded(() => db.prepare<[], Beat>('select id, at_ms as atMs from beats order by id').all()),
    under: async (beat) => guarded(() => rows(`select ${COLUMNS} from points where beat = ?`, beat).sort(byTime)),
    async close() {
      db.close()
    },
  }
}

const point = (row: Row): StoredPoint => ({
  kind: row.kind,
  bucket: row.bucket,
  unit: row.unit,
  placeNs: row.place_ns,
  id: row.id,
  takenAtMs: Number(row.taken_at_ms),
  subject: row.subject,
  hub: row.hub,
  device: row.device,
  range: row.range,
  flags: row.flags === '[]' ? [] : JSON.parse(row.flags),
  numbers: JSON.parse(row.numbers),
  beat: row.beat,
})

/** A full disk or a locked file may pass; anything else is a bug and stays what it is. */
function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    const passing =
      error instanceof Database.SqliteError && /^SQLITE_(BUSY|LOCKED|FULL|IOERR|CANTOPEN)/.test(error.code)
    if (passing) throw new StoreUnavailable(`the embedded series does not answer: ${error.code}`, { cause: error })
    throw error
  }
}
