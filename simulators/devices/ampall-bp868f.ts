// Simulated AMPall BP868F: pushes fifteen characters, which have no check and no clock.
import { z } from 'zod'
import { cuffCommands, Figure, Measuring, spokenPressure } from './cuff.ts'
import { ascii, type Simulator } from './device.ts'

const Measurement = z.strictObject({
  systolic: Figure,
  diastolic: Figure,
  mean: Figure,
  pulse: Figure,
  arrhythmia: z.int().min(0).max(1).default(0),
})

/** `^`, systolic, mean, diastolic, pulse, arrhythmia, `^`. */
export function encodeBp868f(m: z.output<typeof Measurement>): Uint8Array {
  const figures = [m.systolic, m.mean, m.diastolic, m.pulse].map((figure) => String(figure).padStart(3, '0'))
  return ascii(`^${figures.join('')}${m.arrhythmia}^`)
}

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const measuring = new Measuring(world)
    return {
      receive() {}, // no host command is known
      unplugged: () => measuring.stop(),
      commands: cuffCommands(
        measuring,
        Measurement,
        '{"systolic":120,"mean":96,"diastolic":72,"pulse":68}',
        ({ arrhythmia, ...figures }) =>
          () => ({
            bytes: encodeBp868f({ arrhythmia, ...figures }),
            spoken: spokenPressure(figures, arrhythmia > 0 ? ['irregular-pulse'] : []),
          }),
      ),
    }
  },
}
