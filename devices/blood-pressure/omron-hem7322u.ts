// Omron HEM-7322U and HEM-7131U, HID 0590:0090: their memory is asked in blocks of 40 bytes, over which records of 14 run on. The check is an XOR.
// Protocol: LazyT/obpm usb.cpp and userx14/omblepy; from notes. Both models have the same USB id and unlike sizes of memory: the site sets which it is.
// Sources disagree on the marks for an irregular pulse and for movement: they are read and not told.
import { wholeReport, xor } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { type BloodPressure, deviceTime } from '../kit/event.ts'
import { type Link, LinkTimeout } from '../kit/link.ts'

const REPORT = 64
const ID = 0x02
const FIRST = 0x02ac
const BLOCK = 40
const RECORD = 14
const DATA = 7
const BLOCK_LENGTH = 8 + BLOCK // as the answer tells it: all behind the report's id
const EMPTY = 0xff
/** Records of each of two users. */
const RECORDS: Record<string, number> = { 'HEM-7322U': 100, 'HEM-7131U': 60 }

const ANSWER_MS = 1000
const AGAIN_MS = 30_000

function command(code: number, address: number, count: number): Uint8Array {
  const counted = Uint8Array.of(0x08, code, 0, address >> 8, address & 0xff, count, 0)
  return Uint8Array.of(ID, ...counted, xor(counted))
}
const BEGIN = command(0, 0, 0x10)
const END = command(0x0f, 0, 0)

interface Block extends Facts {
  kind: 'block'
  address: number
  data: Uint8Array
}
const isBlock = (facts: Facts): facts is Block => facts.kind === 'block'

function recordOf(bytes: Uint8Array) {
  if (bytes[0] === EMPTY && bytes[1] === EMPTY && bytes[2] === EMPTY) return { empty: true as const }
  const [diastolic = 0, systolic = 0, year = 0, pulse = 0, ...rest] = bytes
  const [high, low] = [(rest[0]! << 8) | rest[1]!, (rest[2]! << 8) | rest[3]!]
  const second = low & 0x3f // may be above 59: then the time is told to the minute
  return {
    empty: false as const,
    deviceTime: deviceTime(
      [2000 + year, (high >> 10) & 0x0f, (high >> 5) & 0x1f],
      [high & 0x1f, (low >> 6) & 0x3f, second > 59 ? undefined : second],
    ),
    systolic: systolic + 25,
    diastolic,
    pulse,
    irregularHeartbeat: (high & 0x4000) !== 0,
    movement: (high & 0x8000) !== 0,
  }
}

function parse(report: Uint8Array): Facts {
  const [, length, , , high = 0, low = 0, count] = report
  if (length !== BLOCK_LENGTH || count !== BLOCK) return { kind: 'acknowledgement' }
  const address = (high << 8) | low
  if (address < FIRST || (address - FIRST) % BLOCK !== 0) throw new FrameError('HEM-7322U: a block nobody asked for')
  return { kind: 'block', address, data: report.slice(DATA, DATA + BLOCK) }
}

/** The records that end in this block; one that began in the block before is told only if that stands there. */
function recordsIn(block: Block, before: Block | undefined) {
  const first = Math.floor((block.address - FIRST) / RECORD)
  const bytes = before?.address === block.address - BLOCK ? Uint8Array.of(...before.data, ...block.data) : block.data
  const from = block.address + BLOCK - bytes.length
  const records: ReturnType<typeof recordOf>[] = []
  for (let start = FIRST + first * RECORD; start + RECORD <= block.address + BLOCK; start += RECORD)
    if (start >= from && start + RECORD > block.address)
      records.push(recordOf(bytes.subarray(start - from, start - from + RECORD)))
  return records
}

/** The whole memory of both users. @throws LinkTimeout when the monitor is silent: somebody must press its START/STOP */
async function* memory(link: Link, records: number) {
  yield* link.tell(await link.ask(BEGIN, ANSWER_MS))
  let before: Facts[] = []
  for (let at = 0; at < 2 * records * RECORD; at += BLOCK) {
    const block = await link.ask(command(1, FIRST + at, BLOCK), ANSWER_MS)
    yield* link.tell(block, before)
    before = [parse(block)]
  }
  await link.ask(END, ANSWER_MS)
}

export default defineDriver({
  vendor: 'Omron',
  models: ['HEM-7322U', 'HEM-7131U'],
  modelIsSet: true,
  kind: 'blood-pressure',
  transport: {
    type: 'hid',
    ids: [{ vendorId: 0x0590, productId: 0x0090 }],
    reportLength: REPORT,
    numbered: true,
    aligned: true,
    unwrap: (report) => report,
    wrap: (all) =>
      Array.from({ length: Math.ceil(all.length / REPORT) }, (_, i) => all.slice(i * REPORT, (i + 1) * REPORT)),
  },
  check: 'xor',
  evidence: 'from notes',
  memory: true,
  measuringSeconds: { min: 20, max: 180 },
  cutFrame: (bytes) => (bytes[0] === ID ? oneReport(bytes) : 'noise'),
  parse,
  events(facts, earlier) {
    if (!isBlock(facts)) return [{ kind: 'device', model: null, serial: null, clock: null }]
    return recordsIn(facts, earlier.findLast(isBlock)).flatMap((record): BloodPressure[] => {
      if (record.empty) return []
      const { systolic, diastolic, pulse, deviceTime } = record
      const figures = { systolic, diastolic, mean: null, pulse: pulse || null }
      return [{ kind: 'blood-pressure', ...figures, unit: 'mm[Hg]', deviceTime, flags: [] }]
    })
  },
  /** All of it each time: equal records are told apart by counting them. Ends when the monitor is silent. */
  async *read(link, { model }) {
    const records = RECORDS[model ?? '']
    if (records === undefined) throw new Error(`set the model of this monitor: ${Object.keys(RECORDS).join(' or ')}`)
    try {
      while (true) {
        yield* memory(link, records)
        await link.rest(AGAIN_MS)
      }
    } catch (error) {
      if (!(error instanceof LinkTimeout)) throw error
    }
  },
})

const oneReport = wholeReport(REPORT, (report) => {
  const length = report[1]!
  return length >= 8 && length < REPORT && xor(report.subarray(1, 1 + length)) === 0
})
