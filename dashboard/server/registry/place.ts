// Where a point lies in the series, and when a reading counts as taken: fixed once, and never moved (promises 1.7, 1.8).
import { hash } from 'node:crypto'
import type { Observation, Visit } from '../../../hub/contract/record.ts'
import type { ClockTable, ObservationTable, Registry } from './schema.ts'

const digest = (text: string) => hash('sha256', text, 'buffer')

const RESOLUTION_NS = { millisecond: 1_000_000n, second: 1_000_000_000n, minute: 60_000_000_000n }
/** A point's time is at most so long after `takenAt`: queries are widened by it. */
export const WIDEST_MS = 60_000

export type Position = Pick<ObservationTable, 'place_ms' | 'place_ns'>

/** Readings of one stamp spread over the stamp's own resolution, so that the store cannot merge them. */
export function placeOf(id: string, takenAtMs: number, resolution: Observation['resolution']): Position {
  const offset = digest(id).readBigUInt64BE() % RESOLUTION_NS[resolution]
  return { place_ms: takenAtMs + Number(offset / 1_000_000n), place_ns: Number(offset % 1_000_000n) }
}

export const bucketOf = (subject: string | null) =>
  subject === null ? '-' : digest(subject).toString('hex', 0, 2).slice(0, 3)

export const placeNs = (at: { place_ms: number; place_ns: number }) =>
  BigInt(at.place_ms) * 1_000_000n + BigInt(at.place_ns)

export const positionOf = (ns: bigint): { place_ms: number; place_ns: number } => ({
  place_ms: Number(ns / 1_000_000n),
  place_ns: Number(ns % 1_000_000n),
})

const EARLIEST_MS = Date.UTC(2000, 0, 1)
const AHEAD_MS = 10 * 60_000

/** Outside this no clock was right: before 2000, or more than ten minutes ahead of the clinic. */
const possible = (ms: number, receivedAtMs: number) => ms >= EARLIEST_MS && ms <= receivedAtMs + AHEAD_MS

/** An instant of a boot's monotonic clock, once a clock record has told its true time. */
const trueTime = (clock: ClockTable, uptimeMs: number) => clock.instant_ms + uptimeMs - clock.uptime_ms

/** When a reading counts as taken, as far as it is known by now. `clock` is that of its hub's boot, if it has come. */
export function dated(
  reading: Observation,
  clock: ClockTable | undefined,
  receivedAtMs: number,
): Pick<ObservationTable, 'state' | 'taken_at_ms'> {
  if (reading.takenAt === null) return { state: 'undated', taken_at_ms: null }
  const said = Date.parse(reading.takenAt)
  // A date found from the device's clock and the site's zone alone owes nothing to the hub's clock.
  const ownClock = reading.memory && reading.flags.includes('device-clock-unread')
  if ((reading.clock.trusted || ownClock) && possible(said, receivedAtMs)) return { state: 'placed', taken_at_ms: said }
  // What a meter remembers was dated against the hub's wrong clock, by how much is not known: a person must date it.
  const told = clock && !reading.memory ? trueTime(clock, reading.clock.uptimeMs) : null
  if (told !== null && possible(told, receivedAtMs)) return { state: 'placed', taken_at_ms: told }
  return { state: reading.memory && (ownClock || reading.clock.trusted) ? 'undated' : 'pending', taken_at_ms: null }
}

/** When a visit began; null while its hub's clock was not trusted and has not been told. */
export function openedAt(visit: Visit, clock: ClockTable | undefined, receivedAtMs: number): number | null {
  const said = Date.parse(visit.openedAt)
  const at = visit.clock.trusted ? said : clock ? trueTime(clock, visit.clock.uptimeMs) : null
  return at !== null && possible(at, receivedAtMs) ? at : null
}

type Spot = Pick<ObservationTable, 'kind' | 'bucket' | 'unit' | 'place_ms' | 'place_ns'>

/** Gives each spot that is taken already the next free nanosecond, in order. Changes the rows in place. */
export async function findFree(trx: Registry, spots: readonly Spot[]): Promise<void> {
  const key = (s: Spot) => `${s.kind} ${s.bucket} ${s.unit} ${s.place_ms} ${s.place_ns}`
  const placed = spots.filter((s) => s.place_ms !== null)
  if (placed.length === 0) return
  const within = await trx
    .selectFrom('observations')
    .select(['kind', 'bucket', 'unit', 'place_ms', 'place_ns'])
    .where(
      'place_ms',
      'in',
      placed.flatMap((s) => [s.place_ms, s.place_ms! + 1]), // the next free one may lie in the next millisecond
    )
    .execute()
  const taken = new Set(within.map(key))
  for (const spot of placed) {
    while (taken.has(key(spot)))
      Object.assign(spot, positionOf(placeNs({ place_ms: spot.place_ms!, place_ns: spot.place_ns! }) + 1n))
    taken.add(key(spot))
  }
}
