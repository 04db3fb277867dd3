// Simulated FORA monitor: answers each question about its memory with eight bytes and their sum.
import { z } from 'zod'
import { Figure, spokenPressure, storeCommand } from './cuff.ts'
import { clockCommand, DeviceClock, type Simulator, toMinute, WallTime, wallFields } from './device.ts'

const FROM_DEVICE = 0xa5 // as the fixtures have it; no reader looks at it

const Measurement = z.strictObject({
  systolic: Figure.max(255),
  diastolic: Figure.max(255),
  mean: Figure.max(255),
  pulse: Figure.max(255),
  irregular: z.boolean().default(false),
  average: z.boolean().default(false),
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
})
type ForaRecord = Omit<z.output<typeof Measurement>, 'at'> & { at: string | null }

const framed = (command: number, d0: number, d1: number, d2: number, d3: number) => {
  const frame = [0x51, command, d0, d1, d2, d3, FROM_DEVICE]
  return Uint8Array.of(...frame, frame.reduce((sum, byte) => sum + byte, 0) & 0xff)
}
export const countFrame = (count: number) => framed(0x2b, count & 0xff, count >> 8, 0, 0)
export function dateFrame({ at, irregular, average }: Pick<ForaRecord, 'at' | 'irregular' | 'average'>): Uint8Array {
  const { year, month, day, hour, minute } = wallFields(at ?? '2000-00-00T00:00')
  const date = ((Number(year) - 2000) << 9) | (Number(month) << 5) | Number(day)
  return framed(
    0x25,
    date & 0xff,
    date >> 8,
    Number(minute) | (irregular ? 0x40 : 0),
    Number(hour) | (average ? 0x80 : 0),
  )
}
export const valuesFrame = ({ systolic, mean, diastolic, pulse }: Omit<ForaRecord, 'at' | 'irregular' | 'average'>) =>
  framed(0x26, systolic, mean, diastolic, pulse)

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const records: ForaRecord[] = []
    let asked: number[] = []
    const answer = ([, command, low = 0, high = 0]: number[]) => {
      const record = records[low | (high << 8)]
      if (command === 0x2b) world.send(countFrame(records.length))
      else if (command === 0x25 && record) world.send(dateFrame(record))
      else if (command === 0x26 && record) world.send(valuesFrame(record))
    }
    return {
      receive(bytes) {
        for (const byte of bytes) {
          asked.push(byte)
          if (asked[0] !== 0x51) asked = []
          if (asked.length < 8) continue
          answer(asked)
          asked = []
        }
      },
      commands: {
        ...storeCommand(Measurement, '{"systolic":131,"mean":98,"diastolic":82,"pulse":70}', (measured) => {
          const { at = clock.read(), irregular, average, ...figures } = measured
          records.unshift({ ...figures, irregular, average, at })
          return spokenPressure({ ...figures, deviceTime: at && toMinute(at) }, [
            ...(irregular ? (['irregular-pulse'] as const) : []),
            ...(average ? (['remeasured'] as const) : []),
          ])
        }),
        clock: clockCommand(clock),
      },
    }
  },
}
