// Terumo BR-500 (listed as BP-500 too), RS-232: one text frame when a measurement ends. The check is the sum from STX to ETX.
// Protocol: andamandev32-pixel/test-terumo-bp and two more readers; from notes. They open the line at 9600 or 19200: the site may set it.
import { fixedLength, latin1, sum } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { deviceTime } from '../kit/event.ts'

const LENGTH = 65
const START = [0x02, 0x52, 0x31, 0x2c] // STX, "R1,"
const ETX = 0x03
const ACK = Uint8Array.of(0x06)
const ID: [number, number] = [4, 13]
/** The four numbers at the end are zero in every frame known; what they mean nobody says. */
const BODY =
  /^R1,(.{9}),(\d\d)(\d\d)(\d\d),(\d\d)(\d\d)(\d\d),(\d{3}),(\d{3}),(\d{3}),(\d{3}),(\d{4},\d{4},\d{5},\d{3})$/

interface Measurement extends Facts {
  kind: 'measurement'
  subjectId: string
  deviceTime: string | null
  systolic: number
  mean: number
  diastolic: number
  pulse: number
}

function parse(frame: Uint8Array): Measurement {
  const fields = BODY.exec(latin1(frame.subarray(1, -2)))
  if (!fields) throw new FrameError('BR-500: expected an id, date, time and four figures of three digits')
  const [, subjectId = '', ...rest] = fields
  const trailer = rest.pop()
  const [year, month, day, hour, minute, second, systolic, mean, diastolic, pulse] = rest.map(Number)
  return {
    kind: 'measurement',
    subjectId,
    deviceTime: deviceTime([2000 + year!, month!, day!], [hour!, minute!, second]),
    systolic: systolic!,
    mean: mean!,
    diastolic: diastolic!,
    pulse: pulse!,
    trailer,
  }
}

const isMeasurement = (facts: Facts): facts is Measurement => facts.kind === 'measurement'

export default defineDriver({
  vendor: 'Terumo',
  models: ['BR-500'],
  kind: 'blood-pressure',
  transport: { type: 'serial', baud: 9600 },
  check: 'sum',
  evidence: 'from notes',
  memory: false,
  // No duration is sent. Nobody is measured in under 20 s; a second inflation stays below 3 minutes.
  measuringSeconds: { min: 20, max: 180 },
  resendsWithinMs: 10_000, // whether it repeats a frame whose answer was lost nobody says; its clock tells two apart
  cutFrame: fixedLength(
    LENGTH,
    START,
    (frame) => frame[LENGTH - 2] === ETX && sum(frame.subarray(0, -1)) === frame[LENGTH - 1],
  ),
  parse,
  events(facts) {
    if (!isMeasurement(facts)) return []
    const { systolic, diastolic, mean, pulse, deviceTime } = facts
    const figures = { systolic, diastolic, mean: mean || null, pulse: pulse || null } // 000 is a filler
    return [{ kind: 'blood-pressure', ...figures, unit: 'mm[Hg]', deviceTime, flags: [] }]
  },
  privateRanges: () => [ID],
  subject(facts) {
    const id = isMeasurement(facts) ? facts.subjectId.trim() : ''
    return /^0*$/.test(id) ? undefined : id // blank, or nobody typed one
  },
  async *read(link) {
    while (true) {
      const told = link.tell(await link.receive())
      await link.send(ACK)
      yield* told
    }
  },
})
