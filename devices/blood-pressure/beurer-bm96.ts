// Beurer BM96 Cardio, HID: commands of eight bytes filled up with F4, answers of a report each; the memory is asked user by user, without a check.
// Protocol: roose242/bmtoolkit bmquery.py; from notes. Its records of ECGs are passed over: their figures have no meaning without the curve.
import { wholeReport } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts } from '../kit/driver.ts'
import { deviceTime } from '../kit/event.ts'
import { askPast, type Link, LinkTimeout } from '../kit/link.ts'

const COMMAND = 8
const REPORT = 64 // the longest there is: how long its own are, nobody says; a shorter one is filled up
const FILL = 0xf4
const HELLO = 0x55
const ASK_HELLO = Uint8Array.of(0xaa)
const ASK_COUNTS = Uint8Array.of(0xa2)
const USERS = [0, 1]
const askRecord = (user: number, row: number) => Uint8Array.of(0xa3, user, row)

const ANSWER_MS = 1000
const AGAIN_MS = 30_000
const SENSOR = 3
const BP = 1
const ECG = 2
const IRREGULAR = [0x09, 0x0d] // atrial fibrillation, alone or with another arrhythmia, as the monitor has it

const sensorOf = (report: Uint8Array) => (report[SENSOR] === BP || report[SENSOR] === ECG ? report[SENSOR] : null)
const isRecord = ([user = 0, , , , hour = 0, minute = 0, day = 0, month = 0]: Uint8Array) =>
  USERS.includes(user) && hour < 24 && minute < 60 && day <= 31 && month <= 12
/** All that is known of what is no record: one or two bytes, then fillers. */
const isOther = (report: Uint8Array) => report.subarray(2, COMMAND).every((byte) => byte === FILL || byte === 0)
const oneReport = wholeReport(REPORT, (report) => (sensorOf(report) === null ? isOther(report) : isRecord(report)))
/** The reader steps over reports that begin with the filler. */
const cutFrame = (bytes: Uint8Array): Cut => (bytes[0] === FILL ? 'noise' : oneReport(bytes))

interface Measurement extends Facts {
  kind: 'measurement'
  deviceTime: string | null
  systolic: number
  diastolic: number
  pulse: number
  flagByte: number
}

function parse(report: Uint8Array): Facts {
  const [user = 0, index = 0, , sensor, hour = 0, minute = 0, day = 0, month = 0, year = 0, flagByte = 0] = report
  const [systolic, diastolic, pulse] = report.subarray(11)
  if (sensorOf(report) === null) return { kind: user === HELLO ? 'hello' : 'counts' }
  const time = deviceTime([2000 + year, month, day], [hour, minute])
  const record = { user: user + 1, index, sensor: sensor === BP ? 'bp' : 'ecg', deviceTime: time, flagByte }
  return sensor === BP ? { kind: 'measurement', ...record, systolic, diastolic, pulse } : { kind: 'ecg', ...record }
}

const isMeasurement = (facts: Facts): facts is Measurement => facts.kind === 'measurement'

/** One pass through the memory. @throws LinkTimeout when the monitor is silent */
async function* memory(link: Link) {
  const hello = await link.ask(ASK_HELLO, ANSWER_MS)
  if (hello[0] !== HELLO || sensorOf(hello) !== null)
    throw new Error('expected 55 in answer to AA: this is no Beurer BM96')
  yield* link.tell(hello)
  const counts = await link.ask(ASK_COUNTS, ANSWER_MS)
  for (const user of USERS)
    for (let row = 0; row < counts[user]!; row++) {
      const record = await askPast(link, askRecord(user, row), ANSWER_MS)
      if (record) yield* link.tell(record)
    }
}

export default defineDriver({
  vendor: 'Beurer',
  models: ['BM96'],
  kind: 'blood-pressure',
  transport: {
    type: 'hid',
    ids: [{ vendorId: 0x314a, productId: 0x0102 }],
    reportLength: REPORT,
    aligned: true,
    unwrap: (report) => report,
    wrap(payload) {
      const length = payload.length > COMMAND ? REPORT : COMMAND
      const reports: Uint8Array[] = []
      for (let at = 0; at < payload.length; at += length) {
        const report = new Uint8Array(length).fill(FILL)
        report.set(payload.subarray(at, at + length))
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
    if (!isMeasurement(facts)) return []
    const { systolic, diastolic, pulse, deviceTime, flagByte } = facts
    const figures = { systolic, diastolic, mean: null, pulse: pulse || null }
    const flags = IRREGULAR.includes(flagByte) ? (['irregular-pulse'] as const) : []
    return [{ kind: 'blood-pressure', ...figures, unit: 'mm[Hg]', deviceTime, flags: [...flags] }]
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
