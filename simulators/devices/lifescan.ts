// The sending half of LifeScan's binary packets: STX, length, link byte, payload, ETX, CRC-16; and the ear that finds them.
import { joined } from './device.ts'

const STX = 0x02
const ETX = 0x03

/** CRC-16, polynomial 1021, start FFFF, over STX..ETX; sent low byte first. */
function crc16(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1
  }
  return crc
}

export function encodePacket(link: number, payload: Uint8Array | readonly number[] = []): Uint8Array {
  const head = joined([STX, payload.length + 6, link], payload, [ETX])
  const crc = crc16(head)
  return joined(head, [crc & 0xff, crc >> 8])
}

export const u32 = (value: number) => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff]

/** Hears whole packets in whatever pieces they come. The link layer has no NAK: a damaged one is passed over in silence. */
export function packetEar(hear: (link: number, payload: Uint8Array) => void) {
  let waiting: Uint8Array = new Uint8Array(0)
  return {
    receive(bytes: Uint8Array) {
      waiting = joined(waiting, bytes)
      while (waiting.length >= 2) {
        const length = waiting[1]!
        if (waiting[0] !== STX || length < 6) {
          waiting = waiting.slice(1)
          continue
        }
        if (waiting.length < length) return
        const packet = waiting.slice(0, length)
        const [low, high] = packet.slice(-2)
        const intact = packet[length - 3] === ETX && crc16(packet.slice(0, -2)) === (low! | (high! << 8))
        waiting = waiting.slice(intact ? length : 1)
        if (intact) hear(packet[2]!, packet.slice(3, -3))
      }
    },
    forget() {
      waiting = new Uint8Array(0)
    },
  }
}
