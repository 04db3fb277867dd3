// Simulated Contour meter on its serial cable: speaks first when plugged in, sends its whole memory as ASTM records.
import { z } from 'zod'
import type { Glucose, MealContext } from '../../devices/kit/event.ts'
import { ACK, AstmSession, ENQ, EOT, NAK } from './astm.ts'
import { clockCommand, command, DeviceClock, type Simulator, toMinute, WallTime, wallFields } from './device.ts'

const ANSWER_WAIT_MS = 15_000
const AGAIN_MS = 1000
const WAKE_MS = 200
/** From the cable in the port to the first ENQ. */
const PLUGGED_MS = 1000

/** Wall clock as the records write it: YYYYMMDDhhmm. */
const stamp = (wall: string) => {
  const { year, month, day, hour, minute } = wallFields(wall)
  return `${year}${month}${day}${hour}${minute}`
}

export interface ContourHeader {
  password: string
  /** As `Bayer7150^1.05\0.00^7150-0002193`. */
  sender: string
  clock: string
}
export const headerRecord = ({ password, sender, clock }: ContourHeader) =>
  `H|\\^&||${password}|${sender}|||||||P|1|${stamp(clock)}`

export const orderRecord = (sequence: number, control: boolean) => `O|${sequence}${control ? '||||||||||Q' : ''}`

/** An average of the last days: no date; the value is 0 while there is none. */
export const averageRecord = (
  sequence: number,
  average: { name: string; value: number; unit: string; reference: 'P' | 'B'; range?: string; flag?: '<' | '>' },
) => {
  const tail = average.range === undefined ? '' : `|${average.range}|${average.flag ?? ''}`
  return `R|${sequence}|^^^${average.name}|${average.value}|${average.unit}^${average.reference}${tail}`
}

export interface ContourResult {
  /** As the meter writes it: `113`, `5.5`. HI and LO stand as a number outside the range, and the flag says so. */
  value: string
  unit: 'mg/dL' | 'mmol/L'
  reference: 'P' | 'B'
  flags: readonly ('<' | '>' | 'T')[]
  marks: readonly ('A' | 'B' | 'D')[]
  /** E: control test; D beside it: marked so by the user. */
  status: readonly ('E' | 'D')[]
  at: string
}
export const resultRecord = (sequence: number, r: ContourResult) =>
  [
    `R|${sequence}|^^^Glucose|${r.value}|${r.unit}^${r.reference}`,
    '',
    r.flags.join('\\'),
    r.marks.join('\\'),
    r.status.join('\\'),
    '',
    '',
    stamp(r.at),
  ].join('|')

export const terminatorRecord = 'L|1|N'

const Store = z.strictObject({
  value: z.union([z.number().positive(), z.literal('HI'), z.literal('LO')]),
  unit: z.enum(['mg/dL', 'mmol/L']).default('mmol/L'),
  at: WallTime.optional(),
  meal: z.enum(['before', 'after']).optional(),
  control: z.boolean().default(false),
  temperature: z.boolean().default(false),
})

/** How this family writes HI and LO, in each unit. */
const OUTSIDE = { 'mg/dL': { HI: '601', LO: '9' }, 'mmol/L': { HI: '33.39', LO: '0.50' } } as const
const CONTEXT: Record<'before' | 'after', MealContext> = { before: 'preMeal', after: 'postMeal' }

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const results: ContourResult[] = []
    let serial = '7150-0000001'
    let session: AstmSession | undefined
    let asked = false
    let callOff = () => {}

    const send = (byte: number) => world.send(Uint8Array.of(byte))
    const soon = (ms: number, act: () => void) => {
      callOff()
      callOff = world.later(ms, act)
    }
    /** Asks the host to listen, and asks again for as long as it is plugged in and nobody answers. */
    const ask = () => {
      send(ENQ)
      asked = true
      soon(ANSWER_WAIT_MS, () => {
        send(EOT)
        asked = false
        soon(AGAIN_MS, ask)
      })
    }
    /** Normal and control results stand under orders of their own. */
    const records = () => {
      const out = [
        headerRecord({ password: '27719', sender: `Bayer7150^1.05\\0.00^${serial}`, clock: clock.read() }),
        'P|1',
      ]
      let order = 1
      out.push(orderRecord(order, false))
      out.push(averageRecord(1, { name: 'GlucoseA', value: 0, unit: results.at(-1)?.unit ?? 'mmol/L', reference: 'P' }))
      let underControl = false
      for (const [i, result] of results.entries()) {
        const control = result.status.includes('E')
        if (control !== underControl) {
          underControl = control
          order += 1
          out.push(orderRecord(order, control))
        }
        out.push(resultRecord(i + 2, result))
      }
      return [...out, terminatorRecord]
    }
    const hear = (byte: number) => {
      if (session) {
        if (!session.hear(byte)) session = undefined
      } else if (byte === ACK && asked) {
        asked = false
        callOff()
        session = new AstmSession(records(), world.send)
        session.begin()
      } else if (byte === NAK && asked) {
        asked = false
        callOff()
        send(EOT)
      } else if (byte !== ACK && byte !== NAK) {
        soon(WAKE_MS, ask) // any other byte wakes it
      }
    }

    return {
      receive(bytes) {
        for (const byte of bytes) hear(byte)
      },
      plugged: () => soon(PLUGGED_MS, ask),
      unplugged() {
        callOff()
        session = undefined
        asked = false
      },
      commands: {
        store: command(
          z.strictObject({ store: Store }),
          '{"store":{"value":5.5,"unit":"mmol/L","at":"2026-11-25T08:15:00","meal":"before"}}',
          ({ store }) => {
            const at = store.at ?? clock.read()
            const outside = typeof store.value === 'number' ? null : store.value
            results.push({
              value: outside ? OUTSIDE[store.unit][outside] : String(store.value),
              unit: store.unit,
              reference: 'P',
              flags: [
                ...(outside ? [outside === 'HI' ? ('>' as const) : ('<' as const)] : []),
                ...(store.temperature ? ['T' as const] : []),
              ],
              marks: store.meal ? [store.meal === 'before' ? 'B' : 'A'] : [],
              status: store.control ? ['E'] : [],
              at,
            })
            if (store.control) return { said: [] } // on the wire, but not a person's reading
            const spoken: Glucose = {
              kind: 'glucose',
              value: typeof store.value === 'number' ? store.value : null,
              unit: store.unit,
              range: outside === 'HI' ? 'above' : outside === 'LO' ? 'below' : null,
              context: store.meal ? CONTEXT[store.meal] : 'unknown',
              deviceTime: toMinute(at),
              ...(store.temperature && { flags: ['temperature'] }),
            }
            return { said: [spoken] }
          },
        ),
        serial: command(
          z.strictObject({
            serial: z.string().regex(/^\d{4}[-A]\w{1,12}$/, 'expected a serial number like 7150-0000001'),
          }),
          '{"serial":"7150-0000001"}',
          (order) => {
            serial = order.serial
            return { said: [] }
          },
        ),
        clock: clockCommand(clock),
      },
    }
  },
}
