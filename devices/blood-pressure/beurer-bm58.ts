// Beurer BM55, BM58 and BM65 of the older kind, with a serial adapter (PL2303) inside: the records of the HID ones, asked by bytes. No check.
// Protocol: DaveDavenport/BPM, muling-tt/beurer_bm58, beep-projects/bpconnect; from notes. An adapter of this kind can be anybody's: it must answer 55 first.
import { beurerReading, beurerRecord, isBeurerRecord, RECORD } from '../kit/beurer.ts'
import { type Cut, defineDriver, FrameError } from '../kit/driver.ts'
import { askPast, type Link, LinkTimeout } from '../kit/link.ts'

const HELLO = 0x55
const NO_SUCH = 0xa9
const RECORD_FOLLOWS = 0xac
const ASK_HELLO = Uint8Array.of(0xaa)
const askRecord = (n: number) => Uint8Array.of(0xa3, n)
const MOST = 255 // what its count would say is not asked: that answer is a byte that may be any

const ANSWER_MS = 1000
const WAKE_MS = 1000
const AGAIN_MS = 30_000

function cutFrame(bytes: Uint8Array): Cut {
  if (bytes[0] === HELLO || bytes[0] === NO_SUCH) return { frame: 1 }
  if (bytes[0] !== RECORD_FOLLOWS) return 'noise'
  if (bytes.length <= RECORD) return 'more'
  return isBeurerRecord(bytes.subarray(1)) ? { frame: 1 + RECORD } : 'refused'
}

/** One pass through the memory, of both users. @throws LinkTimeout when the monitor has left its PC mode */
async function* memory(link: Link) {
  const hello = await link.ask(ASK_HELLO, ANSWER_MS)
  if (hello[0] !== HELLO) throw new FrameError('expected 55 in answer to AA: this is no Beurer BM58')
  yield* link.tell(hello)
  for (let n = 1; n <= MOST; n++) {
    const { refusedFrames } = link.counts
    const answer = await askPast(link, askRecord(n), ANSWER_MS)
    // What is found inside a refused record is no answer.
    if (answer?.[0] === RECORD_FOLLOWS) yield* link.tell(answer)
    else if (link.counts.refusedFrames === refusedFrames && answer) return
    else await link.rest(ANSWER_MS)
  }
}

export default defineDriver({
  vendor: 'Beurer',
  models: ['BM58 serial variant', 'BM55 serial variant', 'BM65 serial variant'],
  kind: 'blood-pressure',
  transport: { type: 'serial', baud: 4800 },
  check: 'none',
  evidence: 'from notes',
  memory: true,
  measuringSeconds: { min: 20, max: 180 },
  cutFrame,
  parse(frame) {
    if (frame[0] === RECORD_FOLLOWS) return beurerRecord(frame.subarray(1))
    return { kind: frame[0] === HELLO ? 'hello' : 'no such record' }
  },
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
