// Simulated SunTech OEM module: it answers what it is asked, and keeps its last result until the next one.
import { z } from 'zod'
import { Figure, spokenPressure } from './cuff.ts'
import { command, type Said, type Simulator } from './device.ts'

const START = '3a20a6'
const ASK_PRESSURE = '3a79050048'
const ASK_RESULT = '3a7903004a'
const AT_PEAK = 180

const Measurement = z.strictObject({
  systolic: Figure,
  diastolic: Figure,
  mean: Figure,
  pulse: Figure.max(255),
  error: z.int().min(0).max(255).default(0),
})
export interface SuntechResult extends z.output<typeof Measurement> {
  beats: number
  status: number
  /** Bytes 8 to 15: what they test nobody says. */
  tests?: readonly number[]
}

const framed = (...bytes: number[]) => {
  const packet = [0x3e, bytes.length + 3, ...bytes]
  return Uint8Array.of(...packet, -packet.reduce((sum, byte) => sum + byte, 0) & 0xff)
}
const word = (value: number) => [value & 0xff, value >> 8]

export const pressureBytes = (pressure: number) => framed(...word(pressure))
export const resultBytes = ({ systolic, diastolic, mean, pulse, error, beats, status, tests }: SuntechResult) =>
  framed(
    ...[...word(systolic), ...word(diastolic), beats, status, ...(tests ?? Array(8).fill(0))],
    ...[pulse, 0, ...word(mean), error, 0, 0],
  )

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    let last: SuntechResult = { systolic: 0, diastolic: 0, mean: 0, pulse: 0, error: 0, beats: 0, status: 0 }
    let cuff = 0
    let callOff = () => {}
    let asked: number[] = []
    /** Inflates for so long, then has its result. */
    const measure = (result: SuntechResult, afterMs: number, done: () => void) => {
      cuff = AT_PEAK
      callOff = world.later(afterMs, () => {
        cuff = 0
        last = result
        done()
      })
    }
    const answer = (question: string) => {
      if (question === ASK_PRESSURE) world.send(pressureBytes(cuff))
      else if (question === ASK_RESULT) world.send(resultBytes(last))
      else if (question === START && cuff === 0) measure({ ...last, error: 1, beats: 0, status: 1 }, 1000, () => {})
      else return false
      return true
    }
    return {
      receive(bytes) {
        for (const byte of bytes) {
          asked = byte === 0x3a ? [byte] : [...asked, byte]
          if (answer(Buffer.from(asked).toString('hex'))) asked = []
        }
      },
      unplugged: () => callOff(),
      commands: {
        measure: command(
          z.strictObject({ measure: Measurement, after: z.int().min(0).optional() }),
          '{"measure":{"systolic":115,"diastolic":74,"mean":88,"pulse":85},"after":1000}',
          ({ measure: measured, after = 600 }) =>
            new Promise<Said>((resolve) => {
              const { error, ...figures } = measured
              const said: Said['said'] =
                error === 0
                  ? [spokenPressure(figures)]
                  : [{ kind: 'failure', of: 'blood-pressure', code: String(error) }]
              measure({ ...measured, beats: 30, status: 1 }, after, () => resolve({ said }))
            }),
        ),
      },
    }
  },
}
