// Simulated Contour USB / Contour Next: ASTM inside 64-byte HID reports; the host speaks first, the memory is read once per plug-in.
import { z } from 'zod'
import type { Glucose, MealContext } from '../../devices/kit/event.ts'
import { ACK, AstmSession, ENQ, EOT, encodeFrame, NAK } from './astm.ts'
import {
  ascii,
  clockCommand,
  command,
  DeviceClock,
  joined,
  type Simulator,
  toMinute,
  WallTime,
  wallFields,
} from './device.ts'

const REPORT = 64
const MOST_PAYLOAD = 60
const X = 0x58

/** Payload bytes as reports: `ABC`, count, slice, zeros. */
export function encodeReports(payload: Uint8Array): Uint8Array[] {
  const reports: Uint8Array[] = []
  for (let at = 0; at < payload.length; at += MOST_PAYLOAD) {
    const slice = payload.slice(at, at + MOST_PAYLOAD)
    const report = new Uint8Array(REPORT)
    report.set(joined(ascii('ABC'), [slice.length], slice))
    reports.push(report)
  }
  return reports
}

/** Wall clock as the records write it: YYYYMMDDhhmm, on Next One and Next Link 2.4 with seconds. */
const stamp = (wall: string, seconds = false) => {
  const { year, month, day, hour, minute, second } = wallFields(wall)
  return `${year}${month}${day}${hour}${minute}${seconds ? second : ''}`
}

export interface ContourUsbHeader {
  password: string
  /** As `Bayer7390^01.26\01.05\02.06.20^7390-2902076^7393A`. */
  sender: string
  /** As `A=1^C=03^…^U=0^V=20600^…`; U=0 mg/dL, U=1 mmol/L. */
  settings: string
  results: number
  /** Empty in the header before the host's ACK, `P` after it. */
  processing: '' | 'P'
  clock: string
}
export const headerRecord = (h: ContourUsbHeader) =>
  `H|\\^&||${h.password}|${h.sender}|${h.settings}|${h.results}|||||${h.processing}|1|${stamp(h.clock)}`

export interface ContourUsbResult {
  value: string
  unit: 'mg/dL' | 'mmol/L'
  /** `<` `>` range, `C` control, `B` `A` `F` meal, `M0` `T1` as the meter adds them. */
  markers: readonly string[]
  at: string
  seconds?: boolean
}
export const resultRecord = (sequence: number, r: ContourUsbResult) =>
  `R|${sequence}|^^^Glucose|${r.value}|${r.unit}^P||${r.markers.join('/')}||${stamp(r.at, r.seconds)}`

export const terminatorRecord = 'L|1||N'

const Store = z.strictObject({
  value: z.union([z.number().positive(), z.literal('HI'), z.literal('LO')]),
  unit: z.enum(['mg/dL', 'mmol/L']).default('mmol/L'),
  at: WallTime.optional(),
  meal: z.enum(['before', 'after', 'fasting']).optional(),
  control: z.boolean().default(false),
})

const OUTSIDE = { 'mg/dL': { HI: '601', LO: '19' }, 'mmol/L': { HI: '33.4', LO: '1.0' } } as const
const RANGE = { HI: { marker: '>', range: 'above' }, LO: { marker: '<', range: 'below' } } as const
const MEAL: Record<'before' | 'after' | 'fasting', { marker: string; context: MealContext }> = {
  before: { marker: 'B', context: 'preMeal' },
  after: { marker: 'A', context: 'postMeal' },
  fasting: { marker: 'F', context: 'fasting' },
}

export const simulator: Simulator = {
  line: 'hid',
  make(world) {
    const clock = new DeviceClock(world)
    const results: ContourUsbResult[] = []
    let serial = '7390-0000001'
    let session: AstmSession | undefined
    let asked = false
    let readOut = false

    const send = (payload: Uint8Array) => encodeReports(payload).every((report) => world.send(report))
    const header = (processing: '' | 'P') => {
      // U tells the unit of the screen and of the stored results alike.
      const unit = results.at(-1)?.unit === 'mg/dL' ? 0 : 1
      const settings = `A=1^C=03^G=0^I=0200^R=0^S=1^U=${unit}^V=${unit ? '200333' : '20600'}^Z=1`
      const sender = `Bayer7390^01.26\\01.05\\02.06.20^${serial}^7393A`
      return headerRecord({
        password: processing ? 'Jwi9Rs' : 'FrqvFW', // a new one each time
        sender,
        settings,
        results: results.length,
        processing,
        clock: clock.read(),
      })
    }
    const hear = (byte: number) => {
      if (session) {
        if (!session.hear(byte)) {
          session = undefined
          readOut = true
        }
      } else if ((byte === X || byte === EOT) && !readOut) {
        asked = true
        send(joined([EOT], encodeFrame(1, header(''), false), [ENQ]))
      } else if (byte === ACK && asked) {
        asked = false
        const records = results.map((result, i) => resultRecord(i + 1, result))
        session = new AstmSession([header('P'), 'P|1', ...records, terminatorRecord], send)
        session.begin()
      } else if (byte === NAK && asked) {
        asked = false
        send(Uint8Array.of(EOT))
      }
    }

    return {
      receive(report) {
        const length = report[3] ?? 0
        if (report.length === REPORT && length <= MOST_PAYLOAD)
          for (const byte of report.slice(4, 4 + length)) hear(byte)
      },
      unplugged() {
        session = undefined
        asked = false
        readOut = false
      },
      commands: {
        store: command(
          z.strictObject({ store: Store }),
          '{"store":{"value":7.4,"unit":"mmol/L","at":"2026-11-25T08:15:00","meal":"fasting"}}',
          ({ store }) => {
            const at = store.at ?? clock.read()
            const outside = typeof store.value === 'number' ? null : store.value
            const markers = [
              ...(outside ? [RANGE[outside].marker] : []),
              ...(store.control ? ['C'] : []),
              ...(store.meal ? [MEAL[store.meal].marker] : []),
              'M0',
              'T1',
            ]
            const value = outside ? OUTSIDE[store.unit][outside] : String(store.value)
            results.push({ value, unit: store.unit, markers, at })
            if (store.control) return { said: [] } // on the wire, but not a person's reading
            const spoken: Glucose = {
              kind: 'glucose',
              value: typeof store.value === 'number' ? store.value : null,
              unit: store.unit,
              range: outside && RANGE[outside].range,
              context: store.meal ? MEAL[store.meal].context : 'unknown',
              deviceTime: toMinute(at),
            }
            return { said: [spoken] }
          },
        ),
        serial: command(
          z.strictObject({
            serial: z.string().regex(/^\d{4}-? ?\w{1,9}$/, 'expected a serial number like 7390-0000001'),
          }),
          '{"serial":"7390-0000001"}',
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
