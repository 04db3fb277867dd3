// Ascensia Contour USB and Contour Next family: ASTM inside 64-byte HID reports (`ABC`, length, payload).
// Protocol: bewest/decoding-bayer captures, glucometerutils, tidepool uploader. Never sent: W|M|, which erases the results.
import {
  astmTime,
  commonRecord,
  cutFrame,
  deviceInfo,
  glucoseEvents,
  type Header,
  isHeader,
  isResult,
  readFrame,
  resultRecord,
  sessions,
} from '../kit/astm.ts'
import { bytesOf } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import type { MealContext } from '../kit/event.ts'

const REPORT = 64
const MARK = bytesOf('ABC')
const LENGTH = 3
const PAYLOAD = 4
const MOST = 60 // payload bytes of one report
const WAKE = bytesOf('X')
const SETTLE_MS = 1000 // read right after it was plugged in, the meter sends broken frames
const RESULT_FIELDS = 9
const TWO_HOURS = 120

const ASCENSIA = 0x1a79
const PRODUCTS: Record<string, string> = {
  '6200': 'Contour Next Link',
  '6210': 'Contour Next Link 2.4',
  '6300': 'Contour Next Link',
  '7350': 'Contour Next',
  '7390': 'Contour USB',
  '7410': 'Contour Next USB',
  '7800': 'Contour Next One',
  '7900': 'Contour Next',
  '7950': 'Contour Plus Blue',
}

/** Settings such as `A=1^C=03^V=20600`. V holds the limits as LLHHH; a Next Link sends none: 20 and 600. */
function settings(text: string): Facts & Record<'settings', Record<string, string>> {
  const all = Object.fromEntries(text.split('^').map((setting) => setting.split('=', 2) as [string, string]))
  const [, lo = '20', hi = '600'] = /^(\d\d)(\d{3})$/.exec(all.V ?? '') ?? []
  return {
    kind: 'settings',
    settings: all,
    language: all.G?.split(',')[0],
    unitSetting: all.U === '1' ? 'mmol/L' : 'mg/dL', // of the display; a result carries its own unit
    loLimit: Number(lo),
    hiLimit: Number(hi),
  }
}

function header(fields: readonly string[]): Header {
  const [product = '', versions = '', serial = '', sku] = (fields[4] ?? '').split('^')
  const [softwareVersion, analogVersion, agpVersion] = versions.split('\\')
  return {
    ...settings(fields[5] ?? ''),
    kind: 'header',
    password: fields[3],
    product,
    softwareVersion,
    analogVersion,
    agpVersion,
    serial,
    sku,
    resultCount: Number(fields[6]),
    processingId: fields[11] || null,
    deviceTime: astmTime(fields[13]),
  }
}

const MEALS = { B: 'before', A: 'after', F: 'fasting' } as const

function result(fields: readonly string[]): Facts {
  if (fields.length > RESULT_FIELDS) throw new FrameError('Contour: a result with more fields than it has')
  const markers = fields[6] ? fields[6].split('/') : []
  const meal = (['F', 'B', 'A'] as const).find((mark) => markers.includes(mark))
  const steps = markers.find((mark) => /^Z[0-9A-F]$/.test(mark))
  const facts = resultRecord(fields, {
    marks: markers,
    control: markers.includes('C'),
    meal: meal ? MEALS[meal] : null,
    time: astmTime(fields[8]),
  })
  return { ...facts, markers, ...(steps && { minutesAfterMeal: Number.parseInt(steps.slice(1), 16) * 15 }) }
}

function parse(frame: Uint8Array): Facts {
  const read = readFrame(frame)
  if ('control' in read) return { kind: 'control', char: read.control }
  const { fields } = read
  const facts = fields[0] === 'H' ? header(fields) : fields[0] === 'R' ? result(fields) : commonRecord(fields)
  if (!facts) throw new FrameError('Contour: a record that is none of H P O R L')
  return { ...read.frame, ...facts }
}

function context(meal: 'before' | 'after' | 'fasting' | null, minutesAfterMeal: unknown): MealContext {
  if (meal === 'fasting') return 'fasting'
  if (meal === 'before') return 'preMeal'
  if (meal === 'after') return minutesAfterMeal === TWO_HOURS ? 'postMeal2h' : 'postMeal'
  return 'unknown'
}

export default defineDriver({
  vendor: 'Ascensia',
  models: ['Contour USB', 'Contour Next family', 'Contour Next Link'],
  kind: 'glucose',
  transport: {
    type: 'hid',
    ids: [0x6002, 0x6200, 0x6210, 0x6300, 0x7350, 0x7410, 0x7800, 0x7900, 0x7950].map((productId) => ({
      vendorId: ASCENSIA,
      productId,
    })),
    reportLength: REPORT,
    unwrap(report) {
      const length = report[LENGTH]!
      const whole = MARK.every((byte, i) => byte === report[i]) && length <= MOST
      return report.subarray(PAYLOAD, whole ? PAYLOAD + length : PAYLOAD) // what stands behind may be stale
    },
    wrap(payload) {
      const reports: Uint8Array[] = []
      for (let at = 0; at < payload.length; at += MOST) {
        const part = payload.subarray(at, at + MOST)
        const report = new Uint8Array(REPORT)
        report.set(MARK)
        report[LENGTH] = part.length
        report.set(part, PAYLOAD)
        reports.push(report)
      }
      return reports
    },
  },
  check: 'sum',
  evidence: 'recorded',
  memory: true,
  cutFrame,
  parse,
  events(facts, earlier) {
    if (isHeader(facts)) return [deviceInfo(facts, PRODUCTS)]
    return isResult(facts) ? glucoseEvents(facts, earlier, context(facts.meal, facts.minutesAfterMeal)) : []
  },
  /** The memory can be read once after plugging in; later results come when it is plugged in again. */
  async *read(link) {
    await link.rest(SETTLE_MS)
    await link.send(WAKE)
    yield* sessions(link, parse, WAKE)
  },
})
