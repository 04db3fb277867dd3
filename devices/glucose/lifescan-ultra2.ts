// LifeScan OneTouch Ultra and Ultra 2 on the serial cable: text lines, each with its own sum. Asked for the whole memory at once.
// Protocol: Doume/Glucometer trace_ultra.txt, glucometer-protocols onetouch-ultra2. Never sent: DMZ, which erases the memory, DMT, which sets the clock, and a LF.
import { bytesOf, latin1 } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts, FrameError, type Told } from '../kit/driver.ts'
import { deviceTime, type Glucose, type MealContext } from '../kit/event.ts'
import { type Link, LinkTimeout } from '../kit/link.ts'

const WAKE = bytesOf('\x11\r')
const ASK = { serial: bytesOf('DM@'), clock: bytesOf('DMF'), dump: bytesOf('DMP') }

/** Letters that answers begin with: each is the last letter of its question. */
const LETTERS = bytesOf('?@FPST')
const LONGEST = 80
const CHECKED = -7 // a space, four hex digits and CR LF stand behind the checked characters
const VERSION = 0x3f // its answer alone has no space behind the letter
const SPACE = 0x20
const CR = 0x0d
const LF = 0x0a

/** The memory holds mg/dL whatever unit the display is set to: a property of the model. */
const STORED_UNIT = 'mg/dL'
const MEASURES = { low: 20, high: 600 }

const WAKE_MS = 200
const ANSWER_MS = 2000
const LINE_MS = 5000 // a long memory is sent with pauses
const ATTEMPTS = 3
const AGAIN_MS = 30_000

const checksum = (text: Uint8Array) => text.reduce((all, byte) => (all + byte) & 0xffff, 0)
const asHex = (sum: number) => sum.toString(16).toUpperCase().padStart(4, '0')

/** A line from its letter to CR LF whose sum is right; of any other character it shows at once that it is none. */
function cutFrame(bytes: Uint8Array): Cut {
  const [letter, second = SPACE] = bytes
  if (!LETTERS.includes(letter!) || (letter !== VERSION && second !== SPACE)) return 'noise'
  for (let at = 1; at < LONGEST; at++) {
    const byte = bytes[at]
    if (byte === undefined) return 'more'
    if (byte === CR) {
      if (bytes.length === at + 1) return 'more'
      const frame = bytes.subarray(0, at + 2)
      const good = bytes[at + 1] === LF && latin1(frame.subarray(CHECKED)) === ` ${asHex(sumOf(frame))}\r\n`
      return good ? { frame: frame.length } : 'refused'
    }
    if (byte < 0x20 || byte > 0x7e) return 'refused'
  }
  return 'refused'
}
const sumOf = (frame: Uint8Array) => checksum(frame.subarray(0, CHECKED))

const HEADER = /^P (\d{3}),"(\w*)","(MG\/DL |MMOL\/L)"$/
const RECORD = /^P "[A-Z]{3}","(\d\d)\/(\d\d)\/(\d\d)","(\d\d):(\d\d):(\d\d) {3}","(.{6})",(?:"([NBA])","(\d\d)",)? 00$/
const CLOCK = /^F "[A-Z]{3}","(\d\d)\/(\d\d)\/(\d\d)","(\d\d):(\d\d):(\d\d) {3}"$/
const COMMENTS = [
  ...['none', 'not enough food', 'too much food', 'mild exercise', 'hard exercise', 'medication', 'stress', 'illness'],
  ...['feel hypo', 'menses', 'vacation', 'other'],
]
const MEALS = { N: 'none', B: 'before', A: 'after' } as const
const CONTEXTS: Record<string, MealContext> = { before: 'preMeal', after: 'postMeal' }

/** Month, day and two digits of the year stand first, as the meter writes them. */
function timeOf([month, day, year, hour, minute, second]: readonly number[]): string | null {
  return deviceTime([2000 + year!, month!, day!], [hour!, minute!, second])
}

interface Reading extends Facts {
  kind: 'reading'
  value: number | null
  range: 'HI' | null
  time: string | null
  control: boolean
  parityError: boolean
  meal: 'none' | 'before' | 'after' | null
}
const isReading = (facts: Facts): facts is Reading => facts.kind === 'reading'

/**
 * Six characters: a mark, the figure, a mark. `C` is a control test; one program knows `K` for it in Swedish and German meters,
 * `!` for a check strip and `I` for insulin, so with any mark but a space it is nobody's blood.
 */
function result(text: string): Pick<Reading, 'value' | 'range' | 'control' | 'parityError'> {
  if (text.trim() === 'HIGH') return { value: null, range: 'HI', control: false, parityError: false }
  const [, mark, figure, parity] = /^([ CK!I]) (\d{3})([ ?])$/.exec(text) ?? []
  if (figure === undefined) throw new FrameError('Ultra: expected a figure of three digits as the result')
  return { value: Number(figure), range: null, control: mark !== ' ', parityError: parity === '?' }
}

function answer(text: string): Facts {
  const letter = text[0]!
  if (letter === '?') return { kind: 'version', version: text.slice(1).split(' ')[0] }
  if (letter === '@') {
    const [, serial] = /^@ "(\w+)"$/.exec(text) ?? []
    if (serial === undefined) throw new FrameError('Ultra: expected a serial number between quotes')
    return { kind: 'serial', serial }
  }
  if (letter === 'F') {
    const digits = CLOCK.exec(text)?.slice(1).map(Number)
    if (!digits) throw new FrameError('Ultra: expected a clock')
    return { kind: 'clock', time: timeOf(digits) }
  }
  if (text === letter) return { kind: 'status', command: letter }
  const header = HEADER.exec(text)
  if (header)
    return {
      kind: 'dump-header',
      count: Number(header[1]),
      serial: header[2],
      displayUnit: header[3] === 'MMOL/L' ? 'mmol/L' : 'mg/dL',
    }
  const record = RECORD.exec(text)
  if (!record) throw new FrameError('Ultra: a line that is no header, record, clock, version or serial number')
  const meal = record[8] as keyof typeof MEALS | undefined
  const comment = record[9]
  return {
    kind: 'reading',
    analyte: 'glucose',
    time: timeOf(record.slice(1, 7).map(Number)),
    unit: STORED_UNIT,
    ...result(record[7]!),
    meal: meal ? MEALS[meal] : null,
    ...(comment !== undefined && { commentCode: comment, comment: COMMENTS[Number(comment)] ?? null }),
  }
}

const parse = (frame: Uint8Array): Facts => ({
  ...answer(latin1(frame.subarray(0, CHECKED))),
  checksum: latin1(frame.subarray(CHECKED + 1, -2)),
})

function glucose({ value, range, parityError, meal, time }: Reading): Glucose {
  if (parityError) throw new FrameError('Ultra: the meter itself doubts this record (parity of its memory)')
  if (value !== null && (value < MEASURES.low || value > MEASURES.high))
    throw new FrameError('Ultra: no number this meter measures')
  return {
    kind: 'glucose',
    value,
    unit: STORED_UNIT,
    range: range && 'above',
    context: CONTEXTS[meal ?? ''] ?? 'unknown',
    deviceTime: time,
  }
}

/** The first answer of that kind; null when none comes through every attempt. */
async function ask(link: Link, question: Uint8Array, kind: string): Promise<Uint8Array | null> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++)
    try {
      await link.send(WAKE)
      await link.rest(WAKE_MS)
      const frame = await link.ask(question, ANSWER_MS)
      if (parse(frame).kind === kind) return frame
    } catch (error) {
      if (!(error instanceof LinkTimeout || error instanceof FrameError)) throw error
    }
  return null
}

/** One pass through the memory; a dump that breaks off is asked for again. Null when the meter is silent. */
async function dump(link: Link): Promise<Told[] | null> {
  let told: Told[] | null = null
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const header = await ask(link, ASK.dump, 'dump-header')
    if (!header) return told
    told = []
    try {
      for (let left = Number(parse(header).count); left > 0; left--)
        told.push(...link.tell(await link.receive(LINE_MS)))
      return told
    } catch (error) {
      if (!(error instanceof LinkTimeout)) throw error
    }
  }
  return told // what could be read: a line that is damaged each time takes no other along
}

export default defineDriver({
  vendor: 'LifeScan',
  models: ['OneTouch Ultra', 'OneTouch Ultra 2'],
  kind: 'glucose',
  transport: { type: 'serial', baud: 9600 },
  check: 'sum',
  evidence: 'recorded',
  memory: true,
  cutFrame,
  parse,
  events(facts, earlier) {
    if (isReading(facts)) return facts.control ? [] : [glucose(facts)]
    if (facts.kind !== 'clock') return []
    const serial = earlier.findLast((f) => f.kind === 'serial')?.serial
    const clock = typeof facts.time === 'string' ? facts.time : null
    return [{ kind: 'device', model: null, serial: typeof serial === 'string' ? serial : null, clock }]
  },
  /** All of it each time: equal records are told apart by counting them. Ends when the meter is silent. */
  async *read(link) {
    while (true) {
      const serial = await ask(link, ASK.serial, 'serial')
      const clock = serial && (await ask(link, ASK.clock, 'clock'))
      const told = clock && (await dump(link))
      if (!told) return
      yield* link.tell(clock, [parse(serial)])
      yield* told
      await link.rest(AGAIN_MS)
    }
  },
})
