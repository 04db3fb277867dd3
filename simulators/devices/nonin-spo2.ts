// Simulated Nonin oximeter: streams packets of 25 frames while a finger is in, or sends one spot check.
import { z } from 'zod'
import type { OxygenSaturation } from '../../devices/kit/event.ts'
import { repeatingCommand } from './body.ts'
import { DeviceClock, joined, type Simulator, wallFields } from './device.ts'

const Figures = z.strictObject({ spo2: z.int().min(0).max(127), pulse: z.int().min(0).max(511) })
type Figures = z.output<typeof Figures>

const summed = (...bytes: number[]) => Uint8Array.of(...bytes, bytes.reduce((sum, byte) => sum + byte, 0) & 0xff)

export const encodeFrame = (sync: boolean, pleth: number, value: number): Uint8Array =>
  summed(0x01, sync ? 0x81 : 0x80, pleth, value)
export const encodePacket = ({ spo2, pulse }: Figures): Uint8Array =>
  joined(
    ...Array.from({ length: 25 }, (_, i) => encodeFrame(i === 0, 100 + i, [pulse >> 7, pulse & 0x7f, spo2][i] ?? 0)),
  )
/** @param at the oximeter's clock */
export function encodeSpotCheck({ spo2, pulse, at }: Figures & { at: string }): Uint8Array {
  const { year, month, day, hour, minute, second } = wallFields(at)
  const clock = [year.slice(0, 2), year.slice(2), month, day, hour, minute, second].map(Number)
  const data = summed(...clock, 0, 0x02, 0x00, pulse >> 8, pulse & 0xff, 0, spo2)
  return joined([0x00, 0x02, 0x00, 0x0d, 0x00, 0x0e], data, [0x03])
}

const spoken = ({ spo2, pulse }: Figures, deviceTime: string | null): OxygenSaturation => ({
  ...{ kind: 'oxygen-saturation', value: spo2, unit: '%', pulse, deviceTime },
})

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const example = '{"spo2":97,"pulse":73}'
    return {
      receive() {},
      commands: {
        ...repeatingCommand(world, 'finger', Figures, example, { times: 45, every: 333 }, (f) => ({
          bytes: encodePacket(f),
          said: [spoken(f, null)],
        })),
        ...repeatingCommand(world, 'spot', Figures, example, { times: 1, every: 333 }, (f) => ({
          bytes: encodeSpotCheck({ ...f, at: clock.read() }),
          said: [spoken(f, clock.read())],
        })),
      },
    }
  },
}
