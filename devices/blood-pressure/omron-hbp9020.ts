// Omron HBP-9020 arm-in monitor ("mode 5 / F3"), RS-232: one text line when a measurement ends. The protocol has no check.
// Protocol: public capture and srwhitebox/MiKIO HBP9020.cs. The order differs from the HBP-9030: the mean is third.
import { latin1, maskedLine } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { deviceTime } from '../kit/event.ts'

const LINE = 'bp,********************,####/##/##,##:##,___,___,___,___,#'
const SURE = 'bp,'.length
const FOREIGN = ['MMBP203N', 'ID', '####,##,##,'] // other Omron output formats, the last the HBP-9030's
const ID: [number, number] = [3, 23]

interface Line extends Facts {
  kind: 'measurement'
  deviceTime: string | null
  subjectId: string
  systolic: number | null
  mean: number | null
  diastolic: number | null
  pulse: number | null
  trailer: number
}

const figure = (text: string | undefined) => (text && /^\d{3}$/.test(text) ? Number(text) : null)

function parse(frame: Uint8Array): Line | Facts {
  if (frame.length === 1) return { kind: 'line end' }
  const text = latin1(frame)
  const [date = '', time = '', systolic, mean, diastolic, pulse, trailer] = text.slice(ID[1] + 1, -1).split(',')
  const [year, month, day] = date.split('/').map(Number)
  const [hour, minute] = time.split(':').map(Number)
  return {
    kind: 'measurement',
    deviceTime: deviceTime([year!, month!, day!], [hour!, minute!]),
    subjectId: text.slice(...ID),
    systolic: figure(systolic),
    mean: figure(mean),
    diastolic: figure(diastolic),
    pulse: figure(pulse),
    trailer: Number(trailer), // not a failure code: the capture has 3 on a complete, consistent reading
  }
}

const isLine = (facts: Facts): facts is Line => facts.kind === 'measurement'

export default defineDriver({
  vendor: 'Omron',
  models: ['HBP-9020'],
  kind: 'blood-pressure',
  transport: { type: 'serial', baud: 2400, parity: 'even' }, // the one source says one stop bit and sets two
  check: 'none',
  evidence: 'recorded',
  memory: false,
  // No duration is sent. Nobody is measured in under 20 s; a second inflation stays below 3 minutes. A bound too wide
  // leaves a reading unassigned; it never gives one to somebody else.
  measuringSeconds: { min: 20, max: 180 },
  cutFrame: maskedLine(LINE, SURE, FOREIGN),
  parse,
  events(facts) {
    if (!isLine(facts)) return []
    const { systolic, diastolic, mean } = facts
    // Blank pressures: it measured and failed; which failure the line does not say.
    if (systolic === null && diastolic === null && mean === null)
      return [{ kind: 'failure', of: 'blood-pressure', code: String(facts.trailer), reason: 'unknown' }]
    if (systolic === null || diastolic === null || mean === null)
      throw new FrameError('HBP-9020: a line with only some of its pressures')
    // Nothing but shape and plausibility guards a line without a check: a mean lies between the pressures it is the mean of.
    if (mean <= diastolic || mean >= systolic) throw new FrameError('HBP-9020: the mean is not between the pressures')
    return [
      {
        kind: 'blood-pressure',
        systolic,
        diastolic,
        mean,
        pulse: facts.pulse || null, // 000 is a filler, not a pulse
        unit: 'mm[Hg]',
        deviceTime: facts.deviceTime,
        flags: [],
      },
    ]
  },
  privateRanges: (frame) => (frame.length > ID[1] ? [ID] : []),
  subject(facts) {
    const id = isLine(facts) ? facts.subjectId.trim() : ''
    return /^9*$/.test(id) ? undefined : id // blank, or the factory's default
  },
  async *read(link) {
    while (true) yield* link.tell(await link.receive())
  },
})
