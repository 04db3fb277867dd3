// The sending half of ASTM E1381 as Contour meters speak it: one record a frame, each acknowledged, ETX only on the last.
import { ascii, joined, type World } from './device.ts'

export const STX = 0x02
export const EOT = 0x04
export const ENQ = 0x05
export const ACK = 0x06
export const NAK = 0x15
const ETB = 0x17
const ETX = 0x03
const MOST_SENDS = 6

/** Frame `number` (counted from 1, sent modulo 8) around one record; sum modulo 256 from the number to ETB or ETX. */
export function encodeFrame(number: number, record: string, last: boolean): Uint8Array {
  const text = joined(ascii(`${number % 8}${record}\r`), [last ? ETX : ETB])
  const sum = text.reduce((total, byte) => total + byte, 0) & 0xff
  return joined([STX], text, ascii(`${sum.toString(16).toUpperCase().padStart(2, '0')}\r\n`))
}

/** Sends the records of one session, a frame for each ACK. */
export class AstmSession {
  #send: (bytes: Uint8Array) => void
  #frames: Uint8Array[]
  #at = 0
  #sends = 0

  constructor(records: readonly string[], send: World['send']) {
    this.#send = send
    this.#frames = records.map((record, i) => encodeFrame(i + 1, record, i === records.length - 1))
  }

  /** Sends the first frame. */
  begin() {
    this.#sendFrame()
  }

  /** Obeys the host's answer to the frame before. True while the session goes on. */
  hear(byte: number): boolean {
    if (byte === EOT) return this.#end()
    if (byte === ACK) {
      this.#at += 1
      this.#sends = 0
    }
    if (this.#at === this.#frames.length || this.#sends === MOST_SENDS) return this.#end()
    this.#sendFrame()
    return true
  }

  #sendFrame() {
    this.#sends += 1
    this.#send(this.#frames[this.#at]!)
  }

  #end(): false {
    this.#send(Uint8Array.of(EOT))
    return false
  }
}
