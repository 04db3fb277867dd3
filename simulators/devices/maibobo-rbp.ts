// Simulated Maibobo RBP arm-in monitor: echoes what the host orders, tells the cuff pressure and then the result or an error.
import { z } from 'zod'
import { cuffCommands, Figure, failCommand, Measuring, type Outcome, spokenPressure } from './cuff.ts'
import { clockCommand, command, DeviceClock, type Said, type Simulator, WallTime, wallFields } from './device.ts'

const VERSION = 0x03
const TYPE = 0x01
const [CONNECT, START, STOP, PRESSURE, RESULT, ERROR] = [1, 2, 3, 5, 6, 7]

const check = (bytes: readonly number[]) => bytes.reduce((all, byte) => all ^ byte, 0)

/** Header, version, length, type, sub, data, XOR of all behind the header. */
export function encodeRbp(sub: number, data: readonly number[]): Uint8Array {
  const counted = [VERSION, data.length + 2, TYPE, sub, ...data]
  return Uint8Array.of(0xaa, 0x80, ...counted, check(counted))
}

const word = (value: number) => [value >> 8, value & 0xff]
export const pressureData = (pressure: number) => word(pressure)

export interface RbpResult {
  user: number
  at: string | null
  systolic: number
  diastolic: number
  pulse: number
}
export function resultData({ user, at, systolic, diastolic, pulse }: RbpResult): number[] {
  const { year, month, day, hour, minute, second } = wallFields(at ?? '0000-00-00T00:00:00')
  const clock = [year.slice(2), month, day, hour, minute, second].map(Number)
  return [user, ...clock, ...[systolic, diastolic, pulse].flatMap(word)]
}

const Measurement = z.strictObject({
  systolic: Figure,
  diastolic: Figure,
  pulse: Figure,
  user: z.int().min(0).max(255).default(1),
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
})
const Code = z.int().min(1).max(255)
const EXAMPLE = '{"systolic":128,"diastolic":82,"pulse":74}'
const MOTOR = 0x10

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const measuring = new Measuring(world)
    let next: { frame: Outcome['frame']; done: (said: Said | Promise<Said>) => void } | undefined
    let heard: number[] = []

    const result = (measured: z.output<typeof Measurement>) => () => {
      const { at = clock.read(), user, ...figures } = measured
      world.send(encodeRbp(PRESSURE!, pressureData(figures.systolic + 30)))
      const bytes = encodeRbp(RESULT!, resultData({ user, at, ...figures }))
      return { bytes, spoken: spokenPressure({ ...figures, deviceTime: at }) }
    }
    const failure = (code: number) => (): ReturnType<Outcome['frame']> => ({
      bytes: encodeRbp(ERROR!, [code]),
      spoken: { kind: 'failure', of: 'blood-pressure', code: code.toString(16).padStart(2, '0') },
    })

    const order = (sub: number) => {
      world.send(encodeRbp(sub, [0]))
      if (sub === STOP) measuring.stop()
      if (sub !== START || measuring.running) return
      if (!next) return void measuring.start({ frame: failure(MOTOR), afterMs: 1000 })
      next.done(measuring.start({ frame: next.frame, afterMs: 0 }))
      next = undefined
    }

    return {
      receive(bytes) {
        heard = [...heard, ...bytes].slice(-64)
        for (let at = 0; at + 8 <= heard.length; at++) {
          const [first, second, ...rest] = heard.slice(at, at + 8)
          if (first !== 0xcc || second !== 0x80 || check(rest) !== 0) continue
          heard = heard.slice(at + 8)
          at = -1
          const sub = rest[3]!
          if ([CONNECT, START, STOP].includes(sub)) order(sub)
        }
      },
      unplugged: () => measuring.stop(),
      commands: {
        ...cuffCommands(measuring, Measurement, EXAMPLE, result),
        ...failCommand(measuring, Code, '6', failure),
        // Answers when the host has started it and the result is out, or when another `next` takes its place.
        next: command(z.strictObject({ next: Measurement }), `{"next":${EXAMPLE}}`, (ordered) => {
          next?.done({ said: [], stopped: true })
          return new Promise<Said>((done) => {
            next = { frame: result(ordered.next), done }
          })
        }),
        clock: clockCommand(clock),
      },
    }
  },
}
