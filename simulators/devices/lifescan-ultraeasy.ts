// Simulated LifeScan OneTouch UltraEasy: a memory asked record by record; packets with sequence bits and CRC-16, answered and acknowledged.
import { z } from 'zod'
import type { Glucose } from '../../devices/kit/event.ts'
import { ascii, clockCommand, command, DeviceClock, joined, type Simulator, WallTime, wallText } from './device.ts'

const STX = 0x02
const ETX = 0x03
const LINK = { disconnect: 0x08, ack: 0x04, expects: 0x02, sends: 0x01 } as const
const HI = 0xffff
const LO = 0xfffe

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

/** A record as the meter keeps it: mg/dL, seconds of the local wall clock since 1970. */
export interface UltraEasyRecord {
  value: number | 'HI' | 'LO'
  /** Wall clock, `2011-09-05T13:41:41`. */
  at: string
}

const u32 = (value: number) => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff]
const wallSeconds = (wall: string) => Date.parse(`${wall}Z`) / 1000

export const recordPayload = ({ value, at }: UltraEasyRecord): Uint8Array => {
  const code = value === 'HI' ? HI : value === 'LO' ? LO : value
  return joined([0x05, 0x06], u32(wallSeconds(at)), u32(code))
}
export const countPayload = (count: number) => joined([0x05, 0x0f, count & 0xff, count >> 8])
export const serialPayload = (serial: string) => joined([0x05, 0x06], ascii(serial))
export const versionPayload = (version: string) => joined([0x05, 0x06, version.length], ascii(version))
export const clockPayload = (wall: string) => joined([0x05, 0x06], u32(wallSeconds(wall)))
export const unitPayload = (unit: 'mg/dL' | 'mmol/L') => joined([0x05, 0x06], u32(unit === 'mmol/L' ? 1 : 0))

const Store = z.strictObject({
  value: z.union([z.int().min(0).max(0xfffd), z.literal('HI'), z.literal('LO')]),
  unit: z.literal('mg/dL', 'this meter keeps mg/dL, whatever its screen shows').default('mg/dL'),
  at: WallTime.optional(),
  control: z.boolean().default(false),
})

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const records: UltraEasyRecord[] = [] // oldest first; the wire counts from the newest
    let serial = 'SIM000001'
    let unit: 'mg/dL' | 'mmol/L' = 'mmol/L'
    let expects = 0
    let sends = 0
    let lastAnswer: Uint8Array | null = null
    let waiting: Uint8Array = new Uint8Array(0)

    /** The answer to a command, null for silence. Erasing and clock setting are not obeyed: a hub has no business with them. */
    const answer = (ask: Uint8Array): Uint8Array | null => {
      const [prefix, order, low, high] = ask
      if (prefix !== 0x05) return null
      switch (order) {
        case 0x0d:
          return versionPayload('P02.00.0025/05/07')
        case 0x0b:
          return serialPayload(serial)
        case 0x20:
          return low === 0x02 ? clockPayload(clock.read()) : null
        case 0x09:
          return unitPayload(unit)
        case 0x1f: {
          const index = (low ?? 0) | ((high ?? 0) << 8)
          const record = records[records.length - 1 - index]
          return record ? recordPayload(record) : countPayload(records.length)
        }
        default:
          return null
      }
    }
    const bits = () => (expects ? LINK.expects : 0) | (sends ? LINK.sends : 0)

    const hear = (link: number, payload: Uint8Array) => {
      if (link & LINK.disconnect) {
        expects = 0
        sends = 0
        lastAnswer = null
        world.send(encodePacket(LINK.disconnect | LINK.ack))
        return
      }
      if (payload.length === 0) {
        const acknowledged = ((link & LINK.expects) !== 0) !== (sends === 1)
        if (link & LINK.ack && acknowledged && lastAnswer) {
          sends ^= 1
          lastAnswer = null
        }
        return
      }
      const fresh = (link & LINK.sends) === expects
      if (fresh) expects ^= 1
      world.send(encodePacket(LINK.ack | bits()))
      if (fresh) {
        const said = answer(payload)
        lastAnswer = said && encodePacket(bits(), said)
      }
      if (lastAnswer) world.send(lastAnswer)
    }

    return {
      receive(bytes) {
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
          // The link layer has no NAK: a damaged packet is passed over in silence.
          waiting = waiting.slice(intact ? length : 1)
          if (intact) hear(packet[2]!, packet.slice(3, -3))
        }
      },
      unplugged() {
        waiting = new Uint8Array(0)
      },
      commands: {
        store: command(
          z.strictObject({ store: Store }),
          '{"store":{"value":99,"unit":"mg/dL","at":"2026-11-25T08:15:00"}}',
          (order) => {
            const { value, control } = order.store
            if (control) return { said: [] } // control tests stay on the screen: this meter never sends them
            const at = order.store.at ?? clock.read()
            records.push({ value, at })
            return { said: [spokenRecord({ value, at })] }
          },
        ),
        serial: command(
          z.strictObject({ serial: z.string().regex(/^[A-Z0-9]{9}$/) }),
          '{"serial":"SIM000001"}',
          (order) => {
            serial = order.serial
            return { said: [] }
          },
        ),
        screenUnit: command(
          z.strictObject({ screenUnit: z.enum(['mg/dL', 'mmol/L']) }),
          '{"screenUnit":"mmol/L"}',
          (order) => {
            unit = order.screenUnit
            return { said: [] }
          },
        ),
        clock: clockCommand(clock),
      },
    }
  },
}

const spokenRecord = ({ value, at }: UltraEasyRecord): Glucose => ({
  kind: 'glucose',
  value: typeof value === 'number' ? value : null,
  unit: 'mg/dL',
  range: value === 'HI' ? 'above' : value === 'LO' ? 'below' : null,
  context: 'unknown',
  deviceTime: wallText(wallSeconds(at) * 1000),
})
