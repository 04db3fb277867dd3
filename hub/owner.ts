// Whose reading it is (promises 2.1): the visitor's only if it can be nobody else's. Pure; all times are uptime milliseconds.

import type { z } from 'zod'
import type { Moment } from './clock.ts'
import type { HubFlag, Subject, Visit } from './contract/record.ts'

/** One visit, as far as ownership goes. */
export interface Stay {
  visit: string
  /** Same text, same person: the alias, or for a guest the visit's own id (two guests are two people). */
  person: string
  /** Null for a guest. */
  subject: Subject | null
  openedMs: number
  closedMs: number | null
}

export type Verdict = { stay: Stay } | { flag: z.infer<typeof HubFlag> }

/** No measurement takes longer; visits closed before that are forgotten. */
export const LONGEST_SECONDS = 3600
/** How long a measurement may have taken, in seconds. */
export interface Bounds {
  min: number
  max: number
}

export interface LiveQuestion {
  arrivedMs: number
  /** As the driver or the site states it. */
  seconds: Bounds
  /** As the reading's own frame tells; null when it does not. */
  measuredSeconds: number | null
  /** Set when the hub itself started a measurement on this device and no result of it came yet. */
  started: Started | null
}

export interface Started {
  visit: string
  atMs: number
  /** The device cannot have been busy with somebody else's measurement then, and ignored us. */
  sure: boolean
}

const openAt = (stay: Stay, fromMs: number, untilMs: number) =>
  stay.openedMs <= untilMs && (stay.closedMs === null || stay.closedMs >= fromMs)

/** @param stays every visit that was open within the longest measuring time, and the open one */
export function ownerOfLive(stays: readonly Stay[], question: LiveQuestion): Verdict {
  const { arrivedMs, measuredSeconds, started } = question
  // A device counts whole seconds, cut or rounded, and its frame takes a while on a slow line.
  const seconds = measuredSeconds === null ? question.seconds : { min: measuredSeconds + 1, max: measuredSeconds + 2 }
  const earliestMs = arrivedMs - seconds.max * 1000 // the measurement began between these two
  const latestMs = arrivedMs - seconds.min * 1000
  const slackMs = measuredSeconds === null ? 0 : 2000 // between our command and the pump

  if (started && started.atMs >= earliestMs - slackMs && started.atMs <= latestMs + slackMs) {
    const own = stays.find((stay) => stay.visit === started.visit)
    // A device that is busy ignores a start: unless it cannot have been, this may be the measurement it was busy with.
    const fromMs = started.sure ? started.atMs : earliestMs - slackMs
    const other = stays.some((s) => s.person !== own?.person && openAt(s, fromMs, latestMs + slackMs))
    if (own && !other) return { stay: own }
  }
  const open = stays.find((stay) => stay.closedMs === null)
  if (!open) return { flag: 'unassigned-no-visit' }
  if (open.openedMs > latestMs) return { flag: 'unassigned-before-visit' }
  if (stays.some((s) => s.person !== open.person && openAt(s, earliestMs, arrivedMs)))
    return { flag: 'unassigned-other-visit' }
  return { stay: open }
}

/** Was anybody but this person here within `seconds` before? Then a measurement of theirs may still be running. */
export const othersWithin = (stays: readonly Stay[], person: string, nowMs: number, seconds: number): boolean =>
  stays.some((stay) => stay.person !== person && openAt(stay, nowMs - seconds * 1000, nowMs))

/** A record from a device's memory belongs to the open visit if its whole span, by a clock that was read, lies inside it. */
export function ownerOfMemory(stays: readonly Stay[], span: { fromMs: number; untilMs: number } | null): Verdict {
  const open = stays.find((stay) => stay.closedMs === null)
  if (!open) return { flag: 'unassigned-no-visit' }
  if (!span || span.fromMs < open.openedMs || span.untilMs <= span.fromMs) return { flag: 'unassigned-before-visit' }
  return { stay: open }
}

/**
 * Whose visits may have left a measurement running when the hub was killed: those of the last hours. When they ended is not
 * known, so each counts as open until the next one or until now.
 * @param visits newest first, as the outbox keeps them
 */
export function pastStays(visits: readonly z.infer<typeof Visit>[], now: Moment): Stay[] {
  const recent = visits.filter(({ clock, openedAt }) => {
    const agoMs = clock.boot === now.boot ? now.uptimeMs - clock.uptimeMs : now.wallMs - Date.parse(openedAt)
    return !now.trusted || agoMs <= 2 * LONGEST_SECONDS * 1000
  })
  return recent.map(({ id, subject, clock }, i) => {
    const [here, next] = [clock.boot === now.boot, recent[i - 1]?.clock]
    return {
      visit: id,
      person: subject?.alias ?? `guest ${id}`,
      subject,
      openedMs: here ? clock.uptimeMs : Number.NEGATIVE_INFINITY,
      closedMs: next?.boot === now.boot ? next.uptimeMs : now.uptimeMs,
    }
  })
}
