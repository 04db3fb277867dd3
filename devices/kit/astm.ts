// ASTM E1381 frames and E1394 records as the Contour meters speak them, and the host's side of a session.
// Source: Bayer meter interface specification 99993952 Rev C. One record a frame, ETB on all of them but the last.
import { delimited, latin1, sum } from './bytes.ts'
import { type Cut, type Facts, FrameError, type Told } from './driver.ts'
import { type DeviceInfo, deviceTime, type Glucose, type MealContext } from './event.ts'
import { type Link, LinkTimeout } from './link.ts'

const STX = 0x02
const ETX = 0x03
const EOT = 0x04
const ENQ = 0x05
export const ACK = 0x06
export const NAK = 0x15
const ETB = 0x17
const CR = 0x0d
const CONTROL = new Map([
  [EOT, 'EOT'],
  [ENQ, 'ENQ'],
  [ACK, 'ACK'],
  [NAK, 'NAK'],
])
const CHECKED = -4 // C1 C2 CR LF stand behind the checked bytes

/** Sum from the frame number to ETB or ETX, as the two upper-case hex digits the wire carries. */
const checksum = (frame: Uint8Array) => sum(frame.subarray(1, CHECKED)).toString(16).toUpperCase().padStart(2, '0')

const cutRecord = delimited({
  start: [STX],
  text: (byte) => byte === CR || (byte >= 0x20 && byte !== 0x7f),
  ends: [ETB, ETX],
  trailer: 4,
  longest: 1024, // the standard says 247; the Next family's header with its language list comes close
  good: (frame) => latin1(frame.subarray(CHECKED)) === `${checksum(frame)}\r\n`,
})

/** A control character on its own is a frame; a record is one when its sum is right. */
export function cutFrame(bytes: Uint8Array): Cut {
  const [first, frameNumber] = bytes
  if (first !== undefined && CONTROL.has(first)) return { frame: 1 }
  if (frameNumber !== undefined && (frameNumber < 0x30 || frameNumber > 0x37)) return 'noise'
  return cutRecord(bytes)
}

/** What the frame says beside its record. */
export interface FrameFacts extends Facts {
  frameNumber: number
  terminator: 'ETB' | 'ETX'
  checksum: string
}

/** The record of a frame: its fields (field 1, the letter, at index 0) and what the frame itself says. */
export function readFrame(frame: Uint8Array): { control: string } | { fields: string[]; frame: FrameFacts } {
  const control = frame.length === 1 ? CONTROL.get(frame[0]!) : undefined
  if (control !== undefined) return { control }
  const text = latin1(frame.subarray(2, CHECKED - 1))
  const fields = text.replace(/\r$/, '').split('|')
  if (text.includes('\r') && text.indexOf('\r') !== text.length - 1)
    throw new FrameError('ASTM: two records in one frame')
  if (fields[0] === 'H' && fields[1] !== '\\^&')
    throw new FrameError('ASTM: the header declares delimiters other than | \\ ^ &')
  return {
    fields,
    frame: {
      kind: 'record',
      frameNumber: frame[1]! - 0x30,
      terminator: frame.at(CHECKED - 1) === ETX ? 'ETX' : 'ETB',
      checksum: checksum(frame),
    },
  }
}

/** A 12- or 14-digit time as a wall clock; null when absent or no such date. */
export function astmTime(text: string | undefined): string | null {
  const digits = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?$/.exec(text ?? '')
  if (!digits) return null
  const [year, month, day, hour, minute] = digits.slice(1, 6).map(Number)
  return deviceTime([year!, month!, day!], [hour!, minute!, digits[6] === undefined ? undefined : Number(digits[6])])
}

export interface Header extends Facts {
  kind: 'header'
  product: string // such as Bayer7150
  serial: string
  deviceTime: string | null // the meter's clock now
}

export const isHeader = (facts: Facts): facts is Header => facts.kind === 'header'

/** The header as what the meter says of itself; `products` names the models by product code. */
export function deviceInfo({ product, serial, deviceTime }: Header, products: Record<string, string>): DeviceInfo {
  return {
    kind: 'device',
    model: products[/\d+$/.exec(product)?.[0] ?? ''] ?? null,
    serial: serial || null,
    clock: deviceTime,
  }
}

/** Records both families write alike: patient, order, terminator; null for any other. */
export function commonRecord(fields: readonly string[]): Facts | null {
  const sequence = Number(fields[1])
  switch (fields[0]) {
    case 'P':
      return { kind: 'patient', sequence }
    case 'O':
      return { kind: 'order', sequence, actionCode: fields[11] || null }
    case 'L':
      // Contour USB leaves field 3 empty and puts the code into field 4.
      return { kind: 'terminator', sequence, terminationCode: fields[2] || fields[3] || null }
    default:
      return null
  }
}

const REFERENCES: Record<string, string> = { P: 'plasma', B: 'whole blood', C: 'capillary' }

export interface Result extends Facts {
  kind: 'reading'
  analyte: 'glucose'
  sequence: number
  rawValue: string
  value: number | null
  unit: string
  range: 'HI' | 'LO' | null
  control: boolean
  meal: 'before' | 'after' | 'fasting' | null
  time: string | null
}

/** What a result record says whatever its family; the marks stand elsewhere in each. */
export function resultRecord(
  fields: readonly string[],
  { marks, control, meal, time }: { marks: readonly string[]; time: string | null } & Pick<Result, 'control' | 'meal'>,
): Result | Facts {
  const [, sequence, test = '', rawValue = '', units = ''] = fields
  const analyte = test.split('^').at(-1)!
  const [unit = '', reference = ''] = units.split('^')
  const found = { sequence: Number(sequence), rawValue, unit, reference: REFERENCES[reference] ?? reference }
  if (!/^\d{1,4}(\.\d{1,2})?$/.test(rawValue)) throw new FrameError('ASTM: expected a number as the result')
  if (/^GlucoseA\d?$/.test(analyte))
    return { kind: 'average', analyte, ...found, value: Number(rawValue) || null, time } // 0: not available
  if (analyte !== 'Glucose') return { kind: 'event', analyte, ...found, time }
  const range = marks.includes('>') ? 'HI' : marks.includes('<') ? 'LO' : null
  if (marks.includes('>') && marks.includes('<')) throw new FrameError('ASTM: a result both above and below the range')
  return {
    kind: 'reading',
    analyte: 'glucose',
    ...found,
    range,
    control,
    meal,
    value: range === null ? Number(rawValue) : null, // 601, 9, 33.39 and 0.50 are codes, not values
    time,
  }
}

export const isResult = (facts: Facts): facts is Result => facts.kind === 'reading'

/** What these meters show as a number; HI and LO codes lie outside, so a code that lost its mark is refused. */
const MEASURES = { 'mg/dL': [10, 600], 'mmol/L': [0.55, 33.35] } as const

/** The reading, or nothing: a control test, a result under a control order, a frame that was sent again. */
export function glucoseEvents(facts: Result, earlier: readonly Facts[], context: MealContext): Glucose[] {
  const ordered = earlier.findLast((f) => ['order', 'header', 'terminator'].includes(f.kind))
  const repeated = JSON.stringify(earlier.at(-1)) === JSON.stringify(facts) // same number, same text: a lost ACK
  if (facts.control || repeated || (ordered?.kind === 'order' && ordered.actionCode === 'Q')) return []
  const { unit, value } = facts
  if (unit !== 'mg/dL' && unit !== 'mmol/L') throw new FrameError('ASTM: expected the unit mg/dL or mmol/L')
  const [low, high] = MEASURES[unit]
  if (value !== null && (value < low || value > high)) throw new FrameError('ASTM: no number this meter measures')
  const range = facts.range === null ? null : facts.range === 'HI' ? 'above' : 'below'
  const temperature = Array.isArray(facts.flags) && facts.flags.includes('T')
  return [
    {
      kind: 'glucose',
      value,
      unit,
      range,
      context,
      deviceTime: facts.time,
      ...(temperature && { flags: ['temperature'] }),
    },
  ]
}

/** A frame whose sum is wrong never arrives: after so long without one, NAK asks for it again. The meter waits 15 s. */
const FRAME_MS = 1000
const MOST_NAKS = 6 // after six sends of one frame the meter gives up
const WAKE_MS = 5000 // ENQ follows the wake byte within 2 s

/**
 * Sessions for ever: waits for the meter's ENQ, acknowledges frame by frame, and tells a session only once L with code N
 * has closed it; whatever came of a session that broke off is dropped, and the meter is woken to send it again.
 */
export async function* sessions(link: Link, parse: (frame: Uint8Array) => Facts, wake: Uint8Array) {
  let unread = true // a meter that has been read is left to sleep
  while (true) {
    try {
      while (!isControl(parse(await link.receive(unread ? WAKE_MS : undefined)), 'ENQ'));
    } catch (error) {
      if (error instanceof FrameError) continue
      if (!(error instanceof LinkTimeout)) throw error
      await link.send(wake)
      continue
    }
    const told = await session(link, parse)
    unread = told === null
    yield* told ?? []
  }
}

const isControl = (facts: Facts, char: string) => facts.kind === 'control' && facts.char === char

/** One session, from the ENQ that has come to L; null when it broke off. */
async function session(link: Link, parse: (frame: Uint8Array) => Facts): Promise<Told[] | null> {
  let told: Told[] = []
  let latest = new Map<string, Facts>()
  let last = 0 // the first frame is number 1
  let naks = 0
  await link.send(Uint8Array.of(ACK))
  while (naks < MOST_NAKS) {
    try {
      const frame = await link.receive(FRAME_MS)
      const facts = parse(frame)
      if (isControl(facts, 'EOT')) return null
      if (isControl(facts, 'ENQ')) {
        // Our ACK was lost and the meter begins again.
        told = []
        latest = new Map()
        last = 0
      } else if (facts.kind === 'control') continue
      else if (facts.frameNumber === (last + 1) % 8) {
        told.push(...link.tell(frame, [...latest.values()]))
        latest.delete(facts.kind)
        latest.set(facts.kind, facts)
        last = (last + 1) % 8
        naks = 0
      } else if (facts.frameNumber !== last) throw new FrameError('ASTM: a frame number out of order')
      await link.send(Uint8Array.of(ACK)) // a frame sent twice is acknowledged twice and told once
      if (facts.kind === 'terminator') return facts.terminationCode === 'N' ? told : null
    } catch (error) {
      if (!(error instanceof LinkTimeout || error instanceof FrameError)) throw error
      naks++
      await link.send(Uint8Array.of(NAK))
    }
  }
  return null
}
