// What a case of the fault matrix is, and how its outcome reads.
import type { HouseOptions } from '../journeys/house.ts'
import type { World } from './world.ts'

export type Parts = HouseOptions['parts']
export const PARTS: readonly Parts[] = ['embedded', 'servers']

export interface Case {
  /** Plain words, each case its own; `--only` looks for a piece of them. */
  name: string
  /** `--quick` takes one case of every kind. */
  kind: string
  /** Both, unless the fault needs one of them. */
  parts?: readonly Parts[]
  /** Longer than this, and the case never recovered. */
  limitSeconds: number
  /** Why it cannot happen on this machine; null: it can. */
  needs?: () => string | null
  /** How its house differs from an ordinary one. */
  house?: (folder: string, world: { parts: Parts }) => Promise<Partial<HouseOptions>> | Partial<HouseOptions>
  /** Unmakes what `house` made in the folder beside files. */
  leave?: (folder: string) => void
  /** Lets it happen while readings are taken, and ends with everything whole and running again. */
  run(world: World): Promise<void>
}

export interface Counts {
  /** Readings with their tick. */
  sent: number
  /** Those of them that the clinic's API and the series hold, each once and with the same figures. */
  stored: number
  lost: number
  /** Held more than once, by the API or by the series, ticked or not. */
  doubled: number
  /** Held with figures, or at a time, that no device ever said. */
  changed: number
  /** Spoken, and no tick was seen: the hub was dead, or died of it. */
  unticked: number
  /** Where the outbox file itself was destroyed: what the hub said aloud; such readings are not lost. */
  destroyed: number
  seconds: number
}

export const sumOf = (all: readonly Counts[]): Counts => {
  const sum = (key: keyof Counts) => all.reduce((total, one) => total + one[key], 0)
  return {
    sent: sum('sent'),
    stored: sum('stored'),
    lost: sum('lost'),
    doubled: sum('doubled'),
    changed: sum('changed'),
    unticked: sum('unticked'),
    destroyed: sum('destroyed'),
    seconds: Math.max(0, ...all.map(({ seconds }) => seconds)), // the slowest
  }
}

/** @param fault why it failed, when it did in another way than by what was stored */
export function lineOf(name: string, counts: Counts, fault: string | null): string {
  const { sent, stored, lost, doubled, changed, unticked, destroyed, seconds } = counts
  const held = `sent ${sent} stored ${stored} lost ${lost} doubled ${doubled} changed ${changed} unticked ${unticked}`
  const end = fault === null ? `recovered in ${seconds.toFixed(1)} s` : `NOT RECOVERED: ${fault}`
  return `case ${name}: ${held} ${end}${destroyed > 0 ? ` destroyed ${destroyed}` : ''}`
}
