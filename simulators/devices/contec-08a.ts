// Simulated Contec 08A: 64-byte reports, asked user by user; every byte of a record has its high bit in a map of its own.
import { z } from 'zod'
import { Figure, spokenPressure, storeCommand } from './cuff.ts'
import { clockCommand, DeviceClock, type Simulator, toMinute, WallTime, wallFields } from './device.ts'

const REPORT = 64
const HELLO = 0x40
const WHO = 0x42
const DOWNLOAD = 0x43
const FIRST_USER = 4
const MOST_RECORDS = 100

const User = z.int().min(1).max(3)
const Measurement = z.strictObject({
  systolic: Figure.max(255),
  diastolic: Figure.max(255),
  mean: Figure.max(255),
  pulse: Figure.max(255),
  user: User.default(1),
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
})

export const statusBytes = Uint8Array.of(0x4a, 0x43, 0x01)
export const whoBytes = Uint8Array.of(0x48, 0x41, 0x02, 0x13, 0x01, 0x02)

/** How many records of which user follow. */
export const headerBytes = (count: number, user: number) =>
  Uint8Array.of(0x46, 0x41, 0x80, 0x80, 0x80 | count, 0x82, ...Array(7).fill(0x80), 0x80 | user)

/** A map of the high bits, then each byte with its high bit set. */
const packed = (bytes: readonly number[]) => [
  bytes.reduce((map, byte, i) => map | ((byte >> 7) << i), 0x80),
  ...bytes.map((byte) => byte | 0x80),
]

export interface Contec08aRecord {
  systolic: number
  diastolic: number
  mean: number
  pulse: number
  userTag: number
  at: string | null
}
export function encodeRecord(r: Contec08aRecord): Uint8Array {
  const { year, month, day, hour, minute } = wallFields(r.at ?? '2000-00-00T00:00')
  const clock = [Number(year) - 2000, month, day, hour, minute].map(Number) as [number, number, number, number, number]
  const [y, m, ...rest] = clock
  return Uint8Array.of(
    ...packed([0, r.systolic, r.diastolic, r.pulse, r.mean, y, m]),
    ...packed([...rest, 0, r.userTag]), // what the byte before the tag is, nobody says
  )
}

const report = (bytes: Uint8Array) => {
  const whole = new Uint8Array(REPORT)
  whole.set(bytes)
  return whole
}

export const simulator: Simulator = {
  line: 'hid',
  make(world) {
    const clock = new DeviceClock(world)
    const records: (Contec08aRecord & { user: number })[] = []
    const say = (...messages: Uint8Array[]) => {
      for (const message of messages) world.send(report(message))
    }
    return {
      receive(bytes) {
        if (bytes[0] === HELLO) say(Uint8Array.of(HELLO))
        else if (bytes[0] === WHO) say(whoBytes)
        else if (bytes[0] === DOWNLOAD && bytes[1] === 0x41) {
          const user = bytes[3]! - FIRST_USER + 1
          const own = records.filter((record) => record.user === user).slice(-MOST_RECORDS)
          say(statusBytes, headerBytes(own.length, user), ...own.map(encodeRecord))
        }
      },
      commands: {
        ...storeCommand(Measurement, '{"systolic":118,"diastolic":76,"mean":90,"pulse":69}', (measured) => {
          const { at = clock.read(), user, ...figures } = measured
          records.push({ ...figures, at, user, userTag: 0x10 + user })
          return spokenPressure({ ...figures, deviceTime: at && toMinute(at) })
        }),
        clock: clockCommand(clock),
      },
    }
  },
}
