// Simulated A&D TM-2657 arm-in monitor: pushes its result, obeys the host's start and stop. Frame: RA format, XOR from SOH to ETX.
import { z } from 'zod'
import { Measuring, type Outcome } from './cuff.ts'
import {
  ascii,
  clockCommand,
  command,
  DeviceClock,
  joined,
  type Said,
  type Simulator,
  type Spoken,
  toMinute,
  WallTime,
  wallFields,
} from './device.ts'

const RS = '\x1e'
const HEAD = [0x16, 0x16, 0x01, 0x30, 0x30, 0x02]
const ACK = [0x16, 0x16, 0x01, 0x30, 0x30, 0x06]
const ETX = 0x03
const START = joined(HEAD, ascii('ST'), [ETX, 0x07])
const STOP = joined(HEAD, ascii('SP'), [ETX, 0x03])

/** Pressures in mm[Hg], pulse a minute, seconds taken; `at` is the device's wall clock, null when it was never set. */
export interface Tm2657Result {
  model: 'TM2657' | 'TM2655'
  at: string | null
  code: string
  systolic: number | null
  diastolic: number | null
  mean: number | null
  pulse: number | null
  irregularBeats: number
  movement: number
  remeasured: number
  seconds: number
  /** Largest pulse amplitude, the device's own unit. */
  amplitude: number
}

/** The frame a TM-2657 (RA) or TM-2655 (AB, without the tail of named fields) sends for this result. */
export function encodeTm2657(result: Tm2657Result): Uint8Array {
  const wide = (value: number | null) => (value === null ? '' : String(value)).padStart(3)
  const { year, month, day, hour, minute } = wallFields(result.at ?? '0000-00-00T00:00')
  const fields = [
    result.model,
    `${year.slice(2)}${month}${day}${hour}${minute}`,
    result.model === 'TM2657' ? 'RA' : 'AB',
    'M',
    result.code,
    `S${wide(result.systolic)}`,
    `M${wide(result.mean)}`,
    `D${wide(result.diastolic)}`,
    `P${wide(result.pulse)}`,
    'I00',
    `L${wide(result.amplitude)}`,
  ]
  if (result.model === 'TM2657') {
    // Peak pressure: both known frames stand 46 mm[Hg] above the systolic.
    fields.push(`p${wide(result.systolic === null ? null : result.systolic + 46)}`)
    fields.push(`i${String(result.irregularBeats).padStart(2)}`, `m${result.movement}`, `r${result.remeasured}`)
    fields.push(`t${wide(result.seconds)}`, 'cN', 'l  ', 'd')
    fields.push('h     ', 's     ', 'w      ', 'f      ', 'e      ', 'b     ', '')
  }
  const frame = joined(HEAD, ascii(fields.join(RS)), [ETX])
  // The two leading SYN are outside the check, and would cancel out in it.
  return joined(frame, [frame.reduce((check, byte) => check ^ byte, 0)])
}

const Measurement = z.strictObject({
  systolic: z.int().min(0).max(999),
  diastolic: z.int().min(0).max(999),
  mean: z.int().min(0).max(999).optional(),
  pulse: z.int().min(0).max(999),
  seconds: z.int().min(0).max(999).default(35),
  /** Null: the clock was never set. */
  at: WallTime.nullable().optional(),
  irregularBeats: z.int().min(0).max(99).default(0),
  movement: z.int().min(0).max(9).default(0),
  remeasured: z.int().min(0).max(9).default(0),
})
const Code = z.string().regex(/^E(?!00)\d\d$/, 'expected a result code like E44')
const after = z.int().min(0).optional()
const FIGURES = '{"systolic":127,"diastolic":76,"mean":97,"pulse":78,"seconds":35}'

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const measuring = new Measuring(world)
    let next: { outcome: Outcome; done: (said: Said | Promise<Said>) => void } | undefined
    let heard = ''

    const result = (m: z.infer<typeof Measurement>): Outcome['frame'] => {
      const mean = m.mean ?? Math.round((m.systolic + 2 * m.diastolic) / 3)
      return () => {
        const at = m.at === undefined ? clock.read() : m.at
        const flags = [
          ...(m.irregularBeats > 0 ? (['irregular-pulse'] as const) : []),
          ...(m.movement > 0 ? (['movement'] as const) : []),
          ...(m.remeasured > 0 ? (['remeasured'] as const) : []),
        ]
        const { systolic, diastolic, pulse } = m
        const deviceTime = at && toMinute(at)
        const spoken: Spoken = {
          kind: 'blood-pressure',
          systolic,
          diastolic,
          mean,
          pulse,
          unit: 'mm[Hg]',
          deviceTime,
          flags,
        }
        return { bytes: encodeTm2657({ ...m, model: 'TM2657', code: 'E00', mean, at, amplitude: 200 }), spoken }
      }
    }
    const failure =
      (code: string): Outcome['frame'] =>
      () => {
        const none = { systolic: null, diastolic: null, mean: null, pulse: null }
        const counts = { irregularBeats: 0, movement: 0, remeasured: 0, seconds: 0, amplitude: 0 }
        const bytes = encodeTm2657({ model: 'TM2657', at: clock.read(), code, ...none, ...counts })
        return { bytes, spoken: { kind: 'failure', of: 'blood-pressure', code } }
      }

    const hostStart = () => {
      world.send(Uint8Array.from(ACK))
      if (measuring.running) return
      // Nobody's arm is in the cuff: no pressure builds up.
      if (!next) return void measuring.start({ frame: failure('E11'), afterMs: 1000 })
      next.done(measuring.start(next.outcome))
      next = undefined
    }
    const hostStop = () => {
      world.send(Uint8Array.from(ACK))
      measuring.stop()
    }

    return {
      receive(bytes) {
        heard = (heard + String.fromCharCode(...bytes)).slice(-64)
        for (const [order, act] of [[START, hostStart] as const, [STOP, hostStop] as const]) {
          if (!heard.includes(String.fromCharCode(...order))) continue
          heard = ''
          act()
        }
      },
      unplugged: () => measuring.stop(),
      commands: {
        measure: command(
          z.strictObject({ measure: Measurement, after }),
          `{"measure":${FIGURES},"after":3000}`,
          (order) => measuring.start({ frame: result(order.measure), afterMs: order.after ?? 0 }),
        ),
        fail: command(z.strictObject({ fail: Code, after }), '{"fail":"E44"}', (order) =>
          measuring.start({ frame: failure(order.fail), afterMs: order.after ?? 0 }),
        ),
        // Answers when the host has started it and the result is out, or when another `next` takes its place.
        next: command(z.strictObject({ next: Measurement, after }), `{"next":${FIGURES},"after":3000}`, (order) => {
          next?.done({ said: [], stopped: true })
          return new Promise<Said>((done) => {
            next = { outcome: { frame: result(order.next), afterMs: order.after ?? 0 }, done }
          })
        }),
        stop: command(z.strictObject({ stop: z.literal(true) }), '{"stop":true}', () => {
          measuring.stop()
          return { said: [] }
        }),
        clock: clockCommand(clock),
      },
    }
  },
}
