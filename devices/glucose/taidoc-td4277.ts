// TaiDoc TD-4277 and kin (GlucoRx Nexus, Fora) by the CP2110 in the meter, a UART behind HID. Asked packet by packet.
// Protocol: glucometer-protocols td42xx, glucometerutils and the Tidepool uploader, which agree on all but the type word: equality of its parts is followed. Never sent: 52, which erases the memory, and 33, which sets the clock.
import { fixedLength, hex, sum } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { deviceTime, type MealContext } from '../kit/event.ts'
import { type Link, LinkTimeout } from '../kit/link.ts'

const START = 0x51
const FROM_HOST = 0xa3
const FROM_METER = 0xa5
const PACKET = 8
const DIRECTION = 6

const CONNECT = 0x22
const CLOCK = 0x23
const MODEL = 0x24
const TIME = 0x25
const VALUE = 0x26
const SERIAL_LOW = 0x27
const SERIAL_HIGH = 0x28
const COUNT = 0x2b
const OFF = 0x50
const NOTICE = 0x54 // "entered communication mode", unasked: it takes the place of an answer

/** What the meter shows as a number; HI and LO come as numbers outside. It stores mg/dL whatever it shows. */
const MEASURES = { low: 20, high: 600 }
const STORED_UNIT = 'mg/dL'

const REPORT = 64 // its id, which is the number of data bytes, and up to 63 of them
const ANSWER_MS = 2000
const PACE_MS = 100
const WATCH_MS = 2000
const ATTEMPTS = 3

const question = (command: number, index = 0) => {
  const head = Uint8Array.of(START, command, index & 0xff, index >> 8, 0, 0, FROM_HOST)
  return Uint8Array.of(...head, sum(head))
}

const cutFrame = fixedLength(
  PACKET,
  [START],
  (frame) =>
    (frame[DIRECTION] === FROM_METER || frame[DIRECTION] === FROM_HOST) && sum(frame.subarray(0, -1)) === frame.at(-1),
)

/** Day, minute and hour as the meter packs them. */
function wallClock([low, high, minute, hour]: Uint8Array): string | null {
  const date = low! | (high! << 8)
  return deviceTime([2000 + (date >> 9), (date >> 5) & 0x0f, date & 0x1f], [hour! & 0x1f, minute! & 0x3f])
}

/** The type word: bits 15–14, bits 13–10, the strip's code. */
const MEALS = ['none', 'before', 'after'] as const
const CONTROL = 3
const ANALYTES: Record<number, [name: string, unit: string]> = {
  6: ['hematocrit', '%'],
  7: ['ketone', 'mmol/L'],
  8: ['uric acid', ''],
  9: ['cholesterol', ''],
  11: ['haemoglobin', ''],
  12: ['lactate', ''],
  13: ['triglyceride', ''],
}
const KETONE = 7
const KETONE_PARTS = 30 // of a mmol/L
const CONTEXTS: Record<(typeof MEALS)[number], MealContext> = {
  none: 'unknown',
  before: 'preMeal',
  after: 'postMeal',
}

interface Value extends Facts {
  kind: 'record-value'
  subtype: number
  value: number | null
  range: 'HI' | 'LO' | null
  control: boolean
  meal: (typeof MEALS)[number] | null
}
const isValue = (facts: Facts): facts is Value => facts.kind === 'record-value'

function value([low, high, typeLow, typeHigh]: Uint8Array): Value {
  const rawValue = low! | (high! << 8)
  const word = typeLow! | (typeHigh! << 8)
  const [type, subtype, stripCode] = [word >> 14, (word >> 10) & 0x0f, word & 0x3ff]
  const found = { kind: 'record-value', rawValue, type, subtype, stripCode, control: type === CONTROL } as const
  if (subtype !== 0) {
    const [analyte, unit] = ANALYTES[subtype] ?? ['unknown', '']
    return {
      ...found,
      analyte,
      unit,
      value: subtype === KETONE ? rawValue / KETONE_PARTS : rawValue,
      range: null,
      meal: null,
    }
  }
  const range = rawValue > MEASURES.high ? 'HI' : rawValue < MEASURES.low ? 'LO' : null
  return {
    ...found,
    analyte: 'glucose',
    unit: STORED_UNIT,
    value: range === null ? rawValue : null,
    range,
    meal: MEALS[type] ?? null,
  }
}

function answer(command: number, data: Uint8Array): Facts {
  switch (command) {
    case CONNECT:
      return { kind: 'connected' }
    case CLOCK:
      return { kind: 'clock', time: wallClock(data) }
    case MODEL:
      return { kind: 'model', model: hex(Uint8Array.of(data[1]!, data[0]!)) }
    case TIME:
      return { kind: 'record-time', time: wallClock(data) }
    case VALUE:
      return value(data)
    case SERIAL_LOW:
      return { kind: 'serial-low', half: hex(data.toReversed()) }
    case SERIAL_HIGH:
      return { kind: 'serial-high', half: hex(data.toReversed()) }
    case COUNT:
      return { kind: 'count', count: data[0]! | (data[1]! << 8) }
    case OFF:
      return { kind: 'power-off-ack' }
    case NOTICE:
      return { kind: 'notification' }
    default:
      throw new FrameError(`TaiDoc: an answer to command ${command.toString(16)}, which is not asked`)
  }
}

function parse(frame: Uint8Array): Facts {
  const command = frame[1]!
  const said = { command: command.toString(16).toUpperCase(), checksum: hex(frame.subarray(-1)).toUpperCase() }
  if (frame[DIRECTION] === FROM_HOST) return { kind: 'echo', ...said } // some links give back what the host sent
  return { ...answer(command, frame.subarray(2, DIRECTION)), ...said }
}

/** The answer to a question, past echoes and notices; null when none comes through every attempt. */
async function ask(link: Link, command: number, index = 0): Promise<Uint8Array | null> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++)
    try {
      await link.rest(PACE_MS)
      let frame = await link.ask(question(command, index), ANSWER_MS)
      while (frame[DIRECTION] === FROM_HOST || (frame[1] !== command && frame[1] !== NOTICE))
        frame = await link.receive(ANSWER_MS)
      if (frame[1] === command) return frame
    } catch (error) {
      if (!(error instanceof LinkTimeout)) throw error
    }
  return null
}

const last = (earlier: readonly Facts[], kind: string) => earlier.findLast((facts) => facts.kind === kind)

export default defineDriver({
  vendor: 'TaiDoc',
  models: ['TD-4277/TD-4235', 'TD-4279'],
  kind: 'glucose',
  transport: {
    type: 'hid',
    ids: [{ vendorId: 0x10c4, productId: 0xea80 }], // the chip's own, as it is sold: others may have it too
    reportLength: REPORT,
    numbered: true,
    // UART 19200 8N1, then on.
    setup: [Uint8Array.of(0x50, 0, 0, 0x4b, 0, 0, 0, 3, 0), Uint8Array.of(0x41, 1)],
    unwrap: ([id = 0, ...data]) => Uint8Array.from(data.slice(0, id < REPORT ? id : 0)),
    wrap(payload) {
      const reports: Uint8Array[] = []
      for (let at = 0; at < payload.length; at += REPORT - 1) {
        const part = payload.subarray(at, at + REPORT - 1)
        const report = new Uint8Array(REPORT)
        report.set([part.length, ...part])
        reports.push(report)
      }
      return reports
    },
  },
  check: 'sum',
  evidence: 'from notes',
  memory: true,
  cutFrame,
  parse,
  events(facts, earlier) {
    if (facts.kind === 'clock') {
      const [model, low, high] = ['model', 'serial-low', 'serial-high'].map((kind) => last(earlier, kind))
      const clock = typeof facts.time === 'string' ? facts.time : null
      const serial = low && high ? `${high.half}${low.half}` : null
      return [{ kind: 'device', model: model ? `TD-${model.model}` : null, serial, clock }]
    }
    if (!isValue(facts) || facts.subtype !== 0 || facts.control) return []
    // The value does not say which record it is of: only the time that came right before it is its own.
    const before = earlier.at(-1)
    const time = before?.kind === 'record-time' && typeof before.time === 'string' ? before.time : null
    const { value, range } = facts
    const outside = range && (range === 'HI' ? 'above' : 'below')
    const context = CONTEXTS[facts.meal ?? 'none']
    return [{ kind: 'glucose', value, unit: STORED_UNIT, range: outside, context, deviceTime: time }]
  },
  /** Reads the whole memory, then again whenever count or newest record change; ends when the meter is silent. */
  async *read(link) {
    let seen = ''
    while (true) {
      const counted = await ask(link, COUNT)
      if (!counted) return
      const count = Number(parse(counted).count)
      const newest = count > 0 ? [await ask(link, TIME), await ask(link, VALUE)] : []
      if (newest.includes(null)) return
      const now = [counted, ...newest].map((frame) => hex(frame!)).join() // a full memory keeps its count
      if (now !== seen) {
        const itself: Facts[] = []
        for (const command of [MODEL, SERIAL_LOW, SERIAL_HIGH]) {
          const frame = await ask(link, command)
          if (!frame) return
          itself.push(parse(frame))
        }
        const clock = await ask(link, CLOCK)
        if (!clock) return
        yield* link.tell(clock, itself)
        // All of it each time: equal records are told apart by counting them, so none may be left out.
        for (let index = 0; index < count; index++) {
          const time = await ask(link, TIME, index)
          const record = time && (await ask(link, VALUE, index))
          if (!record) return
          yield* link.tell(record, [parse(time)])
        }
        seen = now
      }
      await link.rest(WATCH_MS)
    }
  },
})
