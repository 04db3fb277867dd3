// Simulated Microlife BPA: asked once, it sends its whole memory as text with a sum behind it, in reports of seven bytes.
import { z } from 'zod'
import { Figure, spokenPressure, storeCommand } from './cuff.ts'
import { ascii, clockCommand, command, DeviceClock, type Simulator, toMinute, WallTime, wallFields } from './device.ts'

const READ_ALL = [0x12, 0x16, 0x18, 0x22]
const PAYLOAD = 7

const Measurement = z.strictObject({
  systolic: Figure,
  diastolic: Figure,
  pulse: Figure,
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
})
const PatientId = z
  .string()
  .max(12)
  .regex(/^[ -~]*$/, 'expected plain characters')
export type BpaCycle = Omit<z.output<typeof Measurement>, 'at'> & { at: string | null }

const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0')

function encodeCycle({ systolic, diastolic, pulse, at }: BpaCycle): string {
  const { year, month, day, hour, minute } = wallFields(at ?? '2015-00-00T00:00')
  const word = hex(systolic | (diastolic << 10) | (pulse << 20), 8)
  return `${year.slice(2)}${month}${day}${hour}${minute}000000${word}${word}`
}

/** The whole answer, without the reports round it. */
export function encodeMemory(patientId: string, cycles: readonly BpaCycle[]): Uint8Array {
  const id = [...ascii(patientId)].map((letter) => hex(letter, 2)).join('')
  const text = `${hex(cycles.length, 4)}0001${id.padEnd(24, '9')}${cycles.map(encodeCycle).join('')}`
  const sum = ascii(text).reduce((all, byte) => (all + byte) & 0xff, 0)
  return Uint8Array.of(0x06, ...ascii(`${text}${hex(sum, 2)}`))
}

export const simulator: Simulator = {
  line: 'hid',
  make(world) {
    const clock = new DeviceClock(world)
    const cycles: BpaCycle[] = []
    let patientId = ''
    return {
      receive(bytes) {
        if (bytes[0] !== READ_ALL.length || !READ_ALL.every((byte, i) => byte === bytes[i + 1])) return
        const memory = encodeMemory(patientId, cycles)
        for (let at = 0; at < memory.length; at += PAYLOAD) {
          const part = memory.subarray(at, at + PAYLOAD)
          const report = new Uint8Array(PAYLOAD + 1)
          report.set([0xf0 | part.length, ...part])
          world.send(report)
        }
      },
      commands: {
        ...storeCommand(Measurement, '{"systolic":132,"diastolic":86,"pulse":70}', (measured) => {
          const { at = clock.read(), ...figures } = measured
          cycles.push({ ...figures, at })
          return spokenPressure({ ...figures, deviceTime: at && toMinute(at) })
        }),
        patient: command(z.strictObject({ patient: PatientId }), '{"patient":"JANE"}', (order) => {
          patientId = order.patient
          return { said: [] }
        }),
        clock: clockCommand(clock),
      },
    }
  },
}
