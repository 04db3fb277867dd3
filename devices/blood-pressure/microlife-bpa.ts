// Microlife BP A6 PC and BPA, HID (a Cypress serial bridge): the whole memory comes as one text. The check is the text's sum in two hex digits.
// Protocol: phako/BPM "Cycle Data Specification" and two readers; a record captured, the answer composed. Never sent: 23 and 27, which set.
import { fromHex, latin1, sum } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts } from '../kit/driver.ts'
import { deviceTime } from '../kit/event.ts'
import { LinkTimeout } from '../kit/link.ts'

const READ_ALL = fromHex('12 16 18 22')
const REPORT = 8
const MOST = 7
const ACK = 0x06
const ANSWER_MS = 5000
const AGAIN_MS = 30_000
const ATTEMPTS = 15 // the bridge loses answers

const ID: [number, number] = [9, 33] // two hex digits a character, filled up with 99
const RECORDS = 33
const RECORD = 32
const MOST_RECORDS = 126 // what fits a frame of the kit
const CHECK = 2

const isHex = (byte: number) => (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46)

function cutFrame(bytes: Uint8Array): Cut {
  if (bytes[0] !== ACK) return 'noise'
  if (bytes.length < 5) return bytes.subarray(1).every(isHex) ? 'more' : 'refused'
  const count = Number.parseInt(latin1(bytes.subarray(1, 5)), 16)
  if (!bytes.subarray(1, 5).every(isHex) || count > MOST_RECORDS) return 'refused'
  const length = RECORDS + count * RECORD + CHECK
  if (!bytes.subarray(5, length).every(isHex)) return 'refused'
  if (bytes.length < length) return 'more'
  const check = sum(bytes.subarray(1, length - CHECK))
  return Number.parseInt(latin1(bytes.subarray(length - CHECK, length)), 16) === check ? { frame: length } : 'refused'
}

interface Cycle {
  deviceTime: string | null
  systolic: number
  diastolic: number
  pulse: number
}
interface Memory extends Facts {
  kind: 'memory'
  patientId: string
  readings: Cycle[]
}

/** Ten digits of the clock, six nobody explains, and the figures as ten bits each in a word that is sent twice. */
function cycle(text: string): Cycle {
  const [year, month, day, hour, minute] = (text.slice(0, 10).match(/../g) ?? []).map(Number)
  const word = Number.parseInt(text.slice(16, 24), 16)
  return {
    deviceTime: deviceTime([2000 + year!, month!, day!], [hour!, minute!]), // month 0: the clock was never set
    // Its twin differs: no figures at all, and the record is refused.
    systolic: text.slice(16, 24) === text.slice(24) ? word & 0x3ff : 0,
    diastolic: (word >> 10) & 0x3ff,
    pulse: (word >> 20) & 0x3ff,
  }
}

function parse(frame: Uint8Array): Memory {
  const text = latin1(frame)
  const cycles = Number.parseInt(text.slice(1, 5), 16)
  const patientId = latin1(fromHex(text.slice(...ID)).filter((byte) => byte !== 0x99))
  const readings = Array.from({ length: cycles }, (_, i) =>
    cycle(text.slice(RECORDS + i * RECORD, RECORDS + (i + 1) * RECORD)),
  )
  return { kind: 'memory', cycles, patientId, readings }
}

const isMemory = (facts: Facts): facts is Memory => facts.kind === 'memory'

export default defineDriver({
  vendor: 'Microlife',
  models: ['BP A6 PC / BPA', 'BP3GX1-5X'],
  kind: 'blood-pressure',
  transport: {
    type: 'hid',
    ids: [{ vendorId: 0x04b4, productId: 0x5500 }],
    reportLength: REPORT,
    /** `F` and a count from the device, the count alone to it; what stands behind is stale. */
    unwrap([lead = 0, ...payload]) {
      const count = lead & 0x0f
      const whole = (lead >> 4 === 0x0f || lead >> 4 === 0) && count <= MOST
      return Uint8Array.from(whole ? payload.slice(0, count) : [])
    },
    wrap(payload) {
      const reports: Uint8Array[] = []
      for (let at = 0; at < payload.length; at += MOST) {
        const part = payload.subarray(at, at + MOST)
        const report = new Uint8Array(REPORT)
        report.set([part.length, ...part])
        reports.push(report)
      }
      return reports
    },
  },
  check: 'sum',
  evidence: 'from notes',
  memory: true,
  measuringSeconds: { min: 20, max: 180 },
  cutFrame,
  parse,
  events(facts) {
    if (!isMemory(facts)) return []
    return [
      { kind: 'device', model: null, serial: null, clock: null },
      ...facts.readings.map(({ systolic, diastolic, pulse, deviceTime }) => ({
        ...{ kind: 'blood-pressure' as const, systolic, diastolic, mean: null, pulse: pulse || null },
        ...{ unit: 'mm[Hg]' as const, deviceTime, flags: [] },
      })),
    ]
  },
  privateRanges: () => [ID],
  subject(facts) {
    const id = isMemory(facts) ? facts.patientId.trim() : ''
    return id === '' ? undefined : id
  },
  /** Ends when the monitor stays silent. */
  async *read(link) {
    for (let silent = 0; silent < ATTEMPTS; )
      try {
        const all = await link.ask(READ_ALL, ANSWER_MS)
        silent = 0
        yield* link.tell(all)
        await link.rest(AGAIN_MS)
      } catch (error) {
        if (!(error instanceof LinkTimeout)) throw error
        silent++
      }
  },
})
