// Health o meter Professional scales 500KL, 498KL, 597KL, 600KL, USB (CP210x): the locked weight about once a second, fields led by ESC. No check.
// Protocol: Pelstar, "Communication Protocols", 2023. `Nc` means pounds and inches, `Nm` kilograms and centimetres.
// Older firmware sends weights that are not locked, and a 600KL that was tipped a wrong one: only what stands three times is believed.
import { latin1 } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { eachOnce } from '../kit/standing.ts'

const ESC = 0x1b
const START = '\x1bR\x1bI'
const LONGEST = 80
const GAP_MS = 4000 // it repeats about once a second
const SETTLE = 3
/** The fields, each on a line; no byte of them can end one. */
const FIELDS =
  /^\nR\nI([ -~]{0,20})\nW(\d{1,3}\.\d{1,2})\nH(\d{1,3}\.\d{1,2})\nB(\d{1,3}\.\d{1,2})(?:\nT(\d{1,3}\.\d{1,2}))?\nN([cm])\nE$/
const fieldsOf = (frame: Uint8Array) => FIELDS.exec(latin1(frame).replaceAll('\x1b', '\n'))

interface Figures extends Facts {
  kind: 'measurement'
  patientId: string
  weight: number
  height: number
  units: 'imperial' | 'metric'
}

/** Up to ESC E; a frame whose fields are not as they should be is refused. */
function cutFrame(bytes: Uint8Array): Cut {
  for (let at = 0; at < LONGEST; at++) {
    const byte = bytes[at]
    if (byte === undefined) return 'more'
    if (at < START.length) {
      if (byte !== START.charCodeAt(at)) return at < 2 ? 'noise' : 'refused'
    } else if (byte === 0x45 && bytes[at - 1] === ESC)
      return fieldsOf(bytes.subarray(0, at + 1)) ? { frame: at + 1 } : 'refused'
    else if (byte !== ESC && (byte < 0x20 || byte > 0x7e)) return 'refused'
  }
  return 'refused'
}

function parse(frame: Uint8Array): Figures {
  const fields = fieldsOf(frame)
  if (!fields) throw new FrameError('500KL: expected an id, a weight, a height and the unit')
  const [, patientId = '', weight, height, bmi, tare, unit] = fields
  return {
    kind: 'measurement',
    patientId,
    weight: Number(weight),
    height: Number(height),
    bmi: Number(bmi),
    ...(tare !== undefined && { tare: Number(tare) }),
    units: unit === 'c' ? 'imperial' : 'metric',
  }
}

const isFigures = (facts: Facts): facts is Figures => facts.kind === 'measurement'

export default defineDriver({
  vendor: 'Health o meter',
  models: ['500KL', '498KL', '597KL', '600KL'],
  kind: 'body',
  transport: { type: 'serial', baud: 9600 },
  check: 'none',
  evidence: 'recorded',
  memory: false,
  repeats: true,
  measuringSeconds: { min: 3, max: 60 },
  cutFrame,
  parse,
  events(facts) {
    if (!isFigures(facts)) return []
    const { weight, height, units } = facts
    const metric = units === 'metric'
    return [
      { kind: 'body-weight', value: weight, unit: metric ? 'kg' : '[lb_av]', deviceTime: null },
      // 0.0: nobody was measured, or the scale has no rod.
      ...(height === 0
        ? []
        : [
            {
              kind: 'body-height' as const,
              value: height,
              unit: metric ? ('cm' as const) : ('[in_i]' as const),
              deviceTime: null,
            },
          ]),
    ]
  },
  privateRanges(frame) {
    const end = frame.indexOf(ESC, START.length)
    return end > START.length ? [[START.length, end]] : []
  },
  subject(facts) {
    const id = isFigures(facts) ? facts.patientId.trim() : ''
    return /^0*$/.test(id) ? undefined : id
  },
  read: (link) => eachOnce(link, GAP_MS, (frame) => ({ figure: latin1(frame), settle: SETTLE })),
})
