// Simulated Beurer BM96: asked by user and row, it answers each question with one report, filled up with F4.
import { z } from 'zod'
import { Figure, spokenPressure, storeCommand } from './cuff.ts'
import { clockCommand, DeviceClock, type Simulator, toMinute, WallTime, wallFields } from './device.ts'

const REPORT = 64
const FILL = 0xf4
/** Measured at rest, not at rest, with atrial fibrillation, with that and another arrhythmia. */
const MARKS = { rest: 0x02, unrest: 0x03, af: 0x09, arrhythmia: 0x0d } as const

const Measurement = z.strictObject({
  systolic: Figure.max(255),
  diastolic: Figure.max(255),
  pulse: Figure.max(255),
  user: z.int().min(1).max(2).default(1),
  mark: z.enum(['rest', 'unrest', 'af', 'arrhythmia']).default('rest'),
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
})

export interface Bm96Record {
  systolic: number
  diastolic: number
  pulse: number
  user: number
  flagByte: number
  at: string | null
}

/** The part of a report that is known. */
export function encodeRecord(index: number, r: Bm96Record): Uint8Array {
  const { year, month, day, hour, minute } = wallFields(r.at ?? '2000-00-00T00:00')
  const when = [hour, minute, day, month].map(Number)
  const head = [r.user - 1, index, 0, 1, ...when, Number(year) - 2000, r.flagByte, 0]
  return Uint8Array.of(...head, r.systolic, r.diastolic, r.pulse)
}

const report = (bytes: Iterable<number>) => {
  const whole = new Uint8Array(REPORT).fill(FILL)
  whole.set([...bytes])
  return whole
}

export const simulator: Simulator = {
  line: 'hid',
  make(world) {
    const clock = new DeviceClock(world)
    const records: Bm96Record[] = []
    const of = (user: number) => records.filter((record) => record.user === user)
    return {
      receive([command, user = 0, row = 0]) {
        if (command === 0xaa) world.send(report([0x55]))
        else if (command === 0xa2) world.send(report([of(1).length, of(2).length]))
        else if (command === 0xa3) {
          const record = of(user + 1)[row]
          if (record) world.send(report(encodeRecord(row, record)))
        }
      },
      commands: {
        ...storeCommand(Measurement, '{"systolic":137,"diastolic":84,"pulse":72,"mark":"af"}', (measured) => {
          const { at = clock.read(), user, mark, ...figures } = measured
          records.push({ ...figures, user, at, flagByte: MARKS[mark] })
          const flags = mark === 'af' || mark === 'arrhythmia' ? (['irregular-pulse'] as const) : []
          return spokenPressure({ ...figures, deviceTime: at && toMinute(at) }, [...flags])
        }),
        clock: clockCommand(clock),
      },
    }
  },
}
