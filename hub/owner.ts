// Whose reading it is (promises 2.1): the visitor's only if it can be nobody else's. Pure; all times are uptime milliseconds.

import type { z } from 'zod'
import type { HubFlag, Subject } from './contract/record.ts'

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
  started: { visit: string; atMs: number } | null
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

  // A start of ours that this measurement cannot have followed (the device was busy with another) proves nothing.
  if (started && started.atMs >= earliestMs - slackMs && started.atMs <= latestMs + slackMs) {
    const own = stays.find((stay) => stay.visit === started.visit)
    const other = stays.some((s) => s.person !== own?.person && openAt(s, started.atMs, latestMs))
    if (own && !other) return { stay: own }
  }
  const open = stays.find((stay) => stay.closedMs === null)
  if (!open) return { flag: 'unassigned-no-visit' }
  if (open.openedMs > latestMs) return { flag: 'unassigned-before-visit' }
  if (stays.some((stay) => stay.person !== open.person && openAt(stay, earliestMs, arrivedMs)))
    return { flag: 'unassigned-other-visit' }
  return { stay: open }
}

/** A record from a device's memory belongs to the open visit if its whole span, by a clock that was read, lies inside it. */
export function ownerOfMemory(stays: readonly Stay[], span: { fromMs: number; untilMs: number } | null): Verdict {
  const open = stays.find((stay) => stay.closedMs === null)
  if (!open) return { flag: 'unassigned-no-visit' }
  if (!span || span.fromMs < open.openedMs || span.untilMs <= span.fromMs) return { flag: 'unassigned-before-visit' }
  return { stay: open }
}
