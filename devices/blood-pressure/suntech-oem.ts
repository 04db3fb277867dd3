// SunTech Advantage OEM NIBP module, inside many kiosks, UART: it says nothing unasked. The check: all bytes add up to 0.
// Protocol: a Java reader with the vendor's own examples. What its error codes mean is in no public source.
// Nothing marks a result as new: what stands there when the port is opened is the last person's, and only what comes after it is told.
import { fromHex, hex, lengthPrefixed, sum } from '../kit/bytes.ts'
import { type DriverDefinition, defineDriver, type Facts, type Told } from '../kit/driver.ts'
import type { Link } from '../kit/link.ts'

const START = fromHex('3A 20 A6')
const ASK_PRESSURE = fromHex('3A 79 05 00 48')
const ASK_RESULT = fromHex('3A 79 03 00 4A')
const PRESSURE_BYTES = 5
const RESULT_BYTES = 24

const ANSWER_MS = 1000
const PACE_MS = 220
const INFLATED = 20 // mm[Hg]; a cuff at rest shows less
const SETTLE_MS = 10_000 // after the cuff is empty: by then the module has its result, or inflates again

const word = (bytes: Uint8Array, at: number) => bytes[at]! | (bytes[at + 1]! << 8)

interface Result extends Facts {
  kind: 'measurement'
  systolic: number
  diastolic: number
  pulse: number
  mean: number
  error: number
}

const isResult = (facts: Facts): facts is Result => facts.kind === 'measurement'

function parse(frame: Uint8Array): Facts {
  if (frame.length === PRESSURE_BYTES) return { kind: 'pressure', cuffPressure: word(frame, 2) }
  return {
    kind: 'measurement',
    systolic: word(frame, 2),
    diastolic: word(frame, 4),
    beats: frame[6],
    status: frame[7],
    pulse: frame[16],
    mean: word(frame, 18),
    error: frame[20],
  }
}

/** An answer of that length; another may still be under way after a start. @throws LinkTimeout */
async function ask(link: Link, question: Uint8Array, length: number): Promise<Uint8Array> {
  let answer = await link.ask(question, ANSWER_MS)
  while (answer.length !== length) answer = await link.receive(ANSWER_MS)
  return answer
}

async function* read(link: Link): AsyncGenerator<Told> {
  let last = hex(await ask(link, ASK_RESULT, RESULT_BYTES))
  let settling = 0 // rounds left in which a measurement that was seen may still bring its result
  while (true) {
    await link.rest(PACE_MS)
    const pressure = await ask(link, ASK_PRESSURE, PRESSURE_BYTES)
    const cuff = word(pressure, 2)
    if (cuff >= INFLATED) {
      settling = Math.ceil(SETTLE_MS / PACE_MS)
      yield* link.tell(pressure)
      continue
    }
    const result = await ask(link, ASK_RESULT, RESULT_BYTES)
    if (hex(result) !== last) {
      last = hex(result)
      const told = link.tell(result)
      if (told.length > 0) settling = 0
      yield* told
    } else if (settling > 0 && --settling === 0)
      // Whether this is the old result or one just like it cannot be told.
      yield {
        event: { kind: 'failure', of: 'blood-pressure', code: 'unchanged', reason: 'not-determined' },
        raw: result,
      }
  }
}

const driver: DriverDefinition = {
  vendor: 'SunTech',
  models: ['Advantage OEM NIBP module'],
  kind: 'blood-pressure',
  transport: { type: 'serial', baud: 9600 },
  check: 'sum',
  evidence: 'recorded',
  memory: false,
  polled: true,
  commands: { start: START },
  // No duration is sent. Nobody is measured in under 20 s; a second inflation stays below 3 minutes.
  measuringSeconds: { min: 20, max: 180 },
  cutFrame: lengthPrefixed({
    start: [0x3e],
    head: 2,
    length: (head) => head[1]!,
    shortest: PRESSURE_BYTES,
    longest: RESULT_BYTES,
    good: (frame) => (frame.length === PRESSURE_BYTES || frame.length === RESULT_BYTES) && sum(frame) === 0,
  }),
  parse,
  events(facts) {
    if (facts.kind === 'pressure')
      return [{ kind: 'progress', of: 'blood-pressure', pressure: Number(facts.cuffPressure), unit: 'mm[Hg]' }]
    if (!isResult(facts)) return []
    const { systolic, diastolic, mean, pulse, error } = facts
    if (error !== 0) return [{ kind: 'failure', of: 'blood-pressure', code: String(error), reason: 'unknown' }]
    if (systolic === 0 && diastolic === 0) return [] // none yet
    const figures = { systolic, diastolic, mean: mean || null, pulse: pulse || null }
    return [{ kind: 'blood-pressure', ...figures, unit: 'mm[Hg]', deviceTime: null, flags: [] }]
  },
  read,
}
export default defineDriver(driver)
