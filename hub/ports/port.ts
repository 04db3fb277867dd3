// What every kind of port has in common: the open port, and why one could not be opened.
import type { Transport } from '../../devices/kit/driver.ts'

/** Codes the pages word. */
export type PortCause = 'gone' | 'ambiguous' | 'busy' | 'not-permitted' | 'not-a-device'

export class PortError extends Error {
  override name = 'PortError'
  readonly reason: PortCause
  constructor(reason: PortCause, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

export interface OpenPort extends Transport {
  /** What lay in the port before we opened it: nobody's (promises 2.1). Empty where a port cannot keep anything. */
  waited: Uint8Array
}

/** Chunks from callbacks to an async iterable. Bounded: beyond `mostBytes` the source is told to hold, if it can. */
export function chunkQueue(hold: (on: boolean) => void, mostBytes = 1 << 20) {
  const waiting: Uint8Array[] = []
  let bytes = 0
  let end: { error?: Error } | undefined
  let wake: (() => void) | undefined
  let held = false
  const holdWhen = (on: boolean) => {
    if (on !== held) hold(on)
    held = on
  }

  const next = (): Uint8Array | undefined => {
    const chunk = waiting.shift()
    if (chunk) bytes -= chunk.length
    if (bytes <= mostBytes / 2) holdWhen(false)
    return chunk
  }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = next()
      if (chunk) {
        yield chunk
        continue
      }
      if (end?.error) throw end.error
      if (end) return
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return {
    chunks: chunks(),
    push(chunk: Uint8Array) {
      waiting.push(chunk)
      bytes += chunk.length
      if (bytes > mostBytes) holdWhen(true)
      wake?.()
    },
    /** No more comes; with an error, that is thrown to the reader. */
    end(error?: Error) {
      end ??= error ? { error } : {}
      wake?.()
    },
    /** Takes all that waits now. */
    drain(): Uint8Array {
      const all = Buffer.concat(waiting.splice(0))
      bytes = 0
      holdWhen(false)
      return all
    },
  }
}

/** Quiet for this long: all that waited has come. Bytes of a live frame on the slowest line follow each other faster. */
const QUIET_MS = 50
/** A device that never falls silent. */
const AT_MOST_MS = 500

/**
 * Everything that comes until the port first falls quiet lay there before it was opened, or cannot be told from it. It is
 * taken out of the stream, so that half a line of it cannot spoil the next.
 */
export async function takeWaiting(queue: { drain(): Uint8Array }, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for (let waitedMs = 0; waitedMs < AT_MOST_MS && !signal.aborted; waitedMs += QUIET_MS) {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    const part = queue.drain()
    if (part.length === 0) break
    parts.push(part)
  }
  return Buffer.concat(parts)
}
