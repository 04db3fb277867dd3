// Simulated LifeScan OneTouch Verio IQ: a memory asked record by record; packets with CRC-16, no acknowledgements.
import { ascii, DeviceClock, joined, type Simulator } from './device.ts'
import { encodePacket, packetEar, u32 } from './lifescan.ts'
import { meterCommands, type Stored } from './meter.ts'

const OK = [0x03, 0x06]
const MEALS = { none: 0, before: 1, after: 2 } as const
/** How the meter keeps what it shows as HI and LO. */
const OUTSIDE = { HI: 601, LO: 19 } as const
const EPOCH_MS = Date.UTC(2000, 0, 1)

const u16 = (value: number) => [value & 0xff, value >> 8]
const wallSeconds = (wall: string) => (Date.parse(`${wall}Z`) - EPOCH_MS) / 1000

/** A record as the wire carries it: mg/dL, whatever the screen shows. */
export interface VerioIqRecord {
  value: number
  at: string
  meal: keyof typeof MEALS
  control: boolean
}
export const recordPayload = ({ value, at, meal, control }: VerioIqRecord) =>
  joined(OK, u32(wallSeconds(at)), u16(value), [control ? 1 : 0, MEALS[meal], 0, 0])
export const countPayload = (count: number) => joined(OK, u16(count))
export const clockPayload = (wall: string) => joined(OK, u32(wallSeconds(wall)))
export const unitPayload = (unit: 'mg/dL' | 'mmol/L') => joined(OK, u32(unit === 'mmol/L' ? 1 : 0))
export const targetsPayload = (low: number, high: number) => joined(OK, [1], u16(low), u16(high))
export const versionPayload = (version: string) => joined(OK, [version.length], ascii(version), [0])
export const textPayload = (text: string, behind: Uint8Array = new Uint8Array(0)) =>
  joined(OK, ascii(text), [0], behind)

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const records: Stored[] = [] // oldest first; the wire counts from the newest
    let serial = 'SIMVERIO'

    /** Erasing and clock setting are not obeyed: a hub has no business with them. */
    const answer = ([prefix, order, low, high]: Uint8Array): Uint8Array | null => {
      if (prefix !== 0x03) return null
      switch (order) {
        case 0x06:
          return textPayload('VerioIQ')
        case 0x09:
          return unitPayload('mmol/L')
        case 0x0b:
          return textPayload(serial)
        case 0x0d:
          return versionPayload('01.10.00 03/15/13')
        case 0x20:
          return low === 0x02 ? clockPayload(clock.read()) : null
        case 0x21: {
          const stored = records.at(-1 - ((low ?? 0) | ((high ?? 0) << 8)))
          if (!stored) return Uint8Array.of(0x03, 0x09)
          const value = typeof stored.value === 'number' ? stored.value : OUTSIDE[stored.value]
          return recordPayload({ ...stored, value, meal: stored.meal ?? 'none' })
        }
        case 0x27:
          return countPayload(records.length)
        default:
          return Uint8Array.of(0x03, 0x09)
      }
    }
    const ear = packetEar((_link, ask) => {
      const said = answer(ask)
      if (said) world.send(encodePacket(0, said))
    })
    return {
      receive: ear.receive,
      unplugged: ear.forget,
      commands: meterCommands({
        clock,
        unit: 'mg/dL',
        low: 20,
        high: 600,
        marksMeals: true,
        seconds: true,
        keep: (stored) => records.push(stored),
        serial: {
          shape: /^[A-Z0-9]{8,9}$/,
          example: 'SIMVERIO',
          set: (given) => {
            serial = given
          },
        },
      }),
    }
  },
}
