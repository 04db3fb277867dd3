// Contec 08A and 08C upper-arm monitors, 64-byte HID reports filled up with zeros, which stand in no message. Their memory is asked, user by user.
// Protocol: MarkMLl/contec08a captures and vendor CSV. Never sent: 43 42 03 07, which erases, and 4C 42, which sets the clock.
import { fromHex } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { deviceTime } from '../kit/event.ts'
import { type Link, LinkTimeout } from '../kit/link.ts'

const REPORT = 64
const HELLO = fromHex('40 8F FF FE FD FC')
const WHO = fromHex('42 8F FF FE FD FC')
const USERS = [4, 5, 6] // users 1 to 3
const askUser = (user: number) => Uint8Array.of(0x43, 0x41, 0x01, user, 0x02)

const PACE_MS = 100
const ANSWER_MS = 1000
const AGAIN_MS = 30_000

const RECORD = 14
const WHO_IS = [0x48, 0x41]
const WHO_BYTES = 6
const READY = [0x4a, 0x43, 0x01] // a monitor that is off sends another third byte
const HEADER = [0x46, 0x41]

const startsWith = (bytes: Uint8Array, start: readonly number[]) =>
  start.every((byte, i) => i >= bytes.length || bytes[i] === byte)
const highFrom = (bytes: Uint8Array, from: number) => bytes.subarray(from, RECORD).every((byte) => byte >= 0x80)

function cutFrame(bytes: Uint8Array): Cut {
  const whole = (length: number): Cut => (bytes.length < length ? 'more' : { frame: length })
  if (startsWith(bytes, WHO_IS)) return whole(WHO_BYTES)
  if (startsWith(bytes, READY)) return whole(READY.length)
  if (startsWith(bytes, HEADER)) return highFrom(bytes, HEADER.length) ? whole(RECORD) : 'refused'
  if (bytes[0]! < 0x80) return 'noise'
  if (!highFrom(bytes, 0)) return 'refused'
  return bytes.length >= RECORD && !isRecord(unpacked(bytes)) ? 'refused' : whole(RECORD)
}

/** For want of a check: a clock's fields within their bounds, and the tag of one of three users. */
function isRecord(bytes: readonly number[]): boolean {
  const [month, day, hour, minute, tag] = [6, 7, 8, 9, 11].map((at) => bytes[at]!) as [
    number,
    number,
    number,
    number,
    number,
  ]
  return month <= 12 && day <= 31 && hour < 24 && minute < 60 && tag >= 0x11 && tag <= 0x13
}

/** Two groups, each led by a map of its bytes' true high bits; on the wire every byte has its high bit set. */
function unpacked(frame: Uint8Array): number[] {
  const group = (lead: number, length: number) =>
    Array.from({ length }, (_, i) => (frame[lead + 1 + i]! & 0x7f) | (((frame[lead]! >> i) & 1) << 7))
  return [...group(0, 7), ...group(8, 5)]
}

interface Measurement extends Facts {
  kind: 'measurement'
  deviceTime: string | null
  systolic: number
  diastolic: number
  pulse: number
  mean: number
}

function parse(frame: Uint8Array): Facts {
  if (frame.length === WHO_BYTES) return { kind: 'device', deviceType: frame[1], protocolVersion: frame[3] }
  if (frame.length === READY.length) return { kind: 'status', deviceOn: true }
  if (startsWith(frame, HEADER)) return { kind: 'header', recordCount: frame[4]! & 0x7f, user: frame[13]! & 0x03 }
  const [, systolic, diastolic, pulse, mean, year, month, day, hour, minute, , userTag] = unpacked(frame)
  return {
    kind: 'measurement',
    deviceTime: deviceTime([2000 + year!, month!, day!], [hour!, minute!]),
    systolic,
    diastolic,
    pulse,
    mean,
    userTag,
  }
}

const isMeasurement = (facts: Facts): facts is Measurement => facts.kind === 'measurement'

/**
 * The map of high bits is inferred: its four captured records would read alike without it, one with a systolic below
 * 128 would not. The mean in the record decides: it stands at about a third of the way between the true pressures.
 */
function agrees({ systolic, diastolic, mean }: Measurement): boolean {
  const part = (mean - diastolic) / (systolic - diastolic)
  return part >= 0.2 && part <= 0.6
}

/** One pass through the memory. @returns false when the monitor is silent, off or no Contec */
async function* memory(link: Link) {
  await link.send(HELLO)
  await link.rest(PACE_MS)
  await link.send(HELLO)
  await link.rest(PACE_MS)
  const who = await link.ask(WHO, ANSWER_MS)
  if (parse(who).kind !== 'device') return false // the USB id is lent from a chip's demo: this may be anything
  yield* link.tell(who)
  for (const user of USERS) {
    if (parse(await link.ask(askUser(user), ANSWER_MS)).kind !== 'status') return false
    const header = parse(await link.receive(ANSWER_MS))
    if (header.kind !== 'header') return false
    for (let left = Number(header.recordCount); left > 0; left--) yield* link.tell(await link.receive(ANSWER_MS))
  }
  return true
}

export default defineDriver({
  vendor: 'Contec',
  models: ['08A', '08C'],
  kind: 'blood-pressure',
  transport: {
    type: 'hid',
    ids: [{ vendorId: 0x0483, productId: 0x5750 }],
    reportLength: REPORT,
    unwrap: (report) => report.subarray(0, report.findLastIndex((byte) => byte !== 0) + 1),
    wrap(payload) {
      const reports: Uint8Array[] = []
      for (let at = 0; at < payload.length; at += REPORT) {
        const report = new Uint8Array(REPORT)
        report.set(payload.subarray(at, at + REPORT))
        reports.push(report)
      }
      return reports
    },
  },
  check: 'none',
  evidence: 'recorded',
  memory: true,
  measuringSeconds: { min: 20, max: 180 },
  cutFrame,
  parse,
  events(facts) {
    if (facts.kind === 'device') return [{ kind: 'device', model: null, serial: null, clock: null }]
    if (!isMeasurement(facts)) return []
    if (!agrees(facts)) throw new FrameError('08A: the mean does not fit the pressures')
    const { systolic, diastolic, mean, pulse, deviceTime } = facts
    const figures = { systolic, diastolic, mean, pulse: pulse || null }
    return [{ kind: 'blood-pressure', ...figures, unit: 'mm[Hg]', deviceTime, flags: [] }]
  },
  /** All of it each time: equal records are told apart by counting them. Ends when the monitor is silent. */
  async *read(link) {
    try {
      while (yield* memory(link)) await link.rest(AGAIN_MS)
    } catch (error) {
      if (!(error instanceof LinkTimeout)) throw error
    }
  },
})
