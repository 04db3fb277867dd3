// Omron HEM-790IT and its relatives, HID 0590:0028: messages in eight-byte reports, each with the number of bytes that count. The memory is asked.
// Protocol: openyou/libomron notes and captures, with the vendor's CSV; HEM-7301: 0x2b3bfa0/python-omron-mit-elite-plus. Never sent: MCL00, which erases.
// A pedometer has the same USB id: it is asked for its version first, and nothing but a record of the right length is a reading.
import { bytesOf, hex, latin1, xor } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { deviceTime } from '../kit/event.ts'
import { type Link, LinkTimeout } from '../kit/link.ts'

const REPORT = 8
const MOST = 7 // bytes that one report carries
const LONGEST = 3 * REPORT
const CLEAR = new Uint8Array(23)
const VERSION = bytesOf('VER00')
const CLOCK = bytesOf('GCL00')

const ANSWER_MS = 1000
const BUSY_MS = 100
const ATTEMPTS = 20
const AGAIN_MS = 30_000
const [OK_BYTES, COUNT_BYTES, CLOCK_BYTES, WEEK_BYTES, VERSION_BYTES, RECORD_BYTES] = [2, 8, 10, 12, 15, 17]

/** A command's letters, its data, and the XOR of these. */
const command = (letters: string, ...data: number[]) =>
  Uint8Array.of(...bytesOf(letters), ...data, xor(Uint8Array.from(data)))

interface Dialect {
  banks: readonly number[]
  count(bank: number): Uint8Array
  /** Where the count stands in the answer. */
  countAt: number
  record(bank: number, index: number): Uint8Array
}
const HEM790: Dialect = {
  banks: [0, 1],
  count: (bank) => command('GDC', 0, bank, 0, 0),
  countAt: 6,
  record: (bank, index) => command('GME', 0, bank, 0, index),
}
const HEM7301: Dialect = {
  banks: [0],
  count: () => bytesOf('CNT00'),
  countAt: 4,
  record: (_, index) => command('MES', 0, 0, index),
}

/** Messages as reports, what is left of the last filled with zeros. */
function reports(message: Uint8Array): Uint8Array {
  const all = new Uint8Array(Math.ceil(message.length / MOST) * REPORT)
  for (let at = 0; at * MOST < message.length; at++) {
    const part = message.subarray(at * MOST, (at + 1) * MOST)
    all.set([part.length, ...part], at * REPORT)
  }
  return all
}

/** The bytes that count; what stands behind them is left over from earlier. */
const message = (frame: Uint8Array) =>
  Uint8Array.from(
    Array.from({ length: frame.length / REPORT }, (_, i) => frame.subarray(i * REPORT, (i + 1) * REPORT)).flatMap(
      ([count = 0, ...rest]) => rest.slice(0, count),
    ),
  )

/** Only a report that is not full ends a message; no answer fills its last one. */
function cutFrame(bytes: Uint8Array): Cut {
  const start = latin1(bytes.subarray(1, 3))
  if (start !== 'OK' && start !== 'NO' && start !== 'OF') return 'noise'
  for (let at = 0; at < LONGEST; at += REPORT) {
    if (bytes.length < at + REPORT) return 'more'
    if (bytes[at]! < MOST) return good(message(bytes.subarray(0, at + REPORT))) ? { frame: at + REPORT } : 'refused'
  }
  return 'refused'
}

const good = (said: Uint8Array) =>
  latin1(said) === 'NO' || latin1(said) === 'OFF\r\n' || (said[0] === 0x4f && xor(said.subarray(2)) === 0)

interface Measurement extends Facts {
  kind: 'measurement'
  deviceTime: string | null
  systolic: number
  diastolic: number
  pulse: number
}

function parse(frame: Uint8Array): Facts {
  const said = message(frame)
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = said.subarray(3)
  const time = () => deviceTime([2000 + year, month, day], [hour, minute, second])
  if (latin1(said) === 'NO') return { kind: 'busy', type: 'NO', retry: true }
  if (latin1(said) === 'OFF\r\n') return { kind: 'off', type: 'OFF' }
  if (said.length === OK_BYTES) return { kind: 'ready' }
  if (said.length === VERSION_BYTES)
    return { kind: 'version', payload: latin1(said.subarray(3, -1)), check: hex(said.subarray(-1)) }
  if (said.length === COUNT_BYTES) return { kind: 'count', recordCount: said[6] }
  if (said.length === CLOCK_BYTES) return { kind: 'clock', deviceTime: time() }
  if (said.length === WEEK_BYTES) {
    const [year = 0, month = 0, day = 0, systolic = 0, diastolic, pulse] = said.subarray(5)
    const weekStart = deviceTime([2000 + year, month, day], [0, 0])?.slice(0, 10) ?? null
    return { kind: 'weekly average', weekStart, systolic: systolic + 25, diastolic, pulse }
  }
  if (said.length !== RECORD_BYTES) throw new FrameError(`HEM-790IT: an answer of ${said.length} bytes`)
  const [systolic, diastolic, pulse, , flags] = said.subarray(11)
  return { kind: 'measurement', deviceTime: time(), systolic, diastolic, pulse, flags }
}

const isMeasurement = (facts: Facts): facts is Measurement => facts.kind === 'measurement'

/** Asks until the monitor is no longer busy. @throws LinkTimeout when it is silent, or busy for too long */
async function ask(link: Link, question: Uint8Array): Promise<Uint8Array> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer = await link.ask(reports(question), ANSWER_MS)
    if (parse(answer).kind !== 'busy') return answer
    await link.rest(BUSY_MS)
  }
  throw new LinkTimeout(`busy ${ATTEMPTS} times`)
}

/** A monitor whose line was cleared says OK. */
async function clear(link: Link) {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer = await link.ask(reports(CLEAR), ANSWER_MS)
    if (parse(answer).kind === 'ready') return
  }
  throw new LinkTimeout('not cleared')
}

/** The older models know one pair of commands, the HEM-7301 another; whichever is answered. Both only read. */
async function dialectOf(link: Link): Promise<{ dialect: Dialect; clock: Uint8Array | null }> {
  try {
    if (parse(await ask(link, HEM790.count(0))).kind === 'count') return { dialect: HEM790, clock: null }
  } catch (error) {
    if (!(error instanceof LinkTimeout)) throw error
  }
  return { dialect: HEM7301, clock: await ask(link, CLOCK) }
}

/** One pass through the memory of all users, newest first. @throws LinkTimeout when the monitor is silent */
async function* memory(link: Link) {
  await clear(link)
  const version = await ask(link, VERSION)
  if (parse(version).kind !== 'version')
    throw new Error('expected a version of 11 characters: this is no Omron monitor')
  const { dialect, clock } = await dialectOf(link)
  yield* link.tell(clock ?? version)
  for (const bank of dialect.banks) {
    const count = message(await ask(link, dialect.count(bank)))[dialect.countAt] ?? 0
    for (let index = 0; index < count; index++)
      // Some models answer with zeros now and then: such a record is asked for again.
      for (let attempt = 0; attempt < 3; attempt++) {
        const told = link.tell(await ask(link, dialect.record(bank, index)))
        yield* told
        if (told.length > 0) break
      }
  }
}

export default defineDriver({
  vendor: 'Omron',
  models: ['HEM-790IT', 'HEM-7080IT', 'HEM-7301-ITKE', 'HEM-759P', 'M10-IT', 'BP-791IT'],
  kind: 'blood-pressure',
  transport: {
    type: 'hid',
    ids: [{ vendorId: 0x0590, productId: 0x0028 }],
    reportLength: REPORT,
    aligned: true,
    setup: [Uint8Array.of(0, 0x01, 0x01)], // the vendor's own first one; readers differ in it and all are answered
    unwrap: (report) => (report[0]! >= 1 && report[0]! <= MOST ? report : new Uint8Array(0)),
    wrap: (all) =>
      Array.from({ length: Math.ceil(all.length / REPORT) }, (_, i) => {
        const report = new Uint8Array(REPORT)
        report.set(all.subarray(i * REPORT, (i + 1) * REPORT))
        return report
      }),
  },
  check: 'xor',
  evidence: 'recorded',
  memory: true,
  measuringSeconds: { min: 20, max: 180 },
  cutFrame,
  parse,
  events(facts) {
    if (facts.kind === 'version')
      return [{ kind: 'device', model: String(facts.payload).trim(), serial: null, clock: null }]
    if (facts.kind === 'clock')
      return [{ kind: 'device', model: null, serial: null, clock: facts.deviceTime as string | null }]
    if (!isMeasurement(facts)) return []
    const { systolic, diastolic, pulse, deviceTime } = facts
    const figures = { systolic, diastolic, mean: null, pulse: pulse || null }
    return [{ kind: 'blood-pressure', ...figures, unit: 'mm[Hg]', deviceTime, flags: [] }] // its marks are not known
  },
  /** All of it each time: equal records are told apart by counting them. Ends when the monitor is silent. */
  async *read(link) {
    try {
      while (true) {
        yield* memory(link)
        await link.rest(AGAIN_MS)
      }
    } catch (error) {
      if (!(error instanceof LinkTimeout)) throw error
    }
  },
})
