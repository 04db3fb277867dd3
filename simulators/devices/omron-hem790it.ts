// Simulated Omron HEM-790IT (an M7080IT by its own words): messages of seven bytes a report, with an XOR behind what follows the OK.
import { z } from 'zod'
import { Figure, spokenPressure, storeCommand } from './cuff.ts'
import { ascii, clockCommand, DeviceClock, type Simulator, WallTime, wallFields } from './device.ts'

const MOST = 7
export const version = 'M7080IT 207'

const Measurement = z.strictObject({
  systolic: Figure.max(255),
  diastolic: Figure.max(255),
  pulse: Figure.max(255),
  user: z.int().min(1).max(2).default(1),
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
})
export interface Hem790Record {
  systolic: number
  diastolic: number
  pulse: number
  at: string | null
}

const xor = (bytes: readonly number[]) => bytes.reduce((all, byte) => all ^ byte, 0)
const answer = (...data: number[]) => Uint8Array.of(...ascii('OK'), ...data, xor(data))

export const versionAnswer = (text: string) => answer(0, ...ascii(text))
/** `made` grows with each measurement, whether or not it is still kept. */
export const countAnswer = (count: number, made: number) => answer(0, 0, made, 0, count)
export function recordAnswer({ systolic, diastolic, pulse, at }: Hem790Record): Uint8Array {
  const { year, month, day, hour, minute, second } = wallFields(at ?? '2000-00-00T00:00:00')
  const when = [Number(year) - 2000, ...[month, day, hour, minute, second].map(Number)]
  return answer(0, ...when, 0, 0, systolic, diastolic, pulse, 0, 0)
}
export const averageAnswer = (weekStart: string, systolic: number, diastolic: number, pulse: number) => {
  const { year, month, day } = wallFields(weekStart)
  return answer(0, 0x80, 3, Number(year) - 2000, Number(month), Number(day), systolic - 25, diastolic, pulse)
}

/** As the device sends it: what stands in a report behind the bytes that count is what stood there before. */
export function encodeReports(message: Uint8Array, before: readonly number[] = []): Uint8Array {
  let last = [0, ...before]
  const all: number[] = []
  for (let at = 0; at < message.length; at += MOST) {
    const part = [...message.subarray(at, at + MOST)]
    last = [part.length, ...part, ...last.slice(part.length + 1)]
    all.push(...last, ...Array(MOST + 1 - last.length).fill(0))
  }
  return Uint8Array.from(all)
}

export const simulator: Simulator = {
  line: 'hid',
  make(world) {
    const clock = new DeviceClock(world)
    const records: (Hem790Record & { user: number })[] = []
    let asked: number[] = []
    let last: number[] = []
    let busy = true // the first question of a session
    const say = (message: Uint8Array) => {
      const all = encodeReports(message, last)
      last = [...all.subarray(-MOST)]
      for (let at = 0; at < all.length; at += MOST + 1) world.send(all.subarray(at, at + MOST + 1))
    }
    const of = (user: number) => records.filter((record) => record.user === user)
    const obey = (question: string, data: readonly number[]) => {
      if (busy) {
        busy = false
        return say(ascii('NO'))
      }
      const own = of((data[1] ?? 0) + 1)
      if (question === 'VER') say(versionAnswer(version))
      else if (question === 'GDC') say(countAnswer(own.length, own.length))
      else if (question === 'GME') {
        const record = own[data[3]!]
        if (record) say(recordAnswer(record))
      }
    }
    return {
      receive([count = 0, ...rest]) {
        asked.push(...rest.slice(0, count))
        if (count === MOST) return
        const question = asked
        asked = []
        if (question.every((byte) => byte === 0)) {
          busy = true
          say(ascii('OK'))
        } else obey(String.fromCharCode(...question.slice(0, 3)), question.slice(3))
      },
      commands: {
        ...storeCommand(Measurement, '{"systolic":123,"diastolic":78,"pulse":87}', (measured) => {
          const { at = clock.read(), user, ...figures } = measured
          records.unshift({ ...figures, at, user })
          return spokenPressure({ ...figures, deviceTime: at })
        }),
        clock: clockCommand(clock),
      },
    }
  },
}
