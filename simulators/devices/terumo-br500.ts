// Simulated Terumo BR-500: pushes a text frame with the sum from STX to ETX behind it; the host answers ACK.
import { z } from 'zod'
import { cuffCommands, Figure, Measuring, spokenPressure } from './cuff.ts'
import { ascii, clockCommand, DeviceClock, type Simulator, WallTime, wallFields } from './device.ts'

const Measurement = z.strictObject({
  systolic: Figure,
  diastolic: Figure,
  mean: Figure,
  pulse: Figure,
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
  subject: z
    .string()
    .regex(/^[0-9]{9}$/, 'expected nine digits')
    .default('000000000'),
})

export function encodeBr500(m: Omit<z.output<typeof Measurement>, 'at'> & { at: string | null }): Uint8Array {
  const { year, month, day, hour, minute, second } = wallFields(m.at ?? '0000-00-00T00:00:00')
  const when = [`${year.slice(2)}${month}${day}`, `${hour}${minute}${second}`]
  const figures = [m.systolic, m.mean, m.diastolic, m.pulse].map((figure) => String(figure).padStart(3, '0'))
  const zeros = ['0000', '0000', '00000', '000'] // what they mean nobody says
  const frame = ascii(`\x02${['R1', m.subject, ...when, ...figures, ...zeros].join(',')}\x03`)
  return Uint8Array.of(
    ...frame,
    frame.reduce((sum, byte) => (sum + byte) & 0xff, 0),
  )
}

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const measuring = new Measuring(world)
    return {
      receive() {}, // ACK: it is not known to do anything without it
      unplugged: () => measuring.stop(),
      commands: {
        ...cuffCommands(
          measuring,
          Measurement,
          '{"systolic":119,"mean":90,"diastolic":76,"pulse":83}',
          (measured) => () => {
            const { at = clock.read(), subject, ...figures } = measured
            const spoken = spokenPressure({ ...figures, deviceTime: at })
            return { bytes: encodeBr500({ ...figures, subject, at }), spoken }
          },
        ),
        clock: clockCommand(clock),
      },
    }
  },
}
