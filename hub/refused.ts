// What devices sent and could not be read, raw, for support: the last of it, in two small files beside the outbox.
import { appendFileSync, existsSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { hex } from '../devices/kit/bytes.ts'
import { isoAt, type Moment } from './clock.ts'
import type { Source } from './observe.ts'

const Line = z.object({ at: z.string(), device: z.string(), driver: z.string(), bytes: z.string() })
export type RefusedFrame = z.infer<typeof Line>

/** When the newer file has grown so far it takes the place of the older one. */
const FILE_BYTES = 256 * 1024

const filesIn = (data: string) => ({
  older: join(data, 'refused.1.jsonl'),
  newer: join(data, 'refused.jsonl'),
})

/** @returns what is called with each; the count goes on when the disk does not take it */
export function keepRefused(data: string, zone: string) {
  const { older, newer } = filesIn(data)
  let size = existsSync(newer) ? statSync(newer).size : 0
  return ({ id, driver }: Source, at: Moment, bytes: Uint8Array) => {
    const line = { at: isoAt(at.wallMs, zone), device: id, driver: driver.id, bytes: hex(bytes) } satisfies RefusedFrame
    const text = `${JSON.stringify(line)}\n`
    try {
      if (size + text.length > FILE_BYTES) {
        renameSync(newer, older)
        size = 0
      }
      appendFileSync(newer, text, { mode: 0o600 })
      size += text.length
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error // readings need the room more
    }
  }
}

/** Oldest first. A line cut short by a power cut is passed over. */
export function refusedIn(data: string): RefusedFrame[] {
  const { older, newer } = filesIn(data)
  const lines = [older, newer].flatMap((file) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []))
  return lines.flatMap((text) => {
    try {
      return [Line.parse(JSON.parse(text))]
    } catch {
      return []
    }
  })
}
