// Simulated Microlife BP B3 Comfort PC: asked once, it sends its whole memory with a sum behind it, in reports of seven bytes.
import { z } from 'zod'
import { Figure, spokenPressure, storeCommand } from './cuff.ts'
import { clockCommand, DeviceClock, type Simulator, toMinute, WallTime, wallFields } from './device.ts'

const READ_ALL = [0x4d, 0xff, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xfd, 0x52]
const HEAD = 42
const PAYLOAD = 7

const Measurement = z.strictObject({
  systolic: Figure.max(255),
  diastolic: Figure.max(255),
  pulse: Figure.max(255),
  irregular: z.boolean().default(false),
  cuffOk: z.boolean().default(true),
  /** Null: the clock was never set; such records hold a year and nothing more. */
  at: WallTime.nullable().optional(),
})
export type B3Record = Omit<z.output<typeof Measurement>, 'at'> & { at: string | null }

function encodeRecord({ systolic, diastolic, pulse, irregular, cuffOk, at }: B3Record): number[] {
  const { year, month, day, hour, minute } = wallFields(at ?? '2017-00-00T00:00')
  const clock = [Number(year) - 2000, month, day, hour, minute].map(Number)
  return [systolic, diastolic, pulse, ...clock, (cuffOk ? 0x80 : 0) | (irregular ? 0x40 : 0), 0]
}

/** The whole answer, without the reports round it. */
export function encodeMemory(records: readonly B3Record[]): Uint8Array {
  const all = [...Array(HEAD).fill(0), ...records.flatMap(encodeRecord)]
  const length = all.length - 4 + 1
  all.splice(0, 9, 0x4d, 0x3a, length >> 8, length & 0xff, 0, 0, 0, records.length, 1)
  return Uint8Array.of(
    ...all,
    all.reduce((sum, byte) => (sum + byte) & 0xff, 0),
  )
}

export const simulator: Simulator = {
  line: 'hid',
  make(world) {
    const clock = new DeviceClock(world)
    const records: B3Record[] = []
    return {
      receive(bytes) {
        if (bytes[0] !== READ_ALL.length || !READ_ALL.every((byte, i) => byte === bytes[i + 1])) return
        const memory = encodeMemory(records)
        for (let at = 0; at < memory.length; at += PAYLOAD) {
          const part = memory.subarray(at, at + PAYLOAD)
          const report = new Uint8Array(PAYLOAD + 1)
          report.set([0xf0 | part.length, ...part])
          world.send(report)
        }
      },
      commands: {
        ...storeCommand(Measurement, '{"systolic":147,"diastolic":59,"pulse":48,"irregular":true}', (measured) => {
          const { at = clock.read(), irregular, cuffOk, ...figures } = measured
          records.push({ ...figures, irregular, cuffOk, at })
          const flags = [
            ...(irregular ? (['irregular-pulse'] as const) : []),
            ...(cuffOk ? [] : (['cuff-fit'] as const)),
          ]
          return spokenPressure({ ...figures, deviceTime: at && toMinute(at) }, flags)
        }),
        clock: clockCommand(clock),
      },
    }
  },
}
