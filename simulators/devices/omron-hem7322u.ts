// Simulated Omron HEM-7322U: answers each address with forty bytes of a memory in which two users have a hundred records each.
import { z } from 'zod'
import { Figure, spokenPressure, storeCommand } from './cuff.ts'
import { clockCommand, DeviceClock, type Simulator, WallTime, wallFields } from './device.ts'

const REPORT = 64
const FIRST = 0x02ac
const RECORD = 14
const RECORDS = 100

const Measurement = z.strictObject({
  systolic: Figure.min(25).max(279),
  diastolic: Figure.max(254),
  pulse: Figure.max(255),
  user: z.int().min(1).max(2).default(1),
  irregular: z.boolean().default(false),
  moved: z.boolean().default(false),
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
})
export type HemRecord = Omit<z.output<typeof Measurement>, 'at' | 'user'> & { at: string | null }

export const emptyRecord = () => new Uint8Array(RECORD).fill(0xff)
export function encodeRecord({ systolic, diastolic, pulse, irregular, moved, at }: HemRecord): Uint8Array {
  const { year, month, day, hour, minute, second } = wallFields(at ?? '2000-00-00T00:00:00')
  const marks = (moved ? 0x8000 : 0) | (irregular ? 0x4000 : 0)
  const high = marks | (Number(month) << 10) | (Number(day) << 5) | Number(hour)
  const low = (Number(minute) << 6) | Number(second)
  const figures = [diastolic, systolic - 25, Number(year) - 2000, pulse]
  return Uint8Array.of(...figures, high >> 8, high & 0xff, low >> 8, low & 0xff, ...Array(6).fill(0))
}

/** The report's id, the length of the rest, code, address, count, data, 00 and the XOR of all but the id. */
export function encodeAnswer(code: number, address: number, data: Uint8Array): Uint8Array {
  const counted = [8 + data.length, code, 0, address >> 8, address & 0xff, data.length, ...data, 0]
  const report = new Uint8Array(REPORT)
  report.set([2, ...counted, counted.reduce((all, byte) => all ^ byte, 0)])
  return report
}

export const simulator: Simulator = {
  line: 'hid',
  make(world) {
    const clock = new DeviceClock(world)
    const memory = new Uint8Array(2 * RECORDS * RECORD).fill(0xff)
    const kept = [0, 0]
    return {
      receive([, , code = 0, , high = 0, low = 0, count = 0]) {
        const address = (high << 8) | low
        const data = code === 1 ? memory.subarray(address - FIRST, address - FIRST + count) : new Uint8Array(count)
        world.send(encodeAnswer(0x80 | code, address, data))
      },
      commands: {
        ...storeCommand(Measurement, '{"systolic":126,"diastolic":79,"pulse":66}', (measured) => {
          const { at = clock.read(), user, ...figures } = measured
          const slot = (user - 1) * RECORDS + (kept[user - 1]!++ % RECORDS)
          memory.set(encodeRecord({ ...figures, at }), slot * RECORD)
          const { systolic, diastolic, pulse } = figures
          return spokenPressure({ systolic, diastolic, pulse, deviceTime: at })
        }),
        clock: clockCommand(clock),
      },
    }
  },
}
