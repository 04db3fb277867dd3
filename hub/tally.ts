// Which rows wait, in a small file beside the outbox: should the outbox be lost, the hub can still say what went with it.
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { z } from 'zod'

/** Closed ranges of numbers, in order. */
export type Ranges = readonly (readonly [from: number, to: number])[]

const Told = z.array(
  z.object({
    opening: z.int(),
    epoch: z.string(),
    waiting: z.array(z.tuple([z.int(), z.int()]).readonly()).readonly(),
  }),
)
export type Told = z.infer<typeof Told>

export const without = (ranges: Ranges, from: number, to: number): Ranges =>
  ranges.flatMap(([a, b]): Ranges => {
    if (b < from || a > to) return [[a, b]]
    const left: Ranges = a < from ? [[a, from - 1]] : []
    return b > to ? [...left, [to + 1, b]] : left
  })

export function adding(ranges: Ranges, from: number, to: number): Ranges {
  const last = ranges.at(-1)
  return last && last[1] === from - 1 ? [...ranges.slice(0, -1), [last[0], to]] : [...ranges, [from, to]]
}

const fileOf = (outbox: string) => `${outbox}.tally`

/** Null when there is none, or none that makes sense. */
export function readTally(outbox: string): Told | null {
  try {
    return Told.parse(JSON.parse(readFileSync(fileOf(outbox), 'utf8')))
  } catch {
    return null
  }
}

export const forgetTally = (outbox: string) => rmSync(fileOf(outbox), { force: true })

/** It is written beside each commit and not synced: after a power cut it may be a moment old, which the count then is too. */
export function openTally(outbox: string) {
  const fd = openSync(fileOf(outbox), 'a+')
  closeSync(fd)
  const file = openSync(fileOf(outbox), 'r+')
  let length = 4096 // over what stands there already, so that it finds room on a full disk
  return {
    write(told: Told) {
      const text = JSON.stringify(told.filter(({ waiting }) => waiting.length > 0))
      length = Math.max(length, Buffer.byteLength(text))
      try {
        writeSync(file, text.padEnd(length), 0)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error // the outbox itself will say so
      }
    },
    close: () => closeSync(file),
  }
}
