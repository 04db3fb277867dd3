// Simulated Beurer BM55: eight-byte reports filled up with F4, one record for each question, user 1 before user 2, newest first.
import { z } from 'zod'
import { Figure, spokenPressure, storeCommand } from './cuff.ts'
import { clockCommand, DeviceClock, type Simulator, toMinute, WallTime, wallFields } from './device.ts'

const FILL = 0xf4
const OFFSET = 25

const Measurement = z.strictObject({
  systolic: Figure.min(OFFSET).max(255 + OFFSET),
  diastolic: Figure.min(OFFSET).max(255 + OFFSET),
  pulse: Figure.max(255),
  user: z.int().min(1).max(2).default(1),
  irregular: z.boolean().default(false),
  moved: z.boolean().default(false),
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
})
export type Bm55Record = Omit<z.output<typeof Measurement>, 'at'> & { at: string | null }

const report = (...bytes: number[]) => Uint8Array.from({ length: 8 }, (_, i) => bytes[i] ?? FILL)
export const helloBytes = report(0x55)

/** The eight bytes of a record, over either cable. */
export function encodeRecord({ systolic, diastolic, pulse, user, irregular, moved, at }: Bm55Record): Uint8Array {
  const { year, month, day, hour, minute } = wallFields(at ?? '2000-00-00T00:00')
  return report(
    systolic - OFFSET,
    diastolic - OFFSET,
    pulse,
    Number(month) | (moved ? 0x80 : 0),
    Number(day) | (user === 2 ? 0x80 : 0),
    Number(hour),
    Number(minute),
    (Number(year) - 2000) | (irregular ? 0x80 : 0),
  )
}

/** The monitor's memory and how it is filled; the two cables differ in how it is asked. */
export function bm55Memory(world: ConstructorParameters<typeof DeviceClock>[0]) {
  const clock = new DeviceClock(world)
  const records: Bm55Record[] = []
  const commands = {
    ...storeCommand(Measurement, '{"systolic":151,"diastolic":96,"pulse":88,"user":2,"irregular":true}', (measured) => {
      const { at = clock.read(), ...rest } = measured
      records.unshift({ ...rest, at })
      const { systolic, diastolic, pulse, irregular, moved } = rest
      return spokenPressure({ systolic, diastolic, pulse, deviceTime: at && toMinute(at) }, [
        ...(irregular ? (['irregular-pulse'] as const) : []),
        ...(moved ? (['movement'] as const) : []),
      ])
    }),
    clock: clockCommand(clock),
  }
  /** As the monitor numbers them, from 1. */
  const inOrder = () => [1, 2].flatMap((user) => records.filter((record) => record.user === user))
  return { commands, inOrder }
}

export const simulator: Simulator = {
  line: 'hid',
  make(world) {
    const { commands, inOrder } = bm55Memory(world)
    return {
      receive([command, n = 0]) {
        if (command === 0xaa) world.send(helloBytes)
        else if (command === 0xa2) world.send(report(inOrder().length))
        else if (command === 0xa3) {
          const record = inOrder()[n - 1]
          world.send(record ? encodeRecord(record) : report(0xa9))
        }
      },
      commands,
    }
  },
}
