// Maibobo (Raycome) RBP arm-in monitors, UART. They are connected once, then speak: cuff pressure, result, error; the host may start them.
// Protocol: a C# tester and a Python engine that agree; from notes, no capture. One opens the line at 9600, one at 115200: the site may set it.
import { fromHex, lengthPrefixed, xor } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { deviceTime, type FailureReason } from '../kit/event.ts'
import { LinkTimeout } from '../kit/link.ts'

const CONNECT = fromHex('CC 80 03 03 01 01 00 00')
const START = fromHex('CC 80 03 03 01 02 00 03')
const STOP = fromHex('CC 80 03 03 01 03 00 02')
const ANSWER_MS = 200
const ATTEMPTS = 5

const HEAD = 4 // AA 80, version, length of what follows but the check
const SUB = 5
const DATA = 6
const PRESSURE = 0x05
const RESULT = 0x06
const ERROR = 0x07
const RESULT_BYTES = 13 // user, six of the clock, three words

const REASONS: Record<number, FailureReason> = {
  1: 'over-pressure',
  2: 'cuff', // arm position, or a leak before the valve
  5: 'cuff', // arm position, or a leak behind it
  6: 'no-pulse',
  9: 'too-long',
  15: 'cuff', // the system leaks
}

interface Result extends Facts {
  kind: 'measurement'
  deviceTime: string | null
  systolic: number
  diastolic: number
  pulse: number
}

function parse(frame: Uint8Array): Facts {
  const sub = frame[SUB]!
  const data = frame.subarray(DATA, -1)
  const word = (at: number) => (data[at]! << 8) | data[at + 1]!
  if (sub === PRESSURE && data.length === 2) return { kind: 'pressure', type: 'pressure', cuffPressure: word(0) }
  if (sub === ERROR && data.length === 1) return { kind: 'error', type: 'error', code: data[0] }
  if (sub === RESULT && data.length === RESULT_BYTES) {
    const [user, year, month, day, hour, minute, second] = data
    return {
      kind: 'measurement',
      type: 'result',
      user,
      deviceTime: deviceTime([2000 + year!, month!, day!], [hour!, minute!, second]),
      systolic: word(7),
      diastolic: word(9),
      pulse: word(11),
    }
  }
  if (sub < PRESSURE) return { kind: 'acknowledgement', type: 'ack', sub }
  throw new FrameError(`RBP: message ${sub} with ${data.length} bytes`)
}

const isResult = (facts: Facts): facts is Result => facts.kind === 'measurement'

export default defineDriver({
  vendor: 'Maibobo',
  models: ['RBP series'],
  kind: 'blood-pressure',
  transport: { type: 'serial', baud: 9600 },
  check: 'xor',
  evidence: 'from notes',
  memory: false,
  commands: { start: START, stop: STOP },
  // No duration is sent. Nobody is measured in under 20 s; a second inflation stays below 3 minutes.
  measuringSeconds: { min: 20, max: 180 },
  cutFrame: lengthPrefixed({
    start: [0xaa, 0x80],
    head: HEAD,
    length: (head) => HEAD + head[HEAD - 1]! + 1,
    shortest: DATA + 1,
    longest: DATA + RESULT_BYTES + 1,
    good: (frame) => xor(frame.subarray(2, -1)) === frame.at(-1),
  }),
  parse,
  events(facts) {
    if (facts.kind === 'pressure')
      return [{ kind: 'progress', of: 'blood-pressure', pressure: Number(facts.cuffPressure), unit: 'mm[Hg]' }]
    if (facts.kind === 'error') {
      const code = Number(facts.code)
      const text = code.toString(16).padStart(2, '0')
      return [{ kind: 'failure', of: 'blood-pressure', code: text, reason: REASONS[code] ?? 'unknown' }]
    }
    if (!isResult(facts)) return []
    const { systolic, diastolic, pulse, deviceTime } = facts
    const figures = { systolic, diastolic, mean: null, pulse: pulse || null } // 0 is a filler, not a pulse
    return [{ kind: 'blood-pressure', ...figures, unit: 'mm[Hg]', deviceTime, flags: [] }]
  },
  async *read(link) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++)
      try {
        yield* link.tell(await link.ask(CONNECT, ANSWER_MS))
        break
      } catch (error) {
        if (!(error instanceof LinkTimeout)) throw error
      }
    while (true) yield* link.tell(await link.receive())
  },
})
