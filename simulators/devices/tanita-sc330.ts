// Simulated Tanita SC-330: one line of keys and values, with the sum of all before it at its end.
import { z } from 'zod'
import { Metric, repeatingCommand, spokenWeight } from './body.ts'
import { ascii, DeviceClock, type Simulator, toMinute, wallFields } from './device.ts'

const Figures = z.strictObject({
  weight: z.number().min(0).max(999),
  units: Metric,
  id: z.string().max(16).default('0000000000'),
})

/** Keys and values in the order of the line. */
export function encodeLine(cells: readonly string[]): Uint8Array {
  const body = ascii(`{${cells.join(',')},`)
  const sum = body.reduce((all, byte) => (all + byte) & 0xff, 0)
  return Uint8Array.of(...body, ...ascii(`CS,${sum.toString(16).toUpperCase().padStart(2, '0')}}`))
}

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    return {
      receive() {},
      commands: repeatingCommand(world, 'stand', Figures, '{"weight":61.3}', { times: 1, every: 1000 }, (f) => {
        const at = clock.read()
        const { year, month, day, hour, minute } = wallFields(at)
        const unit = f.units === 'metric' ? '1' : '3'
        const who = ['0', '16', '~0', unit, '~1', unit, 'MO', '"SC-330"', 'SN', '"00000001"', 'ID', `"${f.id}"`]
        const when = ['Da', `"${day}/${month}/${year}"`, 'TI', `"${hour}:${minute}"`]
        const bytes = encodeLine([
          ...who,
          ...when,
          'Hm',
          '161.0',
          'Wk',
          f.weight.toFixed(1),
          'FW',
          '18.8',
          'MI',
          '24.5',
        ])
        return { bytes, said: [spokenWeight(f.weight, f.units, toMinute(at))] }
      }),
    }
  },
}
