// Simulated ParamaTech FT-201: pushes one frame of columns, which has no check.
import { z } from 'zod'
import { cuffCommands, Figure, Measuring, spokenPressure } from './cuff.ts'
import { ascii, clockCommand, DeviceClock, type Simulator, toMinute, WallTime, wallFields } from './device.ts'

const Measurement = z.strictObject({
  systolic: Figure,
  diastolic: Figure,
  pulse: Figure,
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
})

/** STX, date, time and three figures, each after a space, ETX. */
export function encodeFt201(m: { systolic: number; diastolic: number; pulse: number; at: string | null }): Uint8Array {
  const { year, month, day, hour, minute } = wallFields(m.at ?? '0000-00-00T00:00')
  const figures = [m.systolic, m.diastolic, m.pulse].map((figure) => String(figure).padStart(3, '0'))
  return ascii(`\x02 ${[`${year.slice(2)}${month}${day}`, `${hour}${minute}`, ...figures].join(' ')}\x03`)
}

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const measuring = new Measuring(world)
    return {
      receive() {}, // no host command is known
      unplugged: () => measuring.stop(),
      commands: {
        ...cuffCommands(measuring, Measurement, '{"systolic":125,"diastolic":75,"pulse":99}', (measured) => () => {
          const { at = clock.read(), ...figures } = measured
          const deviceTime = at && toMinute(at)
          return { bytes: encodeFt201({ ...figures, at }), spoken: spokenPressure({ ...figures, deviceTime }) }
        }),
        clock: clockCommand(clock),
      },
    }
  },
}
