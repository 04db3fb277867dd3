// Simulated Contec CMS50D+ of the older kind: five bytes sixty times a second while a finger is in.
import { z } from 'zod'
import { repeatingCommand } from './body.ts'
import { joined, type Simulator } from './device.ts'

const Figures = z.strictObject({ spo2: z.int().min(0).max(127), pulse: z.int().min(0).max(255) })
const A_SECOND = 60

export interface Live extends z.output<typeof Figures> {
  signalStrength: number
  fingerOut: boolean
  droppingSpO2: boolean
  beep: boolean
  pleth: number
  bar: number
  probeError: boolean
  searching: boolean
}

const bit = (on: boolean, mask: number) => (on ? mask : 0)
export const encodeLive = (l: Live): Uint8Array =>
  Uint8Array.of(
    0x80 | l.signalStrength | bit(l.fingerOut, 0x10) | bit(l.droppingSpO2, 0x20) | bit(l.beep, 0x40),
    l.pleth,
    l.bar | bit(l.probeError, 0x10) | bit(l.searching, 0x20) | bit(l.pulse > 127, 0x40),
    l.pulse & 0x7f,
    l.spo2,
  )

const still = { fingerOut: false, droppingSpO2: false, beep: false, probeError: false, searching: false }

export const simulator: Simulator = {
  line: 'serial',
  make: (world) => ({
    receive() {},
    commands: repeatingCommand(world, 'finger', Figures, '{"spo2":98,"pulse":72}', { times: 12, every: 1000 }, (f) => ({
      bytes: joined(
        ...Array.from({ length: A_SECOND }, (_, i) =>
          encodeLive({ ...f, ...still, signalStrength: 8, pleth: i, bar: 5 }),
        ),
      ),
      said: [{ kind: 'oxygen-saturation', value: f.spo2, unit: '%', pulse: f.pulse, deviceTime: null }],
    })),
  }),
}
