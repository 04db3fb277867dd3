// Beurer BM55, BM58 and BM65, HID: eight-byte reports filled up with F4; the memory is asked record by record, without a check.
// Protocol: roose242/bmdump, beep-projects/bpconnect and three more readers that agree; from notes. Never sent: F7 and F6, after which it is deaf.
import { beurerReading, beurerRecord, isBeurerRecord, RECORD } from '../kit/beurer.ts'
import { wholeReport } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts } from '../kit/driver.ts'
import { askPast, type Link, LinkTimeout } from '../kit/link.ts'

const FILL = 0xf4
const HELLO = 0x55
const NO_SUCH = 0xa9
const ASK_HELLO = Uint8Array.of(0xaa)
const ASK_COUNT = Uint8Array.of(0xa2)
const askRecord = (n: number) => Uint8Array.of(0xa3, n)

const ANSWER_MS = 1000
const WAKE_MS = 1000 // it hears nothing before that after it was plugged in
const AGAIN_MS = 30_000

const filled = (bytes: Uint8Array) => bytes[0] === FILL && bytes.every((byte) => byte === FILL)

const oneReport = wholeReport(RECORD, (report) => filled(report.subarray(1)) || isBeurerRecord(report))
const cutFrame = (bytes: Uint8Array): Cut => (filled(bytes.subarray(0, RECORD)) ? 'noise' : oneReport(bytes))

function parse(report: Uint8Array): Facts {
  const [first] = report
  if (filled(report.subarray(1))) {
    if (first === HELLO) return { kind: 'hello', type: 'hello' }
    return first === NO_SUCH ? { kind: 'no such record' } : { kind: 'count', recordCount: first }
  }
  return beurerRecord(report)
}

/** One pass through the memory, of both users. @throws LinkTimeout when the monitor has left its PC mode */
async function* memory(link: Link) {
  const hello = await link.ask(ASK_HELLO, ANSWER_MS)
  if (hello[0] !== HELLO) throw new Error('expected 55 in answer to AA: this is no Beurer BM55, BM58 or BM65')
  yield* link.tell(hello)
  const count = await link.ask(ASK_COUNT, ANSWER_MS)
  for (let n = 1; n <= count[0]!; n++) {
    const record = await askPast(link, askRecord(n), ANSWER_MS)
    if (!record) continue
    if (record[0] === NO_SUCH && filled(record.subarray(1))) return
    yield* link.tell(record)
  }
}

export default defineDriver({
  vendor: 'Beurer',
  models: ['BM55', 'BM58', 'BM65'],
  kind: 'blood-pressure',
  transport: {
    type: 'hid',
    ids: [{ vendorId: 0x0c45, productId: 0x7406 }],
    reportLength: RECORD,
    aligned: true,
    unwrap: (report) => report,
    wrap(payload) {
      const reports: Uint8Array[] = []
      for (let at = 0; at < payload.length; at += RECORD) {
        const report = new Uint8Array(RECORD).fill(FILL)
        report.set(payload.subarray(at, at + RECORD))
        reports.push(report)
      }
      return reports
    },
  },
  check: 'none',
  evidence: 'from notes',
  memory: true,
  measuringSeconds: { min: 20, max: 180 },
  cutFrame,
  parse,
  events(facts) {
    if (facts.kind === 'hello') return [{ kind: 'device', model: null, serial: null, clock: null }]
    const reading = beurerReading(facts)
    return reading ? [reading] : []
  },
  /** All of it each time: equal records are told apart by counting them. Ends when the monitor is silent. */
  async *read(link) {
    await link.rest(WAKE_MS)
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
