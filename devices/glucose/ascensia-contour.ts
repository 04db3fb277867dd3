// Bayer/Ascensia Contour on its serial cable, with Breeze 2, DEX and Elite XL, which speak the same. ASTM; the meter begins.
// Protocol: Bayer meter interface specification 99993952 Rev C. Never sent: W|M|, which erases the results.
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

const WAKE = bytesOf('X') // any byte that is neither ACK nor NAK
const RESULT_FIELDS = 12

/** Product codes of the header, by the specification. */
const PRODUCTS: Record<string, string> = {
  '7150': 'Contour',
  '7220': 'Contour',
  '7160': 'Contour Next EZ',
  '7600': 'Contour Plus',
  '6115': 'Breeze 2',
  '6116': 'Breeze 2',
  '3950': 'DEX',
  '3883': 'Elite XL',
}

function header(fields: readonly string[]): Header {
  const [product = '', versions = '', serial = ''] = (fields[4] ?? '').split('^')
  const [softwareVersion, eepromVersion] = versions.split('\\')
  return {
    kind: 'header',
    password: fields[3],
    product,
    softwareVersion,
    eepromVersion,
    serial,
    processingId: fields[11] || null,
    deviceTime: astmTime(fields[13]),
  }
}

function result(fields: readonly string[]): Facts {
  if (fields.length > RESULT_FIELDS) throw new FrameError('Contour: a result with more fields than it has')
  const list = (field: string | undefined) => (field ? field.split('\\') : [])
  const flags = list(fields[6])
  const userMarks = list(fields[7])
  const statusCodes = list(fields[8])
  const facts = resultRecord(fields, {
    marks: flags,
    control: statusCodes.includes('E'), // alone, with a user mark, under whatever order: not the person's blood
    meal: userMarks.includes('B') ? 'before' : userMarks.includes('A') ? 'after' : null,
    time: astmTime(fields[11]),
  })
  return { ...facts, referenceRange: fields[5] || null, flags, userMarks, statusCodes }
}

function parse(frame: Uint8Array): Facts {
  const read = readFrame(frame)
  if ('control' in read) return { kind: 'control', char: read.control }
  const { fields } = read
  const facts = fields[0] === 'H' ? header(fields) : fields[0] === 'R' ? result(fields) : commonRecord(fields)
  if (!facts) throw new FrameError('Contour: a record that is none of H P O R L')
  return { ...read.frame, ...facts }
}

export default defineDriver({
  vendor: 'Ascensia',
  models: ['Contour', 'Contour Next EZ', 'Contour Plus', 'Breeze 2', 'DEX', 'Elite XL'],
  kind: 'glucose',
  // The cable's electronics live on DTR; 1A79:6001 is the maker's own cable.
  transport: { type: 'serial', baud: 9600, dtr: true, ids: [{ vendorId: 0x1a79, productId: 0x6001 }] },
  check: 'sum',
  evidence: 'from notes',
  memory: true,
  cutFrame,
  parse,
  events(facts, earlier) {
    if (isHeader(facts)) return [deviceInfo(facts, PRODUCTS)]
    if (!isResult(facts)) return []
    return glucoseEvents(facts, earlier, facts.meal === 'before' ? 'preMeal' : facts.meal ? 'postMeal' : 'unknown')
  },
  read: (link) => sessions(link, parse, WAKE),
})
