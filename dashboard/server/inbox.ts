// A bounded queue between the broker and the registry: when it is full, nothing more is acknowledged. A live reading does not
// wait behind a backlog, nor share its commit: small and large messages take turns, which nobody minds, since ingest is a
// function of the set of records.
import type { Message } from './message.ts'

const SMALL_BYTES = 8 * 1024
const LIVE_MS = 2000

export class Inbox {
  readonly #limitBytes: number
  readonly #small: Message[] = []
  readonly #large: Message[] = []
  #largeNext = false
  #smallAt = Number.NEGATIVE_INFINITY
  readonly #waiting: (() => void)[] = []
  #bytes = 0
  #wake: (() => void) | undefined

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Resolves once there is room again: only then may the message be acknowledged. */
  async put(message: Message): Promise<void> {
    const queue = message.payload.length <= SMALL_BYTES ? this.#small : this.#large
    queue.push(message)
    this.#bytes += message.payload.length
    this.#wake?.()
    if (this.#bytes > this.#limitBytes) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Whether somebody is at a kiosk: the backlog then comes in small pieces, so that the next reading finds a turn soon. */
  isLive(nowMs: number): boolean {
    return Math.abs(nowMs - this.#smallAt) < LIVE_MS
  }

  /** The next messages, together about so many bytes at most but one at least; none when none waits. */
  take(aboutBytes: number, nowMs: number): Message[] {
    const queue = this.#small.length === 0 || (this.#largeNext && this.#large.length > 0) ? this.#large : this.#small
    this.#largeNext = queue === this.#small
    if (queue === this.#small) this.#smallAt = nowMs
    let count = 0
    let bytes = 0
    for (const { payload } of queue) {
      if (count > 0 && bytes + payload.length > aboutBytes) break
      bytes += payload.length
      count++
    }
    this.#bytes -= bytes
    if (this.#bytes <= this.#limitBytes) for (const go of this.#waiting.splice(0)) go()
    return queue.splice(0, count)
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Resolves when a message waits or the signal aborts. */
  async filled(signal: AbortSignal): Promise<void> {
    if (this.#small.length + this.#large.length > 0 || signal.aborted) return
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#wake = undefined
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#wake = wake
      signal.addEventListener('abort', wake)
    })
  }
}
