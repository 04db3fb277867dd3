// The time series in InfluxDB 1.x, or whatever answers its API. Points are named by tags and nanosecond; see promises 1.7.
import { createHash } from 'node:crypto'
import { FieldType, InfluxDB, type IPoint, type ISingleHostConfig } from 'influx'
import { bucketOf, placeNs, positionOf, WIDEST_MS } from '../registry/place.ts'
import {
  BEATS_KEPT_MS,
  byTime,
  FIGURES,
  KINDS,
  type Place,
  type Point,
  PointsRefused,
  type Range,
  rollUp,
  type Store,
  type StoredPoint,
  StoreUnavailable,
  spanOf,
} from './store.ts'

export interface InfluxOptions {
  host: string
  port: number
  /** Made when it is not there; the beats lie in another one beside it, `<database>_beats`. */
  database: string
  username?: string
  password?: string
}

/**
 * A second write merges field by field and cannot take a figure away: `figures` says which numbers are this write's,
 * so that nothing of the first is ever read as the second's.
 */
const FIELDS = {
  figures: FieldType.STRING,
  takenAtMs: FieldType.INTEGER,
  subject: FieldType.STRING,
  hub: FieldType.STRING,
  device: FieldType.STRING,
  id: FieldType.STRING,
  range: FieldType.STRING,
  flags: FieldType.STRING,
  beat: FieldType.STRING,
}
const TAGS = ['bucket', 'unit']
/** Text fields cannot be absent and then overwrite: an empty one stands for null. */
const NONE = ''
const BATCH = 100
/** A page is not kept waiting. */
const PATIENCE_MS = 10_000
/** A slow disk still takes what is written; giving up sooner would write the same for ever. */
const WRITE_PATIENCE_MS = 60_000
/** Deleting is dear in InfluxDB: old beats go once a day. */
const SWEEP_MS = 86_400_000

interface Row {
  time: { getNanoTime(): string }
  bucket: string
  unit: string
  takenAtMs: number
  subject: string
  hub: string
  device: string
  id: string
  range: string
  flags: string
  beat: string
  figures: string
  [figure: string]: unknown
}

export function openInfluxStore({ host, port, database, username, password }: InfluxOptions): Store {
  const beatsDatabase = `${database}_beats`
  const options: ISingleHostConfig = {
    host,
    port,
    database,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    schema: [
      ...KINDS.map((kind) => ({
        measurement: kind,
        tags: TAGS,
        // Floats from the first point on: a whole number first would make the field an integer for ever (FC-38).
        fields: { ...FIELDS, ...Object.fromEntries(FIGURES[kind].map((figure) => [figure, FieldType.FLOAT])) },
      })),
      { measurement: 'beat', database: beatsDatabase, tags: [], fields: { id: FieldType.STRING } },
    ],
  }
  // Whoever asked decides what to repeat.
  const patient = (requestTimeout: number) => new InfluxDB({ ...options, pool: { requestTimeout, maxRetries: 0 } })
  const influx = patient(PATIENCE_MS)
  const writer = patient(WRITE_PATIENCE_MS)

  let sweptMs = 0
  let made: Promise<void> | undefined
  /** Both databases are made at the writer's first call, and again after its calls fail: the server may be a fresh one. */
  const there = () => {
    made ??= (async () => {
      await writer.createDatabase(database)
      await writer.createDatabase(beatsDatabase)
    })()
    return made
  }
  const asWriter = <T>(work: () => Promise<T>): Promise<T> =>
    there()
      .then(work)
      .catch((error) => {
        made = undefined
        return unavailable(error)
      })
  /** Reading makes no database: an empty one would pass for nobody having readings, and hide the loss from the writer. */
  const ask = <T>(work: () => Promise<T>): Promise<T> => work().catch(unavailable)

  /** The rows of several queries of one kind, asked at once. */
  const rows = async (kind: string, queries: readonly string[], placeholders: Record<string, string> = {}) => {
    const found: StoredPoint[] = []
    for (let i = 0; i < queries.length; i += BATCH) {
      const some = queries.slice(i, i + BATCH)
      const answers = await influx.query<Row>(some.join(';'), { placeholders })
      // One query is answered by its rows, several by a list of rows each.
      const lists = (some.length === 1 ? [answers] : answers) as unknown as Row[][]
      for (const list of lists) for (const row of list) found.push(point(kind, row))
    }
    return found
  }
  const from = (kind: string) => `SELECT * FROM ${influxName(kind)}`
  const within = ({ fromMs, toMs }: Range) => `time >= ${fromMs}ms AND time < ${toMs + WIDEST_MS}ms`
  const at = ({ bucket, unit, placeNs: ns }: Place) =>
    `time = ${ns} AND bucket = '${bucketText(bucket)}' AND unit = '${unitText(unit)}'`
  const ofSubject = (n: number) => `bucket = $b${n} AND subject = $s${n}`
  const names = (subjects: readonly string[]) =>
    Object.fromEntries(
      subjects.flatMap((s, n) => [
        [`s${n}`, s],
        [`b${n}`, bucketOf(s)],
      ]),
    )
  const withinTaken = ({ fromMs, toMs }: Range) => {
    return (p: Point) => p.takenAtMs >= fromMs && p.takenAtMs < toMs
  }

  const history: Store['history'] = ({ kind, subjects, places, range }) =>
    ask(async () => {
      const wanted = subjects.map((_, n) => `${from(kind)} WHERE ${ofSubject(n)} AND ${within(range)}`)
      const own = places.filter((place) => place.kind === kind).map((place) => `${from(kind)} WHERE ${at(place)}`)
      const found = new Map<string, StoredPoint>()
      for (const p of [...(await rows(kind, wanted, names(subjects))), ...(await rows(kind, own))]) found.set(p.id, p)
      return [...found.values()].filter(withinTaken(range)).sort(byTime)
    })

  /** Halves what was refused until the points at fault stand alone; the rest is written. @returns the refused ids */
  async function put(points: readonly Point[], beat: string): Promise<{ ids: string[]; cause?: unknown }> {
    try {
      await writer.writePoints(
        points.map((p) => line(p, beat)),
        { precision: 'n' },
      )
      return { ids: [] }
    } catch (cause) {
      if (!isRefusal(cause)) throw cause
      if (points.length === 1) return { ids: points.map((p) => p.id), cause }
      const middle = points.length >> 1
      const [a, b] = [await put(points.slice(0, middle), beat), await put(points.slice(middle), beat)]
      return { ids: [...a.ids, ...b.ids], cause: a.cause ?? b.cause }
    }
  }

  return {
    write: (points, beat) =>
      asWriter(async () => {
        const refused = await put(points, beat.id)
        if (refused.ids.length > 0)
          throw new PointsRefused(
            `the series refused ${refused.ids.length} points: ${message(refused.cause)}`,
            refused.ids,
            {
              cause: refused.cause,
            },
          )
        const timestamp = String(placeNs({ place_ms: beat.atMs, place_ns: spread(beat.id) }))
        await writer.writePoints([{ measurement: 'beat', fields: { id: beat.id }, timestamp }], {
          database: beatsDatabase,
          precision: 'n',
        })
        if (Math.abs(beat.atMs - sweptMs) < SWEEP_MS) return
        const oldestMs = beat.atMs - BEATS_KEPT_MS
        await writer.query(`DELETE FROM "beat" WHERE time < ${oldestMs}ms`, { database: beatsDatabase })
        sweptMs = beat.atMs
      }),
    history,
    latest: (subjects) =>
      ask(async () => {
        const newest: StoredPoint[] = []
        for (const kind of KINDS) {
          const last = subjects.map((_, n) => `${from(kind)} WHERE ${ofSubject(n)} ORDER BY time DESC LIMIT 1`)
          const ends = await rows(kind, last, names(subjects))
          if (ends.length === 0) continue
          // A point lies up to a minute after its reading: the newest reading is among the points of the last minute.
          const endMs = Math.max(...ends.map((p) => Number(p.placeNs / 1_000_000n)))
          const near = subjects.map((_, n) => `${from(kind)} WHERE ${ofSubject(n)} AND time >= ${endMs - WIDEST_MS}ms`)
          newest.push(...(await rows(kind, near, names(subjects))).sort(byTime).slice(-1))
        }
        return newest
      }),
    get: (place) => ask(async () => (await rows(place.kind, [`${from(place.kind)} WHERE ${at(place)}`]))[0] ?? null),
    erase: (places) =>
      ask(async () => {
        for (const place of places) await influx.query(`DELETE FROM ${influxName(place.kind)} WHERE ${at(place)}`)
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
    beats: () =>
      asWriter(async () => {
        const found = await influx.query<Pick<Row, 'time' | 'id'>>('SELECT id FROM "beat"', { database: beatsDatabase })
        const beats = found.map(({ id, time }) => ({ id, atMs: positionOf(BigInt(time.getNanoTime())).place_ms }))
        return beats.sort((a, b) => (a.id < b.id ? -1 : 1))
      }),
    under: (beat) =>
      ask(async () => {
        const found: StoredPoint[] = []
        for (const kind of KINDS) found.push(...(await rows(kind, [`${from(kind)} WHERE beat = $beat`], { beat })))
        return found.sort(byTime)
      }),
    async close() {
      // Nothing is held open: each question is a request of its own.
    },
  }
}

/** A beat's own nanosecond within its millisecond, so that two of one millisecond are two. */
const spread = (id: string) => createHash('sha256').update(id).digest().readUInt32BE() % 1_000_000

const line = (p: Point, beat: string): IPoint => ({
  measurement: p.kind,
  tags: { bucket: p.bucket, unit: p.unit },
  timestamp: String(p.placeNs),
  fields: {
    ...p.numbers,
    takenAtMs: p.takenAtMs,
    subject: p.subject ?? NONE,
    hub: p.hub,
    device: p.device,
    id: p.id,
    range: p.range ?? NONE,
    flags: JSON.stringify(p.flags),
    figures: Object.keys(p.numbers).join(','),
    beat,
  },
})

const point = (kind: string, row: Row): StoredPoint => {
  const figures = row.figures === NONE ? [] : row.figures.split(',')
  return {
    kind,
    bucket: row.bucket,
    unit: row.unit,
    placeNs: BigInt(row.time.getNanoTime()),
    id: row.id,
    takenAtMs: row.takenAtMs,
    subject: row.subject === NONE ? null : row.subject,
    hub: row.hub,
    device: row.device,
    range: row.range === 'above' || row.range === 'below' ? row.range : null,
    flags: JSON.parse(row.flags),
    numbers: Object.fromEntries(figures.flatMap((f) => (typeof row[f] === 'number' ? [[f, row[f]]] : []))),
    beat: row.beat,
  }
}

// What stands in a query as text is one of few known words; anything else is a bug of ours and never sent.
const known = (pattern: RegExp) => (text: string) => {
  if (!pattern.test(text)) throw new Error(`not a name of the series: ${JSON.stringify(text)}`)
  return text
}
const influxName = (kind: string) => `"${known(/^[a-z-]+$/)(kind)}"`
const bucketText = known(/^([0-9a-f]{3}|-)$/)
const unitText = known(/^[A-Za-z/[\]_%]+$/)

const message = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** 400 for a write is about these points: outside retention, or a type conflict. Any other answer may change. */
const isRefusal = (error: unknown) =>
  error instanceof Error && 'res' in error && (error.res as { statusCode?: number }).statusCode === 400

function unavailable(error: unknown): never {
  if (error instanceof PointsRefused || error instanceof TypeError || error instanceof RangeError) throw error
  throw new StoreUnavailable(`InfluxDB does not answer: ${message(error)}`, { cause: error })
}
