// Simulated Omron HBP-9030 arm-in monitor: pushes a line of output format 5, which has no check and no mean pressure.
import { z } from 'zod'
import { Measuring, type Outcome } from './cuff.ts'
import {
  ascii,
  clockCommand,
  command,
  DeviceClock,
  type Simulator,
  type Spoken,
  toMinute,
  WallTime,
  wallFields,
} from './device.ts'

/** Pressures in mm[Hg], pulse a minute; null figures go with an error number. */
export interface Hbp9030Result {
  at: string | null
  /** 20 characters at most; blank when nobody typed an id. */
  subject: string
  error: number
  systolic: number | null
  diastolic: number | null
  pulse: number | null
  movement: number
}

/** 53 characters and CR LF: year to minute, subject, error number, systolic, diastolic, pulse, movement count. */
export function encodeHbp9030(result: Hbp9030Result): Uint8Array {
  const figure = (value: number | null) => (value === null ? '   ' : String(value).padStart(3, '0'))
  const { year, month, day, hour, minute } = wallFields(result.at ?? '0000-00-00T00:00')
  const figures = [result.systolic, result.diastolic, result.pulse].map(figure)
  const fields = [year, month, day, hour, minute, result.subject.padEnd(20), result.error, ...figures, result.movement]
  return ascii(`${fields.join(',')}\r\n`)
}

const subject = z
  .string()
  .max(20)
  .regex(/^[ -~]*$/, 'expected plain characters')
  .default('')
const Measurement = z.strictObject({
  systolic: z.int().min(0).max(999),
  diastolic: z.int().min(0).max(999),
  pulse: z.int().min(0).max(999),
  movement: z.int().min(0).max(9).default(0),
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
  subject,
})
const after = z.int().min(0).optional()

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const measuring = new Measuring(world)
    const result =
      (m: z.infer<typeof Measurement>): Outcome['frame'] =>
      () => {
        const at = m.at === undefined ? clock.read() : m.at
        const { systolic, diastolic, pulse } = m
        const spoken: Spoken = {
          kind: 'blood-pressure',
          systolic,
          diastolic,
          mean: null,
          pulse,
          unit: 'mm[Hg]',
          deviceTime: at && toMinute(at),
          flags: m.movement > 0 ? ['movement'] : [],
        }
        return { bytes: encodeHbp9030({ ...m, at, error: 0 }), spoken }
      }
    const failure =
      (error: number): Outcome['frame'] =>
      () => {
        const none = { systolic: null, diastolic: null, pulse: null }
        const bytes = encodeHbp9030({ at: clock.read(), subject: '', error, ...none, movement: 0 })
        return { bytes, spoken: { kind: 'failure', of: 'blood-pressure', code: String(error) } }
      }
    return {
      receive() {}, // no host command is known
      unplugged: () => measuring.stop(),
      commands: {
        measure: command(
          z.strictObject({ measure: Measurement, after }),
          '{"measure":{"systolic":120,"diastolic":80,"pulse":72},"after":3000}',
          (order) => measuring.start({ frame: result(order.measure), afterMs: order.after ?? 0 }),
        ),
        fail: command(z.strictObject({ fail: z.int().min(1).max(9), after }), '{"fail":7}', (order) =>
          measuring.start({ frame: failure(order.fail), afterMs: order.after ?? 0 }),
        ),
        stop: command(z.strictObject({ stop: z.literal(true) }), '{"stop":true}', () => {
          measuring.stop()
          return { said: [] }
        }),
        clock: clockCommand(clock),
      },
    }
  },
}
