// Simulated Health o meter 500KL: says its locked figures once a second, each field led by ESC.
import { z } from 'zod'
import { Metric, repeatingCommand, spokenHeight, spokenWeight } from './body.ts'
import { ascii, type Simulator } from './device.ts'

const Figures = z.strictObject({
  weight: z.number().min(0).max(999),
  height: z.number().min(0).max(300).default(0),
  bmi: z.number().min(0).max(300).default(0),
  units: Metric,
  id: z.string().max(20).default('0000000000'),
})

/** @param tare absent on models that do not send one; those write two decimals */
export function encode500kl({ id, weight, height, bmi, units }: z.output<typeof Figures>, tare?: number): Uint8Array {
  const figure = (value: number) => value.toFixed(tare === undefined ? 2 : 1)
  const fields = ['R', `I${id}`, `W${figure(weight)}`, `H${figure(height)}`, `B${figure(bmi)}`]
  if (tare !== undefined) fields.push(`T${figure(tare)}`)
  return ascii([...fields, `N${units === 'metric' ? 'm' : 'c'}`, 'E'].map((field) => `\x1b${field}`).join(''))
}

export const simulator: Simulator = {
  line: 'serial',
  make: (world) => ({
    receive() {},
    commands: repeatingCommand(
      world,
      'stand',
      Figures,
      '{"weight":61.3,"height":161}',
      { times: 5, every: 1000 },
      (f) => ({
        bytes: encode500kl(f, 0),
        said: [spokenWeight(f.weight, f.units), ...(f.height === 0 ? [] : [spokenHeight(f.height, f.units)])],
      }),
    ),
  }),
}
