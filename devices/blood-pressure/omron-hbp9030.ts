// Omron HBP-9030 arm-in monitor, output format 5: one text line when a measurement ends. The protocol has no check.
// Protocol: Omron manual 2873643-0F p. 20 by way of leon80148/BP_checker. The order differs from the HBP-9020: no mean.
import { latin1, maskedLine } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { deviceTime } from '../kit/event.ts'

const LINE = '####,##,##,##,##,********************,#,___,___,___,#'
const SURE = 'YYYY,MM,'.length // so much of it is no accident
const FOREIGN = ['MMBP203N', 'ID', 'bp,'] // the monitor's other output formats (function item 32)
const ID: [number, number] = [17, 37]
/** What the device can measure, by its manual. */
const RANGE = { systolic: [60, 260], diastolic: [30, 215], pulse: [40, 180] } as const

interface Line extends Facts {
  kind: 'measurement'
  deviceTime: string | null
  subjectId: string
  error: number
  systolic: number | null
  diastolic: number | null
  pulse: number | null
  movementCount: number
}

const figure = (text: string | undefined) => (text && /^\d{3}$/.test(text) ? Number(text) : null)

function parse(frame: Uint8Array): Line | Facts {
  if (frame.length === 1) return { kind: 'line end' }
  const text = latin1(frame)
  const [year, month, day, hour, minute] = text.slice(0, ID[0]).split(',').map(Number)
  const [error, systolic, diastolic, pulse, movement] = text.slice(ID[1] + 1, -1).split(',')
  return {
    kind: 'measurement',
    deviceTime: deviceTime([year!, month!, day!], [hour!, minute!]),
    subjectId: text.slice(...ID),
    error: Number(error),
    systolic: figure(systolic),
    diastolic: figure(diastolic),
    pulse: figure(pulse),
    movementCount: Number(movement),
  }
}

const isLine = (facts: Facts): facts is Line => facts.kind === 'measurement'

/** The figure if the device can measure it. Nothing but range and shape guards a line without a check. */
function within(name: keyof typeof RANGE, figure: number | null): number {
  const [low, high] = RANGE[name]
  if (figure === null || figure < low || figure > high)
    throw new FrameError(`HBP-9030: ${name} is outside ${low} to ${high}, which is all the device can measure`)
  return figure
}

export default defineDriver({
  vendor: 'Omron',
  models: ['HBP-9030', 'HBP-9031C'],
  kind: 'blood-pressure',
  transport: { type: 'serial', baud: 9600 },
  check: 'none',
  evidence: 'from notes',
  memory: false,
  // No duration is sent. Nobody is measured in under 20 s; a second inflation stays below 3 minutes. A bound too wide
  // leaves a reading unassigned; it never gives one to somebody else.
  measuringSeconds: { min: 20, max: 180 },
  cutFrame: maskedLine(LINE, SURE, FOREIGN),
  parse,
  events(facts) {
    if (!isLine(facts)) return []
    if (facts.error !== 0)
      return [{ kind: 'failure', of: 'blood-pressure', code: String(facts.error), reason: 'unknown' }] // codes unpublished
    return [
      {
        kind: 'blood-pressure',
        systolic: within('systolic', facts.systolic),
        diastolic: within('diastolic', facts.diastolic),
        mean: null,
        pulse: facts.pulse ? within('pulse', facts.pulse) : null, // 000 is a filler, not a pulse
        unit: 'mm[Hg]',
        deviceTime: facts.deviceTime,
        flags: facts.movementCount > 0 ? ['movement'] : [],
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
