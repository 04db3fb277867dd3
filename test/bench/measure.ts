// What every line of the bench needs: its figures by name, medians and quantiles, memory, and the readings that are sent.
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Observation } from '../../hub/contract/record.ts'

export interface Bench {
  /** About five minutes in all: fewer and smaller rounds. */
  quick: boolean
  /** Plain numbers by name; `aim` is what the issue asks for. */
  note(figures: Record<string, number>): void
  /** A line for people. */
  say(line: string): void
}

export const ROUNDS = 5

export const quantile = (values: readonly number[], q: number) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))] ?? Number.NaN
export const median = (values: readonly number[]) => quantile(values, 0.5)

/** Milliseconds that it takes. */
export async function timed(work: () => unknown): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))

/** A running process's memory, now and at its most, in MB. */
export function memoryOf(pid: number): { now: number; most: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kB = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1])
  return { now: kB('VmRSS') / 1024, most: kB('VmHWM') / 1024 }
}

/**
 * Readings a second while something grows to `total`: the median over as many parts of the way as there are rounds.
 * @param grown what is there by now, asked again and again
 */
export async function pace(total: number, grown: () => Promise<number> | number, limitMs = 600_000): Promise<number> {
  const began = performance.now()
  const rates: number[] = []
  let before = { at: began, done: 0 }
  while (rates.length < ROUNDS) {
    const done = await grown()
    const at = performance.now()
    if (done >= ((rates.length + 1) * total) / ROUNDS) {
      rates.push((done - before.done) / ((at - before.at) / 1000))
      before = { at, done }
      if (done >= total) break
    }
    if (at - began > limitMs) throw new Error(`after ${limitMs} ms only ${done} of ${total} were there`)
    await pause(5)
  }
  return median(rates)
}

const PEOPLE = 5000
const aliases = Array.from({ length: PEOPLE }, (_, n) => createHash('sha256').update(`person ${n}`).digest('hex'))
export const aliasOf = (n: number) => aliases[n % PEOPLE]!

/** A pressure of one of 5,000 people, as a hub makes it: about 700 bytes. */
export const makeReading = (hub: string, n: number, takenMs: number): Observation => ({
  type: 'observation',
  id: randomUUID(),
  hub,
  visit: randomUUID(),
  kind: 'blood-pressure',
  subject: { hub, alias: aliasOf(n) },
  takenAt: new Date(takenMs).toISOString(),
  resolution: 'millisecond',
  deviceTime: '2026-03-02T08:15',
  clock: { trusted: true, boot: '5f0c2b0e-0000-4000-8000-000000000000', uptimeMs: n, deviceOffsetSeconds: null },
  values: { systolic: 100 + (n % 80), diastolic: 60 + (n % 40), mean: 73 + (n % 40), pulse: 60 + (n % 40) },
  unit: 'mm[Hg]',
  range: null,
  context: null,
  flags: [],
  device: { driver: 'and-tm2657', vendor: 'A&D', model: 'TM-2657', serial: null },
  memory: false,
  raw: '1616013030025400000000'.repeat(3),
})
