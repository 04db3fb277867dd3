// Simulated Health o meter 2595KL: a weight in seven columns behind a head that tells its unit.
import { z } from 'zod'
import { Metric, repeatingCommand, spokenWeight } from './body.ts'
import { ascii, joined, type Simulator } from './device.ts'

const Figures = z.strictObject({ weight: z.number().min(0).max(999), units: Metric })

/** @param decimals three on the models 522, 524 and 553 */
export const encode2595kl = ({ weight, units }: z.output<typeof Figures>, decimals: 1 | 3): Uint8Array =>
  joined(
    [2, units === 'metric' ? 0x82 : 0x80, 0xd7, 0xe4],
    ascii(weight.toFixed(decimals).padStart(decimals + 4, '0')),
    [0x0d],
  )

export const simulator: Simulator = {
  line: 'serial',
  make: (world) => ({
    receive() {},
    commands: repeatingCommand(world, 'stand', Figures, '{"weight":61.3}', { times: 3, every: 1000 }, (f) => ({
      bytes: encode2595kl(f, 1),
      said: [spokenWeight(f.weight, f.units)],
    })),
  }),
}
