// The packet of LifeScan's binary meters: STX, length, link byte, payload, ETX, CRC-16. Their payloads and turns differ.
// Source: daniel-thompson/ultraeasy otdms.log-commented; glucometer-protocols shared-binary-protocol.
import { crc16, lengthPrefixed } from './bytes.ts'

const STX = 0x02
const ETX = 0x03
/** Length of a packet without payload. */
export const EMPTY = 6
export const LINK = 2
export const PAYLOAD = 3

export function packet(link: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const frame = Uint8Array.of(STX, EMPTY + payload.length, link, ...payload, ETX, 0, 0)
  new DataView(frame.buffer).setUint16(frame.length - 2, crc16(frame.subarray(0, -2)), true)
  return frame
}

export const payloadOf = (frame: Uint8Array): Uint8Array => frame.subarray(PAYLOAD, -3)

export const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Whole packets whose CRC is right and whose link byte is below `linkEnd`. */
export const cutPacket = (linkEnd: number) =>
  lengthPrefixed({
    start: [STX],
    head: PAYLOAD,
    length: (head) => head[1]!,
    shortest: EMPTY,
    longest: 0xff,
    good: (frame) =>
      frame[LINK]! < linkEnd &&
      frame.at(-3) === ETX &&
      crc16(frame.subarray(0, -2)) === view(frame).getUint16(frame.length - 2, true),
  })

/** Seconds of the meter's own wall clock since `epochMs`, never an instant; null when it was never set or lost. */
export function wallClock(seconds: number, epochMs = 0): string | null {
  return seconds === 0 || seconds === 0xffffffff ? null : new Date(epochMs + seconds * 1000).toISOString().slice(0, 19)
}
