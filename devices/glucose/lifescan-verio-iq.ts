// LifeScan OneTouch Verio IQ on its USB-serial bridge. Asked record by record; no acknowledgements.
// Protocol: Doume/Glucometer trace_verio.txt, glucometer-protocols onetouch-verio-iq. Never sent: 03 1A, which erases the memory, and 03 20 01, which sets the clock.
import { fromHex, hex, latin1 } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import type { MealContext } from '../kit/event.ts'
import { cutPacket, packet, payloadOf, view, wallClock } from '../kit/lifescan.ts'
import { type Link, LinkTimeout } from '../kit/link.ts'

const ASK_SERIAL = fromHex('03 0B 01 02')
const ASK_CLOCK = fromHex('03 20 02')
const ASK_COUNT = fromHex('03 27 00')
const askRecord = (index: number) => Uint8Array.of(0x03, 0x21, index & 0xff, index >> 8) // 0 = newest

const EPOCH_MS = Date.UTC(2000, 0, 1)
/** The memory holds mg/dL whatever unit the display is set to: a property of the model. */
const STORED_UNIT = 'mg/dL'
/** HI and LO come as numbers outside what the meter measures. From its manual: nobody has published such a frame. */
const MEASURES = { low: 20, high: 600 }

const ANSWER_MS = 500
const PACE_MS = 20
const WATCH_MS = 1000
const ATTEMPTS = 3

const MEALS = ['none', 'before', 'after'] as const
const CONTEXTS: Record<(typeof MEALS)[number], MealContext> = {
  none: 'unknown',
  before: 'preMeal',
  after: 'postMeal',
}

interface Reading extends Facts {
  kind: 'reading'
  value: number | null
  range: 'HI' | 'LO' | null
  time: string | null
  control: boolean
  meal: (typeof MEALS)[number]
}
const isReading = (facts: Facts): facts is Reading => facts.kind === 'reading'

function reading(body: Uint8Array): Reading {
  const rawTime = view(body).getUint32(0, true)
  const rawValue = view(body).getUint16(4, true)
  const [control, meal] = [body[6]!, MEALS[body[7]!]]
  if (control > 1 || meal === undefined) throw new FrameError('Verio IQ: no mark of control or meal this meter has')
  const range = rawValue > MEASURES.high ? 'HI' : rawValue < MEASURES.low ? 'LO' : null
  return {
    kind: 'reading',
    analyte: 'glucose',
    rawTime,
    time: wallClock(rawTime, EPOCH_MS),
    rawValue,
    value: range === null ? rawValue : null,
    unit: STORED_UNIT,
    range,
    control: control === 1,
    meal,
  }
}

/** What the payload says. The protocol names no answer: kind follows from status and shape. */
function answer(payload: Uint8Array): Facts {
  const [prefix, status] = payload
  const body = payload.subarray(2)
  if (prefix !== 0x03) throw new FrameError(`Verio IQ: answer begins with ${prefix}, expected 3`)
  if (status === undefined) throw new FrameError('Verio IQ: an answer without status')
  if (status !== 0x06) return { kind: 'error', status }
  if (body.length === 0) return { kind: 'ok' }
  if (body.length === 2) return { kind: 'count', count: view(body).getUint16(0, true) }
  if (body.length === 4) {
    const raw = view(body).getUint32(0, true)
    // Only a display unit is this small; as a clock it would be the first second of 2000.
    if (raw <= 1) return { kind: 'unit', rawUnit: raw, displayUnit: raw === 0 ? 'mg/dL' : 'mmol/L' }
    return { kind: 'clock', raw, time: wallClock(raw, EPOCH_MS) }
  }
  if (body.length === 5 && body[0] === 1)
    return { kind: 'targets', low: view(body).getUint16(1, true), high: view(body).getUint16(3, true) }
  if (body.length === 10 && body[8] === 0 && body[9] === 0) return reading(body)
  const text = latin1(body)
  const [word = ''] = text.split('\0')
  if (body[0] === body.length - 2 && text.endsWith('\0')) return { kind: 'version', version: text.slice(1, -1) }
  if (/^[A-Z0-9]{6,}$/.test(word) && word.length === body.length - 1) return { kind: 'serial', serial: word }
  if (word.startsWith('Verio')) return { kind: 'model', model: word } // what stands behind it nobody has made out
  throw new FrameError('Verio IQ: an answer that is no count, reading, clock, unit, target, version, model or serial')
}

const parse = (frame: Uint8Array): Facts => ({ ...answer(payloadOf(frame)), crc: hex(frame.subarray(-2)) })

/** The answer to a question, asked again while another kind comes; null when none comes through every attempt. */
async function ask(link: Link, payload: Uint8Array, kind: string): Promise<Uint8Array | null> {
  let last: Uint8Array | null = null
  for (let attempt = 0; attempt < ATTEMPTS; attempt++)
    try {
      await link.rest(PACE_MS)
      last = await link.ask(packet(0, payload), ANSWER_MS)
      if (parse(last).kind === kind) return last
    } catch (error) {
      if (!(error instanceof LinkTimeout || error instanceof FrameError)) throw error
    }
  return kind === 'reading' ? last : null // a record that stays nonsense is refused, and the others are read
}

export default defineDriver({
  vendor: 'LifeScan',
  models: ['OneTouch Verio IQ'],
  kind: 'glucose',
  transport: { type: 'serial', baud: 38_400, ids: [{ vendorId: 0x10c4, productId: 0x85a7 }] },
  check: 'crc16',
  evidence: 'recorded',
  memory: true,
  cutFrame: cutPacket(1), // no link layer: always 00
  parse,
  events(facts, earlier) {
    if (facts.kind === 'clock') {
      const serial = earlier.findLast((f) => f.kind === 'serial')?.serial
      const clock = typeof facts.time === 'string' ? facts.time : null
      return [{ kind: 'device', model: 'OneTouch Verio IQ', serial: typeof serial === 'string' ? serial : null, clock }]
    }
    if (!isReading(facts) || facts.control) return []
    const { value, range, time, meal } = facts
    const outside = range && (range === 'HI' ? 'above' : 'below')
    return [{ kind: 'glucose', value, unit: STORED_UNIT, range: outside, context: CONTEXTS[meal], deviceTime: time }]
  },
  /** Reads the whole memory, then again whenever count or newest record change; ends when the meter is silent. */
  async *read(link) {
    let seen = ''
    while (true) {
      const counted = await ask(link, ASK_COUNT, 'count')
      if (!counted) return
      const count = Number(parse(counted).count)
      const newest = count === 0 ? null : await ask(link, askRecord(0), 'reading')
      if (count > 0 && !newest) return
      const now = hex(payloadOf(counted)) + (newest ? hex(payloadOf(newest)) : '') // a full memory keeps its count
      if (now !== seen) {
        const serial = await ask(link, ASK_SERIAL, 'serial')
        const clock = serial && (await ask(link, ASK_CLOCK, 'clock'))
        if (!clock) return
        yield* link.tell(clock, [parse(serial)])
        // All of it each time: equal records are told apart by counting them, so none may be left out.
        for (let index = 0; index < count; index++) {
          const record = await ask(link, askRecord(index), 'reading')
          if (!record) return
          yield* link.tell(record)
        }
        seen = now
      }
      await link.rest(WATCH_MS)
    }
  },
})
