// The time series, as the clinic uses it: one type, two implementations (SQLite, InfluxDB), one answer.

/** Where a point lies and what it holds; the registry decides the place once (promises 1.7). */
export interface Point {
  /** Measurement: the observation's kind. */
  kind: string
  /** Three hex digits of the subject's hash, '-' without subject. */
  bucket: string
  unit: string
  /** Nanoseconds since 1970, unique within kind, bucket and unit. */
  placeNs: bigint
  id: string
  takenAtMs: number
  subject: string | null // '<hub>/<alias>'
  hub: string
  /** driver/vendor/model/serial: what an index made from the series alone can still say. */
  device: string
  /** HI and LO: stands in a field of its own, never in a number. */
  range: 'above' | 'below' | null
  flags: readonly string[]
  numbers: Readonly<Record<string, number>> // floats; a null figure is left out
}

export interface Place {
  kind: string
  bucket: string
  unit: string
  placeNs: bigint
}

export interface StoredPoint extends Point {
  beat: string
}

/** One write: a random id that is never used again, and when by the clinic's clock. */
export interface Beat {
  id: string
  atMs: number
}

/** Milliseconds since 1970: from inclusive, to exclusive. */
export interface Range {
  fromMs: number
  toMs: number
}

/**
 * Every call may fail because the store is away: then it rejects with StoreUnavailable and may be repeated.
 * A refusal of particular points (a type conflict, outside retention) rejects with PointsRefused, which names them.
 */
export interface Store {
  /** Writes the points under `beat`, then the beat itself. Repeating is harmless. */
  write(points: readonly Point[], beat: Beat): Promise<void>
  /** Points of these subjects, and those at these places, within the range of takenAt, oldest first; each once. */
  history(query: {
    kind: string
    subjects: readonly string[]
    places: readonly Place[]
    range: Range
  }): Promise<StoredPoint[]>
  /** The newest point of each kind of these subjects, kinds in alphabetic order. */
  latest(subjects: readonly string[]): Promise<StoredPoint[]>
  get(place: Place): Promise<StoredPoint | null>
  /** Removes exactly the points at these places. */
  erase(places: readonly Place[]): Promise<void>
  /**
   * Count, mean, min, max and the newest of each figure of one kind and unit, for each of the given ranges (days, weeks of
   * a site's calendar). Reckoned from the points at every asking, so that nothing late, retracted or erased leaves it stale.
   */
  rollup(query: {
    kind: string
    unit: string
    subjects: readonly string[]
    places: readonly Place[]
    ranges: readonly Range[]
    /** Ids that do not count: retracted, or given to somebody else. */
    without: readonly string[]
  }): Promise<Rollup[]>
  /** Those of the last 31 days at least, by id. */
  beats(): Promise<Beat[]>
  /** All points written under a beat: for completing an index that was restored. */
  under(beat: string): Promise<StoredPoint[]>
  close(): Promise<void>
}

/** As much of a point as figures are made of. */
export type Counted = Pick<Point, 'id' | 'placeNs' | 'takenAtMs' | 'range' | 'numbers'>

export interface Rollup {
  range: Range
  /** LO and HI are readings without a figure. */
  readings: number
  above: number
  below: number
  figures: Record<string, { count: number; mean: number; min: number; max: number; latest: number }>
}

export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable'
}

export class PointsRefused extends Error {
  override name = 'PointsRefused'
  readonly ids: readonly string[]
  constructor(message: string, ids: readonly string[], options?: ErrorOptions) {
    super(message, options)
    this.ids = ids
  }
}

/** The number fields of a kind: floats from the first point on. */
export const FIGURES = {
  'blood-pressure': ['systolic', 'diastolic', 'mean', 'pulse'],
  'body-height': ['value'],
  'body-weight': ['value'],
  glucose: ['value'],
  'oxygen-saturation': ['value', 'pulse'],
} as const
export const KINDS = Object.keys(FIGURES) as (keyof typeof FIGURES)[]

/** Beats are kept so long at least; one that is missing although younger says that the series is not the one we wrote to. */
export const BEATS_KEPT_MS = 31 * 86_400_000

/** Oldest first, by place where two were taken at once: both stores answer in this order. */
export const byTime = (a: Counted, b: Counted) =>
  a.takenAtMs - b.takenAtMs || Number(a.placeNs - b.placeNs) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** What holds all of these ranges; null: there is none. */
export const spanOf = (ranges: readonly Range[]): Range | null =>
  ranges.length === 0
    ? null
    : { fromMs: Math.min(...ranges.map((r) => r.fromMs)), toMs: Math.max(...ranges.map((r) => r.toMs)) }

/**
 * Means are made here and not by the database: one sum in one order, so both stores answer alike.
 * @param points oldest first
 */
export function rollUp(points: readonly Counted[], ranges: readonly Range[], without: readonly string[]): Rollup[] {
  const left = new Set(without)
  const counted = left.size === 0 ? points : points.filter(({ id }) => !left.has(id))
  return ranges.map((range) => {
    const within = counted.slice(firstFrom(counted, range.fromMs), firstFrom(counted, range.toMs))
    const figures: Record<string, { count: number; sum: number; min: number; max: number; latest: number }> = {}
    for (const { numbers } of within) {
      for (const [figure, value] of Object.entries(numbers)) {
        const so = figures[figure] ?? { count: 0, sum: 0, min: value, max: value, latest: value }
        figures[figure] = so
        so.count++
        so.sum += value
        so.min = Math.min(so.min, value)
        so.max = Math.max(so.max, value)
        so.latest = value
      }
    }
    const means = Object.entries(figures).map(([figure, { sum, ...rest }]) => [
      figure,
      { ...rest, mean: sum / rest.count },
    ])
    return {
      range,
      readings: within.length,
      above: within.filter((p) => p.range === 'above').length,
      below: within.filter((p) => p.range === 'below').length,
      figures: Object.fromEntries(means),
    }
  })
}

/** Where those taken at `ms` or later begin: a village's readings are not looked through for each of its days. */
function firstFrom(points: readonly Counted[], ms: number): number {
  let [low, high] = [0, points.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (points[middle]!.takenAtMs < ms) low = middle + 1
    else high = middle
  }
  return low
}
