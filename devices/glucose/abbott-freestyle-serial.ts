// Abbott FreeStyle Lite and Precision Xtra / FreeStyle Optium on their serial cables: the whole memory as one text with a sum.
// Protocol: glucometer-protocols freestyle-lite and freestyle-optium, Tidepool uploader, which agree but for the ketone limit. The older Optium Xceed speaks otherwise. Never sent: $tim, which sets the clock.
import { bytesOf, latin1, maskedFrame } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts, FrameError, type Part } from '../kit/driver.ts'
import { deviceTime, type Glucose } from '../kit/event.ts'
import { LinkTimeout } from '../kit/link.ts'

/** Each family knows one of them; the first command after a rest is sometimes passed over. */
const ASK_MEMORY = ['$mem\r\n', '$mem\r\n', '$xmem\r\n', '$xmem\r\n'].map(bytesOf)

const CR = 0x0d
const LF = 0x0a
const LONGEST = 1 << 16
const LONGEST_LINE = 64
const HEADER_LINES = 4

const SERIAL = /^[A-Z0-9-]{6,20}$/
const STAMP = /^([A-Z][a-z]{2}) {2}(\d\d) (\d{4})[ \t](\d\d):(\d\d):(\d\d)$/
const COUNT = /^(\d{3}|Log Empty)$/
const END = /^0x([0-9A-F]{4}) {2}END$/
const RECORD = /^(\d{3}|HI |LO ) {2}([A-Z][a-z]{2}[a-z ]) (\d\d) (\d{4}) (\d\d):(\d\d) (G|K|\d\d) 0x([0-9A-F]{2})$/
/** The answer to another program's `$colq`. */
const cutClock = maskedFrame('Clock:\t***  ## ####\t##:##:##\r\n', 8)
const CLOCK_LETTER = 0x43

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
/** Always mg/dL, whatever the display is set to: a property of these models. */
const STORED_UNIT = 'mg/dL'
const MEASURES = { low: 20, high: 500 }

const CONTROL = 0x01
const CLOCK_LOST = 0x02
const KNOWN = CONTROL | CLOCK_LOST

const ANSWER_MS = 10_000 // the whole memory comes as one text
const AGAIN_MS = 30_000

const checksum = (bytes: Uint8Array) =>
  bytes
    .reduce((all, byte) => (all + byte) & 0xffff, 0)
    .toString(16)
    .toUpperCase()
    .padStart(4, '0')

/** Line by line, so that what is no memory shows at its first wrong line. */
function cutFrame(bytes: Uint8Array): Cut {
  if (bytes[0] === CLOCK_LETTER) return cutClock(bytes)
  if (bytes[0] !== CR || (bytes[1] ?? LF) !== LF) return 'noise'
  let number = 0
  for (let at = 2; at < LONGEST; number++) {
    const line = bytes.subarray(at, at + LONGEST_LINE)
    const end = line.indexOf(CR)
    const wrong = number < HEADER_LINES - 1 ? 'noise' : 'refused'
    if (line.subarray(0, end < 0 ? undefined : end).some((byte) => byte < 0x20 || byte > 0x7e)) return wrong
    if (end < 0 || line.length < end + 2) return line.length < LONGEST_LINE ? 'more' : wrong
    if (line[end + 1] !== LF) return wrong
    const text = latin1(line.subarray(0, end))
    const shape = [SERIAL, /./, STAMP, COUNT][number]
    if (shape && !shape.test(text)) return wrong
    const [, sum] = END.exec(text) ?? []
    if (sum !== undefined && number >= HEADER_LINES)
      return sum === checksum(bytes.subarray(0, at)) ? { frame: at + end + 2 } : 'refused'
    at += end + 2
  }
  return 'refused'
}

function stampOf(text: string): string | null {
  const [, month, ...rest] = STAMP.exec(text) ?? []
  const [day, year, hour, minute, second] = rest.map(Number) as [number, number, number, number, number]
  return deviceTime([year, MONTHS.indexOf(month ?? '') + 1, day], [hour, minute, second])
}

interface Row {
  at: [number, number]
  line: string
}
interface Memory extends Facts {
  kind: 'session'
  serial: string
  deviceTime: string | null
  count: number
  rows: Row[]
}
const isMemory = (facts: Facts): facts is Memory => facts.kind === 'session'

function parse(frame: Uint8Array): Memory | Facts {
  const text = latin1(frame)
  if (text.startsWith('Clock')) return { kind: 'clock', time: stampOf(text.slice(7, -2)) }
  const rows: Row[] = []
  let at = 2
  for (const line of text.slice(2, -2).split('\r\n')) {
    rows.push({ at: [at, at + line.length], line })
    at += line.length + 2
  }
  const [serial, , stamp, count] = rows.map(({ line }) => line) as [string, string, string, string]
  const records = rows.slice(HEADER_LINES, -1)
  const counted = count === 'Log Empty' ? 0 : Number(count)
  if (counted !== records.length)
    throw new FrameError(`FreeStyle: ${counted} records announced, ${records.length} came`)
  const [, sum] = END.exec(rows.at(-1)!.line)!
  return { kind: 'session', serial, deviceTime: stampOf(stamp), count: counted, checksum: `0x${sum}`, rows: records }
}

/** Null for what is nobody's glucose: ketone, a control test. */
function glucose(line: string): Glucose | FrameError | null {
  const [, figure, month, day, year, hour, minute, type, statusText] = RECORD.exec(line) ?? []
  const status = Number.parseInt(statusText ?? '', 16)
  if (figure === undefined || ((status & 0x0f) | KNOWN) !== KNOWN)
    return new FrameError('FreeStyle: a record with a form or a mark that is not known')
  if (type === 'K' || status & CONTROL) return null
  const name = month!.trim().slice(0, 3)
  const full = name === 'Jun' ? 'June' : name === 'Jul' ? 'July' : `${name} ` // four characters each
  if (month !== full) return new FrameError('FreeStyle: a record without a month')
  const value = /\d/.test(figure) ? Number(figure) : null
  if (value !== null && (value < MEASURES.low || value > MEASURES.high))
    return new FrameError('FreeStyle: no number this meter measures')
  const time = deviceTime([Number(year), MONTHS.indexOf(name) + 1, Number(day)], [Number(hour), Number(minute)])
  return {
    kind: 'glucose',
    value,
    unit: STORED_UNIT,
    range: value !== null ? null : figure === 'HI ' ? 'above' : 'below',
    context: 'unknown',
    deviceTime: status & CLOCK_LOST ? null : time,
  }
}

export default defineDriver({
  vendor: 'Abbott',
  models: ['FreeStyle Lite / Freedom Lite', 'Precision Xtra / FreeStyle Optium'],
  kind: 'glucose',
  transport: {
    type: 'serial',
    baud: 19_200,
    ids: [0x3410, 0x3420].map((productId) => ({ vendorId: 0x1a61, productId })),
  },
  check: 'sum',
  evidence: 'from notes',
  memory: true,
  longestFrame: LONGEST,
  cutFrame,
  parse,
  events(facts) {
    if (!isMemory(facts)) return []
    const parts = facts.rows.flatMap(({ at, line }): Part[] => {
      const says = glucose(line)
      return says ? [{ kind: 'part', at, says }] : []
    })
    return [{ kind: 'device', model: null, serial: facts.serial, clock: facts.deviceTime }, ...parts]
  },
  /** All of it again and again: equal records are told apart by counting them. Ends when neither family answers. */
  async *read(link) {
    let silent = 0
    while (silent < ASK_MEMORY.length) {
      try {
        const frame = await link.ask(ASK_MEMORY[silent]!, ANSWER_MS)
        yield* link.tell(frame)
        await link.rest(AGAIN_MS)
      } catch (error) {
        if (!(error instanceof LinkTimeout)) throw error
        silent++
      }
    }
  },
})
