// Simulated TaiDoc TD-4277: eight-byte packets with a sum, in CP2110 reports whose id is the number of their bytes.
import { DeviceClock, joined, type Simulator, wallFields } from './device.ts'
import { meterCommands, type Stored } from './meter.ts'

const START = 0x51
const FROM_HOST = 0xa3
const FROM_METER = 0xa5
const PACKET = 8
const REPORT = 64
const MEALS = { none: 0, before: 1, after: 2 } as const
/** How the meter keeps what it shows as HI and LO. */
const OUTSIDE = { HI: 601, LO: 19 } as const

const sum = (bytes: Uint8Array) => bytes.reduce((all, byte) => (all + byte) & 0xff, 0)
const u16 = (value: number) => [value & 0xff, value >> 8]

export function encodePacket(command: number, data: Uint8Array | readonly number[] = [0, 0, 0, 0]): Uint8Array {
  const head = joined([START, command], data, [FROM_METER])
  return joined(head, [sum(head)])
}

export function clockData(wall: string): Uint8Array {
  const { year, month, day, hour, minute } = wallFields(wall)
  const date = ((Number(year) - 2000) << 9) | (Number(month) << 5) | Number(day)
  return joined(u16(date), [Number(minute), Number(hour)])
}
export const modelData = (model: string) => joined([...Buffer.from(model, 'hex').reverse()], [0, 0])
export const countData = (count: number, second: number) => joined(u16(count), u16(second))
/** Type: 0 general, 1 before and 2 after a meal, 3 control; subtype 0 is glucose. */
export const valueData = (value: number, type: number, subtype = 0) =>
  joined(u16(value), u16((type << 14) | (subtype << 10)))

/** Bytes as reports of up to `most` of them. */
export function encodeReports(bytes: Uint8Array, most = REPORT - 1): Uint8Array[] {
  const reports: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += most) {
    const part = bytes.slice(at, at + most)
    const report = new Uint8Array(REPORT)
    report.set([part.length, ...part])
    reports.push(report)
  }
  return reports
}

export const simulator: Simulator = {
  line: 'hid',
  make(world) {
    const clock = new DeviceClock(world)
    const records: Stored[] = []
    let serial = '4277000000000001'
    let noticed = false
    let heard: Uint8Array = new Uint8Array(0)

    const say = (command: number, data?: Uint8Array | readonly number[]) => {
      for (const report of encodeReports(encodePacket(command, data))) world.send(report)
    }
    const half = (from: number) => [...Buffer.from(serial.slice(from, from + 8), 'hex').reverse()]
    /** Erasing and clock setting are not obeyed: a hub has no business with them. */
    const answer = (command: number, index: number) => {
      const stored = records.at(-1 - index)
      if (!noticed) {
        noticed = true
        return say(0x54)
      }
      if (command === 0x22) say(0x22)
      if (command === 0x23) say(0x23, clockData(clock.read()))
      if (command === 0x24) say(0x24, modelData('4277'))
      if (command === 0x25 && stored) say(0x25, clockData(stored.at))
      if (command === 0x26 && stored) {
        const value = typeof stored.value === 'number' ? stored.value : OUTSIDE[stored.value]
        say(0x26, valueData(value, stored.control ? 3 : MEALS[stored.meal ?? 'none']))
      }
      if (command === 0x27) say(0x27, half(8))
      if (command === 0x28) say(0x28, half(0))
      if (command === 0x2b) say(0x2b, countData(records.length, records.length === 0 ? 0xffff : 0))
    }
    return {
      receive(report) {
        heard = joined(heard, report.slice(1, 1 + report[0]!))
        while (heard.length >= PACKET) {
          const packet = heard.slice(0, PACKET)
          const whole = packet[0] === START && packet[6] === FROM_HOST && packet[7] === sum(packet.slice(0, -1))
          heard = heard.slice(whole ? PACKET : 1)
          if (whole) answer(packet[1]!, packet[2]! | (packet[3]! << 8))
        }
      },
      unplugged() {
        noticed = false
        heard = new Uint8Array(0)
      },
      commands: meterCommands({
        clock,
        unit: 'mg/dL',
        low: 20,
        high: 600,
        marksMeals: true,
        seconds: false,
        keep: (stored) => records.push(stored),
        serial: {
          shape: /^[0-9a-f]{16}$/,
          example: '4277000000000001',
          set: (given) => {
            serial = given
          },
        },
      }),
    }
  },
}
