// Abbott FreeStyle InsuLinx and Precision/Optium Neo: text commands in 64-byte HID reports; the sums stand over a whole answer.
// Protocol: xclaesse/OpenGlucose insulinx captures, glucometer-protocols abbott, Tidepool uploader. The Libre reader speaks alike, but nobody has published a record of its memory: it is not claimed. Never sent: $date, and $time, which set the clock, and $ptname?, $ptid?, which are private.
import { bytesOf, hex, latin1, wholeReport } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError, type Told } from '../kit/driver.ts'
import { deviceTime, type Glucose } from '../kit/event.ts'
import { type Link, LinkTimeout } from '../kit/link.ts'

const REPORT = 64
const MOST = 62 // data bytes of one report
const TEXT = 0x60
const KEEP_ALIVE = 0x22 // comes at any time, in the middle of an answer too
const ERROR = 0x30

/** Questions before the first text, each with the type of its answer. */
const INIT: readonly [question: number, answer: number][] = [
  [0x04, 0x34],
  [0x05, 0x06], // serial number
  [0x15, 0x35],
  [0x01, 0x71],
]
const TYPES = [TEXT, KEEP_ALIVE, ERROR, ...INIT.map(([, answer]) => answer)]

/** The memory holds mg/dL whatever unit the display is set to: a property of these models. */
const STORED_UNIT = 'mg/dL'
const MEASURES = { low: 20, high: 500 }
const WORDS = { HI: 'above', LO: 'below' } as const

const ANSWER_MS = 2000
const AGAIN_MS = 10_000
const ATTEMPTS = 3
const LONGEST_ANSWER = 1 << 18

function report(type: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(REPORT)
  bytes.set([type, data.length, ...data])
  return bytes
}

const oneReport = wholeReport(REPORT, ([, length]) => length! <= MOST)

const dataOf = (frame: Uint8Array) => frame.subarray(2, 2 + frame[1]!)

/** 32-bit sum of all characters. */
const checksum = (text: string) =>
  (bytesOf(text).reduce((all, byte) => all + byte, 0) >>> 0).toString(16).toUpperCase().padStart(8, '0')

const TRAILER = /^(.*)CKSM:([0-9A-F]{8})\r\n(CMD OK|CMD Fail!)\r\n$/s
const RECORDS_END = /^(\d+),([0-9A-F]{8})\r\n$/
const EMPTY = 'Log Empty\r\n'

/** Month, day, two digits of the year, hour, minute; null while the meter's clock was never set. */
function timeOf([month, day, year, hour, minute]: readonly (string | undefined)[], valid = '1'): string | null {
  const numbers = [month, day, year, hour, minute].map((text) => (/^\d{1,2}$/.test(text ?? '') ? Number(text) : 99))
  const [m, d, y, h, min] = numbers as [number, number, number, number, number]
  return valid === '1' ? deviceTime([2000 + y, m, d], [h, min]) : null
}

interface Reading extends Facts {
  kind: 'reading'
  value: number | null
  range: 'HI' | 'LO' | null
  control: boolean | null
  time: string | null
}
const isReading = (facts: Facts): facts is Reading => facts.kind === 'reading'

function reading(fields: readonly string[], valueAt: number, control: boolean | null): Reading {
  const raw = fields[valueAt]!
  const range = raw === 'HI' || raw === 'LO' ? raw : null
  if (range === null && !/^\d{1,3}$/.test(raw))
    throw new FrameError('FreeStyle: expected a number, HI or LO as the result')
  return {
    kind: 'reading',
    analyte: 'glucose',
    recordType: Number(fields[0]),
    id: Number(fields[1]),
    time: timeOf(fields.slice(2, 7), fields[7]),
    value: range === null ? Number(raw) : null,
    unit: STORED_UNIT,
    range,
    control,
    fields: fields.length,
  }
}

/** What an InsuLinx marks in a result is not made out, a control test neither: only what published records hold is taken. */
const INSULINX_MARKS = '0,0,0,3,0,_,0,0'

function record(line: string): Facts {
  const fields = line.split(',')
  const [type, id] = fields
  const head = { recordType: Number(type), id: Number(id), fields: fields.length }
  const columns = (count: number) => {
    if (fields.length !== count)
      throw new FrameError(`FreeStyle: record type ${type} has ${count} columns, not ${fields.length}`)
  }
  switch (type) {
    case '0':
      columns(16)
      if (fields.slice(8).with(5, '_').join() !== INSULINX_MARKS)
        throw new FrameError('FreeStyle: an InsuLinx result with marks nobody has published')
      return reading(fields, 13, null)
    case '7':
      columns(19)
      if (fields[10] !== '0' && fields[10] !== '1') throw new FrameError('FreeStyle: no mark of a control test')
      return reading(fields, 8, fields[10] === '0')
    case '6':
      columns(13)
      return { ...head, kind: 'clock-change', newTime: timeOf(fields.slice(2)), oldTime: timeOf(fields.slice(8)) }
    case '9':
      return { ...head, kind: 'ketone', time: timeOf(fields.slice(2, 7), fields[7]), rawValue: fields[8] }
    case '4':
    case '10':
    case '11':
      return { ...head, kind: 'event', time: timeOf(fields.slice(2, 7), fields[7]) }
    default:
      throw new FrameError('FreeStyle: a record of unknown type')
  }
}

/** What the text of one report says; an answer may go on over many. */
function textFacts(text: string): Facts {
  const [, body, sum, status] = TRAILER.exec(text) ?? []
  if (body === undefined) {
    const [line = '', behind] = text.split('\r\n')
    return behind === '' && /^\d/.test(line) ? record(line) : { kind: 'text part' }
  }
  const end = { checksum: sum, status }
  if (status !== 'CMD OK') return { kind: 'text-error', ...end }
  const [, count, recordsChecksum] = RECORDS_END.exec(body) ?? []
  if (count !== undefined) return { kind: 'text-end', recordCount: Number(count), recordsChecksum, ...end }
  if (body === EMPTY) return { kind: 'empty', ...end }
  if (checksum(body) !== sum) return { kind: 'text part' } // the end of a longer answer, or damaged: it says nothing alone
  const numbers = /^\d+(,\d+){1,2}\r\n$/.test(body) ? body.trim().split(',') : []
  if (numbers.length === 3)
    return { kind: 'clock-date', body, date: timeOf([...numbers, '0', '0'])?.slice(0, 10) ?? null, ...end }
  if (numbers.length === 2)
    return { kind: 'clock-time', body, time: timeOf(['1', '1', '0', ...numbers])?.slice(11) ?? null, ...end }
  return { kind: 'text', body, ...end }
}

function parse(frame: Uint8Array): Facts {
  const [code] = frame
  const data = dataOf(frame)
  const type = code!.toString(16).padStart(2, '0')
  const word = latin1(data).replace(/\0$/, '')
  switch (code) {
    case TEXT:
      return textFacts(latin1(data))
    case KEEP_ALIVE:
      return { kind: 'keep-alive', type, value: hex(data) }
    case ERROR:
      return { kind: 'error', type, code: hex(data) }
    case 0x06:
      return { kind: 'serial', type, serial: word }
    case 0x35:
      return { kind: 'version', type, version: word }
    default:
      return { kind: code === 0x34 ? 'init-04-reply' : 'init-ok', type, value: hex(data) }
  }
}

/** The next report that is no keep-alive, of that type; LinkTimeout otherwise. */
async function next(link: Link, type: number, first?: Uint8Array): Promise<Uint8Array> {
  let frame = first ?? (await link.receive(ANSWER_MS))
  while (frame[0] === KEEP_ALIVE) frame = await link.receive(ANSWER_MS)
  if (frame[0] !== type) throw new LinkTimeout(`FreeStyle: a report of type ${frame[0]}, expected ${type}`)
  return frame
}

/** Null when it fails through every attempt. */
async function again<T>(attempt: () => Promise<T>): Promise<T | null> {
  for (let left = ATTEMPTS; left > 0; left--)
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof LinkTimeout || error instanceof FrameError)) throw error
    }
  return null
}

/** The body of the answer to a text command, proven by its sum. */
async function answerTo(link: Link, command: string): Promise<string> {
  let frame = await next(link, TEXT, await link.ask(report(TEXT, bytesOf(command)), ANSWER_MS))
  let text = latin1(dataOf(frame))
  while (!/CMD (OK|Fail!)\r\n$/.test(text.slice(-12))) {
    frame = await next(link, TEXT)
    text += latin1(dataOf(frame))
    if (text.length > LONGEST_ANSWER) throw new FrameError('FreeStyle: an answer without end')
  }
  const [, body = '', sum, status] = TRAILER.exec(text) ?? []
  if (status !== 'CMD OK') throw new FrameError(`FreeStyle: the meter refused ${command}`)
  if (sum !== checksum(body)) throw new FrameError('FreeStyle: the sum of the answer is wrong')
  return body
}

/** The lines of the memory, newest first, proven by the sum and the count over them. */
function recordLines(body: string): string[] {
  if (body === EMPTY) return []
  const lines = body.split('\r\n').slice(0, -1) // at CR LF only: a lone LF occurs inside
  const [, count, sum] = RECORDS_END.exec(`${lines.pop()}\r\n`) ?? []
  if (Number(count) !== lines.length || sum !== checksum(lines.map((line) => `${line}\r\n`).join('')))
    throw new FrameError('FreeStyle: the sum or the count of the records is wrong')
  return lines
}

export default defineDriver({
  vendor: 'Abbott',
  models: ['FreeStyle InsuLinx', 'FreeStyle Precision/Optium Neo'],
  kind: 'glucose',
  transport: {
    type: 'hid',
    ids: [0x3450, 0x3460, 0x3850].map((productId) => ({ vendorId: 0x1a61, productId })),
    reportLength: REPORT,
    aligned: true,
    unwrap: (bytes) => bytes.slice().fill(0, 2 + bytes[1]!), // what stands behind is left over from earlier answers
    wrap(payload) {
      const reports: Uint8Array[] = []
      for (let at = 0; at < payload.length; at += REPORT) {
        const bytes = new Uint8Array(REPORT)
        bytes.set(payload.subarray(at, at + REPORT))
        reports.push(bytes)
      }
      return reports
    },
  },
  check: 'sum',
  checkCovers: 'answer',
  evidence: 'recorded',
  memory: true,
  cutFrame: (bytes) => (TYPES.includes(bytes[0]!) ? oneReport(bytes) : 'noise'),
  parse,
  events(facts, earlier) {
    if (facts.kind === 'clock-time') {
      const latest = (kind: string) => earlier.findLast((f) => f.kind === kind)
      const [date, serial] = [latest('clock-date')?.date, latest('serial')?.serial]
      const clock = typeof date === 'string' && typeof facts.time === 'string' ? `${date}T${facts.time}` : null
      return [{ kind: 'device', model: null, serial: typeof serial === 'string' && serial ? serial : null, clock }]
    }
    if (!isReading(facts) || facts.control === true) return []
    const { value, range, time } = facts
    if (value !== null && (value < MEASURES.low || value > MEASURES.high))
      throw new FrameError('FreeStyle: no number this meter measures')
    const said: Glucose = {
      ...{ kind: 'glucose', value, unit: STORED_UNIT, range: range && WORDS[range], context: 'unknown' },
      deviceTime: time,
    }
    return [said]
  },
  /** Reads the whole memory, then again whenever it has changed; ends when the meter is silent. */
  async *read(link) {
    let seen: string | null = null
    let serial: Facts | null = null
    for (const [question, type] of INIT) {
      const frame = await again(async () => next(link, type, await link.ask(report(question), ANSWER_MS)))
      if (!frame) return
      if (type === 0x06) serial = parse(frame)
    }
    while (true) {
      const body = await again(() => answerTo(link, '$result?').then((text) => ({ text, lines: recordLines(text) })))
      if (!body) return
      if (body.text !== seen) {
        const date = await again(() => answerTo(link, '$date?'))
        const time = date && (await again(() => answerTo(link, '$time?')))
        if (!time) return
        const asReport = (text: string) => {
          const line = `${text.trim()}\r\n`
          return report(TEXT, bytesOf(`${line}CKSM:${checksum(line)}\r\nCMD OK\r\n`))
        }
        yield* link.tell(asReport(time), [serial!, parse(asReport(date))])
        for (const line of body.lines) yield* told(link, line)
        seen = body.text
      }
      await link.rest(AGAIN_MS)
    }
  },
})

/** A line as the report that would hold it alone; one that is too long for that is nonsense, and refused as such. */
const told = (link: Link, line: string): Told[] => link.tell(report(TEXT, bytesOf(`${line.slice(0, MOST - 2)}\r\n`)))
