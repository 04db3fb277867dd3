// Chunks → whole frames, and one question at a time with a time-out; what a driver talks to.
export interface Link {
  send(frame: Uint8Array): Promise<void>
  /** The next whole frame; rejects with LinkTimeout after `timeoutMs`, waits for ever without. */
  receive(timeoutMs?: number): Promise<Uint8Array>
  /** Sends, then receives. */
  ask(frame: Uint8Array, timeoutMs?: number): Promise<Uint8Array>
}
