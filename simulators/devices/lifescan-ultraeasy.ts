// Simulated LifeScan OneTouch UltraEasy: a memory asked record by record; packets with sequence bits and CRC-16, answered and acknowledged.
import { z } from 'zod'
import type { Glucose } from '../../devices/kit/event.ts'
import { ascii, clockCommand, command, DeviceClock, joined, type Simulator, WallTime, wallText } from './device.ts'
import { encodePacket, packetEar, u32 } from './lifescan.ts'

const LINK = { disconnect: 0x08, ack: 0x04, expects: 0x02, sends: 0x01 } as const
const HI = 0xffff
const LO = 0xfffe

/** A record as the meter keeps it: mg/dL, seconds of the local wall clock since 1970. */
export interface UltraEasyRecord {
  value: number | 'HI' | 'LO'
  /** Wall clock, `2011-09-05T13:41:41`. */
  at: string
}

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

    const ear = packetEar(hear)
    return {
      receive: ear.receive,
      unplugged: ear.forget,
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
