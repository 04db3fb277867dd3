// A bounded queue between the broker and the registry: when it is full, nothing more is acknowledged. A live reading does not
// wait behind a backlog: small messages go first, which nobody minds, since ingest is a function of the set of records.
import type { Message } from './message.ts'

const SMALL_BYTES = 8 * 1024
/** After so many small ones a large one has its turn. */
const MOST_SMALL = 20

export class Inbox {
  readonly #limitBytes: number
  readonly #small: Message[] = []
  readonly #large: Message[] = []
  #smallInTurn = 0
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

  /** The next message, or undefined when none waits. */
  take(): Message | undefined {
    const large = this.#small.length === 0 || (this.#smallInTurn >= MOST_SMALL && this.#large.length > 0)
    this.#smallInTurn = large ? 0 : this.#smallInTurn + 1
    const message = (large ? this.#large : this.#small).shift()
    if (!message) return undefined
    this.#bytes -= message.payload.length
    if (this.#bytes <= this.#limitBytes) for (const go of this.#waiting.splice(0)) go()
    return message
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
