// A bounded queue between the broker and the registry: when it is full, nothing more is acknowledged.
import type { Message } from './message.ts'

export class Inbox {
  readonly #limitBytes: number
  readonly #messages: Message[] = []
  readonly #waiting: (() => void)[] = []
  #bytes = 0
  #wake: (() => void) | undefined

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Resolves once there is room again: only then may the message be acknowledged. */
  async put(message: Message): Promise<void> {
    this.#messages.push(message)
    this.#bytes += message.payload.length
    this.#wake?.()
    if (this.#bytes > this.#limitBytes) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** The next message, or undefined when none waits. */
  take(): Message | undefined {
    const message = this.#messages.shift()
    if (!message) return undefined
    this.#bytes -= message.payload.length
    if (this.#bytes <= this.#limitBytes) for (const go of this.#waiting.splice(0)) go()
    return message
  }

  /** Resolves when a message waits or the signal aborts. */
  async filled(signal: AbortSignal): Promise<void> {
    if (this.#messages.length > 0 || signal.aborted) return
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
