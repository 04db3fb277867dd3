// Time as the hub knows it: whether its own clock can be trusted, and a device's wall clock as an instant. Pure.

import type { z } from 'zod'
import type { Clock } from './contract/record.ts'

/** One look at the machine's clocks; `main.ts` reads them. */
export interface Moment {
  /** Milliseconds since 1970 by the system clock, right or wrong. */
  wallMs: number
  /** Milliseconds since this boot; never jumps. */
  uptimeMs: number
  /** One random id per start of the machine. */
  boot: string
  trusted: boolean
}

export const clockOf = (now: Moment, deviceOffsetSeconds: number | null = null): z.infer<typeof Clock> => ({
  trusted: now.trusted,
  boot: now.boot,
  uptimeMs: Math.floor(now.uptimeMs),
  deviceOffsetSeconds,
})

// ---- Can the system clock be trusted?

/** What the judgement rests on. */
export interface Trust {
  trusted: boolean
  /** System clock minus uptime when it was last believed; it changes only when somebody sets the clock. Null: never yet. */
  believedMs: number | null
  /** The clinic's clock, from the last mark that came straight (not a retained one), at that uptime. */
  clinic: { atMs: number; uptimeMs: number } | null
}

export const NO_TRUST: Trust = { trusted: false, believedMs: null, clinic: null }

/** No hub with this program ran before. */
const FLOOR_MS = Date.UTC(2026, 0, 1)
const CEILING_MS = Date.UTC(2100, 0, 1)
/** NTP slews small errors; a step beyond this is a jump. */
const JUMP_MS = 60_000
/** What a mark may be late, and what a village clock may be off, without any doubt about readings. */
const TOLERANCE_MS = 5 * 60_000

/**
 * Looks at the system clock again. Once the clinic's clock is known, only that decides. Without it the clock must be
 * sane (not before what this hub has kept already), and one that was believed and then jumps is not believed until it
 * jumps back: nobody here can tell which of the two times was right.
 * @param floorMs the newest trusted time this hub has kept (rows, marks): a right clock never stands before it
 */
export function lookAgain(
  last: Trust,
  look: { wallMs: number; uptimeMs: number },
  floorMs: number,
  clinicAtMs?: number,
): Trust {
  const { wallMs, uptimeMs } = look
  const clinic = clinicAtMs === undefined ? last.clinic : { atMs: clinicAtMs, uptimeMs }
  const differenceMs = wallMs - uptimeMs
  const near = (otherMs: number, toleranceMs: number) => Math.abs(differenceMs - otherMs) <= toleranceMs
  const sane = wallMs >= Math.max(FLOOR_MS, floorMs - TOLERANCE_MS) && wallMs < CEILING_MS
  const trusted = clinic
    ? near(clinic.atMs - clinic.uptimeMs, TOLERANCE_MS)
    : sane && (last.believedMs === null || near(last.believedMs, JUMP_MS))
  return { trusted, believedMs: trusted ? differenceMs : last.believedMs, clinic }
}

// ---- A device's wall clock

export type Resolution = 'second' | 'minute'

export interface Stamp {
  /** The wall clock as if it were UTC: only differences and `instantOf` make sense of it. */
  localMs: number
  resolution: Resolution
}

export const RESOLUTION_MS: Record<Resolution, number> = { second: 1000, minute: 60_000 }

/** Reads a DeviceTime. Null for a day that no calendar has (30 February), which must not roll over into another. */
export function stampOf(deviceTime: string): Stamp | null {
  const localMs = Date.parse(`${deviceTime}Z`)
  if (Number.isNaN(localMs) || !new Date(localMs).toISOString().startsWith(deviceTime)) return null
  return { localMs, resolution: deviceTime.length > 'YYYY-MM-DDThh:mm'.length ? 'second' : 'minute' }
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** What the site's clocks show at an instant, as if it were UTC. Whole seconds; the milliseconds are kept. */
export function localAt(instantMs: number, zone: string): number {
  let format = formats.get(zone)
  if (!format) {
    const digits = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const
    // The era would be needed before the year 1 only, which no DeviceTime of a living device names.
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', second: 'numeric', ...digits })
    formats.set(zone, format)
  }
  const part = Object.fromEntries(format.formatToParts(instantMs).map(({ type, value }) => [type, Number(value)]))
  const second = Date.UTC(part.year!, part.month! - 1, part.day!, part.hour!, part.minute!, part.second!)
  return second + (((instantMs % 1000) + 1000) % 1000)
}

/**
 * The instant at which the site's clocks show `localMs`. A time that comes twice (clocks put back) is the earlier one;
 * one that never comes (clocks put forward) is read by the offset before the gap, as java.time and Temporal do.
 */
export function instantOf(localMs: number, zone: string): number {
  const DAY_MS = 86_400_000
  const offsetBefore = localAt(localMs - DAY_MS, zone) - (localMs - DAY_MS)
  const offsetAfter = localAt(localMs + DAY_MS, zone) - (localMs + DAY_MS)
  const candidates = [localMs - offsetBefore, localMs - offsetAfter].filter((ms) => localAt(ms, zone) === localMs)
  return candidates.length > 0 ? Math.min(...candidates) : localMs - offsetBefore
}

/** ISO 8601 with the site's offset; milliseconds only where there are some. */
export function isoAt(instantMs: number, zone: string): string {
  const ms = Math.floor(instantMs)
  const offsetMinutes = (localAt(ms, zone) - ms) / 60_000
  // Local mean time before 1900 is off by odd seconds, which ISO 8601 offsets cannot say.
  if (!Number.isInteger(offsetMinutes)) return new Date(ms).toISOString()
  const text = new Date(ms + offsetMinutes * 60_000).toISOString().replace('.000Z', '').replace('Z', '')
  const [hours, minutes] = [Math.trunc(Math.abs(offsetMinutes) / 60), Math.abs(offsetMinutes) % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  return `${text}${offsetMinutes < 0 ? '-' : '+'}${two(hours)}:${two(minutes)}`
}

// ---- A device's clock against ours

/** What a device's own clock said, and when it said so. */
export interface DeviceClock {
  stamp: Stamp
  at: Moment
}

/** Device clock minus the site's time in seconds; 0 when the difference is within what the stamp can tell. */
export function deviceOffsetSeconds({ stamp, at }: DeviceClock, zone: string): number {
  const behindMs = localAt(at.wallMs, zone) - stamp.localMs // a right clock shows the begun second or minute
  const stepMs = RESOLUTION_MS[stamp.resolution]
  if (behindMs > -1000 && behindMs < stepMs + 1000) return 0
  const middleMs = stamp.resolution === 'minute' ? stepMs / 2 : 0
  return Math.round((middleMs - behindMs) / 1000)
}

/** A clock's answer is on its way for so long: twenty bytes at 9600 baud and a USB adapter's latency, with room. */
const ANSWER_MS = 150

/**
 * The span of the hub's uptime in which a stamp was made, told by the device's own clock alone, so that no jump of ours
 * moves it: [from, until) in milliseconds. What was read cannot have been made later.
 */
export function spanOf(stamp: Stamp, clock: DeviceClock, readAtUptimeMs: number): { fromMs: number; untilMs: number } {
  const agoMs = clock.stamp.localMs - stamp.localMs
  return {
    fromMs: clock.at.uptimeMs - ANSWER_MS - agoMs - RESOLUTION_MS[clock.stamp.resolution],
    untilMs: Math.min(clock.at.uptimeMs - agoMs + RESOLUTION_MS[stamp.resolution], readAtUptimeMs),
  }
}
