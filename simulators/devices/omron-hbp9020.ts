// Simulated Omron HBP-9020 arm-in monitor: pushes a "bp," line, which has no check; its last digit is no error code.
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

/** What the monitor sends when nobody typed an id. */
const NOBODY = '9'.repeat(20)

/** Pressures in mm[Hg], pulse a minute. */
export interface Hbp9020Result {
  at: string | null
  subject: string
  systolic: number
  mean: number
  diastolic: number
  pulse: number
  trailer: number
}

/** 58 characters and CR LF, or CR alone as one reader saw it. */
export function encodeHbp9020(result: Hbp9020Result, end: '\r\n' | '\r' = '\r\n'): Uint8Array {
  const { year, month, day, hour, minute } = wallFields(result.at ?? '0000-00-00T00:00')
  const figures = [result.systolic, result.mean, result.diastolic, result.pulse].map((f) => String(f).padStart(3, '0'))
  const when = [`${year}/${month}/${day}`, `${hour}:${minute}`]
  return ascii(`${['bp', result.subject.padEnd(20), ...when, ...figures, result.trailer].join(',')}${end}`)
}

const Measurement = z.strictObject({
  systolic: z.int().min(0).max(999),
  diastolic: z.int().min(0).max(999),
  mean: z.int().min(0).max(999).optional(),
  pulse: z.int().min(0).max(999),
  trailer: z.int().min(0).max(9).default(0),
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
  subject: z
    .string()
    .max(20)
    .regex(/^[ -~]*$/, 'expected plain characters')
    .default(NOBODY),
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
        const mean = m.mean ?? Math.round((systolic + 2 * diastolic) / 3)
        const deviceTime = at && toMinute(at)
        const spoken: Spoken = {
          kind: 'blood-pressure',
          systolic,
          diastolic,
          mean,
          pulse,
          unit: 'mm[Hg]',
          deviceTime,
          flags: [],
        }
        return { bytes: encodeHbp9020({ ...m, at, mean }), spoken }
      }
    return {
      receive() {}, // no host command is known
      unplugged: () => measuring.stop(),
      commands: {
        measure: command(
          z.strictObject({ measure: Measurement, after }),
          '{"measure":{"systolic":140,"diastolic":77,"mean":98,"pulse":68},"after":3000}',
          (order) => measuring.start({ frame: result(order.measure), afterMs: order.after ?? 0 }),
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
