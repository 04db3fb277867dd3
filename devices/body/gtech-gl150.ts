// G-Tech GL-150 and GL-310, weight and height together, RS-232: text columns between STX and ETX. No check.
// Protocol: srwhitebox/MiKIO and a C# kiosk client. A GL-310 set to print (F4 = 1) sends a slip of labelled lines instead.
import { fixedLength, latin1 } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts } from '../kit/driver.ts'
import { eachOnce } from '../kit/standing.ts'

const LENGTH = 27
const GAP_MS = 4000 // whether it repeats nobody says
/** Height, weight, man, woman or child, two figures worked out from these; each five wide. */
const SHAPE = /^\d{3}\.\d,(\d\d\.\d\d|\d{3}\.\d),[MFC],[ \d.]{5},[ \d.]{5}$/
const ETX = 0x03

const columns = fixedLength(
  LENGTH,
  [0x02],
  (frame) => frame.at(-1) === ETX && SHAPE.test(latin1(frame.subarray(1, -1))),
)

const NUL = 0 // ends a slip, and stood before the captured one
const SLIP_HEAD = '\r\nGENDER'
const SLIP_LONGEST = 240
const LABELS = {
  gender: /GENDER +---- ([A-Z]+) *\r/,
  weightKg: /WEIGHT +---- +(\d+\.\d+) kg *\r/,
  standardKg: /STANDARD +---- +(\d+\.\d+) kg *\r/,
  heightCm: /HEIGHT +---- +(\d+\.\d+) cm *\r/,
  bmi: /B {2}M {2}I +---- +(\d+\.\d+) *\r/,
  fatnessPercent: /FATNESS +---- +(\d+\.\d+) % *\r/,
  mark: /MARKS +---- ([A-Z]+) *\r/,
}
const slipText = (byte: number) => (byte >= 0x20 && byte <= 0x7e) || byte === 0x0d || byte === 0x0a || byte === 0x1b

function slip(bytes: Uint8Array): Cut {
  const from = bytes[0] === NUL ? 1 : 0
  for (let at = from; at < SLIP_LONGEST; at++) {
    const byte = bytes[at]
    const head = SLIP_HEAD.charCodeAt(at - from)
    if (byte === undefined) return 'more'
    if (at - from < SLIP_HEAD.length && byte !== head) return at - from < 3 ? 'noise' : 'refused'
    if (byte === NUL) {
      const text = latin1(bytes.subarray(from, at))
      return LABELS.weightKg.test(text) && LABELS.heightCm.test(text) ? { frame: at + 1 } : 'refused'
    }
    if (!slipText(byte)) return 'refused'
  }
  return 'refused'
}

interface Figures extends Facts {
  kind: 'measurement'
  heightCm: number
  weightKg: number
}
const isFigures = (facts: Facts): facts is Figures => facts.kind === 'measurement'

export default defineDriver({
  vendor: 'G-Tech',
  models: ['GL-150', 'GL-310'],
  kind: 'body',
  transport: { type: 'serial', baud: 9600 },
  check: 'none',
  evidence: 'recorded',
  memory: false,
  repeats: true,
  measuringSeconds: { min: 3, max: 60 },
  cutFrame: (bytes) => (bytes[0] === 0x02 ? columns(bytes) : slip(bytes)),
  parse(frame): Figures {
    const text = latin1(frame)
    if (frame.length !== LENGTH) {
      const labelled = Object.entries(LABELS).map(([name, label]) => [name, label.exec(text)?.[1] ?? null])
      const { gender, mark, ...figures } = Object.fromEntries(labelled)
      const numbers = Object.fromEntries(Object.entries(figures).map(([name, figure]) => [name, Number(figure)]))
      return { kind: 'measurement', heightCm: 0, weightKg: 0, ...numbers, gender, mark }
    }
    const [height, weight, gender, obesity, bmi] = text.slice(1, -1).split(',')
    return {
      kind: 'measurement',
      heightCm: Number(height),
      weightKg: Number(weight),
      gender,
      obesityPercent: Number(obesity),
      bmi: Number(bmi),
    }
  },
  events(facts) {
    if (!isFigures(facts)) return []
    return [
      { kind: 'body-weight', value: facts.weightKg, unit: 'kg', deviceTime: null },
      { kind: 'body-height', value: facts.heightCm, unit: 'cm', deviceTime: null },
    ]
  },
  read: (link) => eachOnce(link, GAP_MS, (frame) => ({ figure: latin1(frame), settle: 1 })),
})
