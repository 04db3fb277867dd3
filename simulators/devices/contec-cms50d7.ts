// Simulated Contec CMS50D+ of protocol 7: once asked to begin it says nine bytes sixty times a second while a finger is in.
import { z } from 'zod'
import { repeatingCommand } from './body.ts'
import { joined, type Simulator } from './device.ts'

const Figures = z.strictObject({ spo2: z.int().min(0).max(126), pulse: z.int().min(0).max(254) })
const A_SECOND = 60

export interface Package {
  signalStrength: number
  searching: boolean
  pleth: number
  bar: number
  piValid: boolean
  /** Null: no value. */
  pulse: number | null
  spo2: number | null
  piRaw: number | null
}

export function encodePackage(p: Package): Uint8Array {
  const index = p.piRaw ?? 0xffff
  const wave = p.pleth | (p.searching ? 0x80 : 0)
  const figures = [p.pulse ?? 0xff, p.spo2 ?? 0x7f, index & 0xff, index >> 8]
  const data = [p.signalStrength, wave, p.bar | (p.piValid ? 0x10 : 0), ...figures]
  const map = data.reduce((bits, byte, i) => bits | ((byte >> 7) << i), 0x80)
  return Uint8Array.of(0x01, map, ...data.map((byte) => byte | 0x80))
}

const still = { signalStrength: 7, searching: false, bar: 4, piValid: true, piRaw: 288 }

export const simulator: Simulator = {
  line: 'serial',
  make: (world) => ({
    receive() {}, // a finger is put in when the command says so
    commands: repeatingCommand(
      world,
      'finger',
      Figures,
      '{"spo2":97,"pulse":135}',
      { times: 12, every: 1000 },
      (f) => ({
        bytes: joined(...Array.from({ length: A_SECOND }, (_, i) => encodePackage({ ...f, ...still, pleth: i }))),
        said: [{ kind: 'oxygen-saturation', value: f.spo2, unit: '%', pulse: f.pulse, deviceTime: null }],
      }),
    ),
  }),
}
