// Menarini GlucoMen areo by its serial cable: the whole memory in one message of lines, each in the meter's own unit.
// Protocol: glucometer-protocols glucomen-areo, glucometerutils: one source, worked out from a meter. How it marks HI, LO and a control test nobody has told: a line with any mark but those known is refused. Never sent: C2 A1, which sets the clock.
import { crc8, latin1 } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts, FrameError, type Part } from '../kit/driver.ts'
import { deviceTime, type Glucose, type MealContext } from '../kit/event.ts'
import { LinkTimeout } from '../kit/link.ts'

const ASK_READINGS = Uint8Array.of(0x80)
const OPEN = '[\r\n'
const CLOSE = /^([0-9A-F]{2})\r\n\]\r\n$/
const CLOSE_LENGTH = 7
const EMPTY = '[\r\n\x90=\r\n]\r\n'
const ACCEPTED = 0x50 // `P`: a clock was set, never by us

const LONGEST = 1 << 16
const LONGEST_LINE = 64
const CR = 0x0d
const BRACKET = 0x5d

const LINE = /^Glu,(\d{1,2}\.\d|\d{1,3}),(mmol\/L|mg\/dL),(\d\d),(\d\d)(\d\d)(\d\d),(\d\d)(\d\d)$/
const MEALS: Record<string, readonly [meal: string, context: MealContext]> = {
  '00': ['none', 'unknown'],
  '02': ['before', 'preMeal'],
  '04': ['after', 'postMeal'],
  '08': ['exercise', 'unknown'],
}

const ANSWER_MS = 10_000 // the whole memory comes as one message
const ATTEMPTS = 3
const AGAIN_MS = 30_000

/** How far the bytes are the text: whole, a beginning of it, or not. */
const beginsAs = (bytes: Uint8Array, text: string) => text.startsWith(latin1(bytes.subarray(0, text.length)))

/** Line by line, so that what is no message shows at its first wrong line. */
function cutFrame(bytes: Uint8Array): Cut {
  if (bytes[0] === ACCEPTED) return { frame: 1 }
  if (!beginsAs(bytes, OPEN)) return 'noise'
  if (bytes.length > OPEN.length && beginsAs(bytes, EMPTY))
    return bytes.length < EMPTY.length ? 'more' : { frame: EMPTY.length }
  for (let at = OPEN.length; at < LONGEST; ) {
    const line = bytes.subarray(at, at + LONGEST_LINE)
    const end = line.indexOf(CR)
    if (line.subarray(0, end < 0 ? undefined : end).some((byte) => byte < 0x20 || byte > 0x7e)) return 'refused'
    if (end < 0 || line.length < end + 2) return line.length < LONGEST_LINE ? 'more' : 'refused'
    if (line[end + 1] !== 0x0a) return 'refused'
    if (end === 2 && (line[4] === undefined || line[4] === BRACKET)) {
      if (line.length < CLOSE_LENGTH) return 'more'
      const [, sum] = CLOSE.exec(latin1(line.subarray(0, CLOSE_LENGTH))) ?? []
      return sum === hexOf(crc8(bytes.subarray(0, at))) ? { frame: at + CLOSE_LENGTH } : 'refused'
    }
    if (!beginsAs(line, 'Glu,')) return 'refused'
    at += end + 2
  }
  return 'refused'
}
const hexOf = (crc: number) => crc.toString(16).toUpperCase().padStart(2, '0')

interface Row {
  at: [number, number]
  line: string
}
const isMemory = (facts: Facts): facts is Facts & { rows: Row[] } => facts.kind === 'session'

function parse(frame: Uint8Array): Facts {
  const text = latin1(frame)
  if (frame.length === 1) return { kind: 'status' }
  if (text === EMPTY) return { kind: 'empty' }
  const rows: Row[] = []
  let at = OPEN.length
  for (const line of text.slice(OPEN.length, -CLOSE_LENGTH).split('\r\n').slice(0, -1)) {
    rows.push({ at: [at, at + line.length], line })
    at += line.length + 2
  }
  return { kind: 'session', crc8: text.slice(-CLOSE_LENGTH, -CLOSE_LENGTH + 2), rows }
}

function glucose(line: string): Glucose | FrameError {
  const [, figure, unit, mark, ...digits] = LINE.exec(line) ?? []
  const meal = MEALS[mark ?? '']
  if (figure === undefined || !meal) return new FrameError('areo: a line with a form or a mark that is not known')
  const [year, month, day, hour, minute] = digits.map(Number) as [number, number, number, number, number]
  return {
    kind: 'glucose',
    value: Number(figure),
    unit: unit === 'mg/dL' ? 'mg/dL' : 'mmol/L',
    range: null,
    context: meal[1],
    deviceTime: deviceTime([2000 + year, month, day], [hour, minute]),
  }
}

export default defineDriver({
  vendor: 'Menarini',
  models: ['GlucoMen areo'],
  kind: 'glucose',
  // A CP2103 with the maker's own id: meters of others hang on the same, so it is no sign of this one.
  transport: { type: 'serial', baud: 9600, parity: 'odd' },
  check: 'crc8',
  evidence: 'from notes',
  memory: true,
  longestFrame: LONGEST,
  cutFrame,
  parse,
  events(facts) {
    if (facts.kind === 'empty' || isMemory(facts)) {
      const rows = isMemory(facts) ? facts.rows : []
      const parts = rows.map(({ at, line }): Part => ({ kind: 'part', at, says: glucose(line) }))
      return [{ kind: 'device', model: 'GlucoMen areo', serial: null, clock: null }, ...parts]
    }
    return []
  },
  /** All of it, and again when it has changed; ends when the meter is silent. */
  async *read(link) {
    let seen = ''
    for (let silent = 0; silent < ATTEMPTS; ) {
      try {
        const frame = await link.ask(ASK_READINGS, ANSWER_MS)
        silent = 0
        if (latin1(frame) !== seen) yield* link.tell(frame)
        seen = latin1(frame)
        await link.rest(AGAIN_MS)
      } catch (error) {
        if (!(error instanceof LinkTimeout)) throw error
        silent++
      }
    }
  },
})
