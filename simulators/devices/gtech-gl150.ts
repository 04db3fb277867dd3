// Simulated G-Tech GL-150: height, weight and what it works out from them, each five columns wide.
import { z } from 'zod'
import { repeatingCommand, spokenHeight, spokenWeight } from './body.ts'
import { ascii, type Simulator } from './device.ts'

const Figures = z.strictObject({
  height: z.number().min(0).max(300),
  weight: z.number().min(0).max(300),
  gender: z.enum(['M', 'F', 'C']).default('F'),
  obesity: z.number().min(0).max(999).default(100),
  bmi: z.number().min(0).max(999).default(22),
})

const five = (value: number) => value.toFixed(value < 100 ? 2 : 1).padStart(5, '0')
export const encodeGl150 = ({ height, weight, gender, obesity, bmi }: z.output<typeof Figures>): Uint8Array =>
  ascii(`\x02${[five(height), five(weight), gender, five(obesity), five(bmi)].join(',')}\x03`)

/** What a GL-310 sends instead when it is set to print. */
export function encodeSlip(f: {
  gender: string
  weight: number
  standard: number
  height: number
  bmi: number
  fatness: number
  mark: string
}): Uint8Array {
  const lines = [
    `GENDER   ---- ${f.gender}`,
    `WEIGHT   ---- ${five(f.weight)} kg`,
    `STANDARD ---- ${five(f.standard)} kg`,
    `HEIGHT   ---- ${five(f.height)} cm`,
    `B  M  I  ---- ${f.bmi.toFixed(1).padStart(5)}   `,
    `FATNESS  ---- ${five(f.fatness)} % `,
    `MARKS    ---- ${f.mark}`,
  ]
  return ascii(`\0\r\n${lines.join('\r\n')}\r\n\x1bT\0`)
}

export const simulator: Simulator = {
  line: 'serial',
  make: (world) => ({
    receive() {},
    commands: repeatingCommand(
      world,
      'stand',
      Figures,
      '{"height":161.5,"weight":61.3}',
      { times: 1, every: 1000 },
      (f) => ({
        bytes: encodeGl150(f),
        said: [spokenWeight(f.weight, 'metric'), spokenHeight(f.height, 'metric')],
      }),
    ),
  }),
}
