// G-Tech GL-150 and GL-310, weight and height together, RS-232: text columns between STX and ETX. No check.
// Protocol: srwhitebox/MiKIO and a C# kiosk client. A GL-310 set to print (F4 = 1) sends a printed slip instead: such text is refused, set F4 to 0.
import { fixedLength, latin1 } from '../kit/bytes.ts'
import { defineDriver, type Facts } from '../kit/driver.ts'
import { eachOnce } from '../kit/standing.ts'

const LENGTH = 27
const GAP_MS = 4000 // whether it repeats nobody says
/** Height, weight, man, woman or child, two figures worked out from these; each five wide. */
const SHAPE = /^\d{3}\.\d,(\d\d\.\d\d|\d{3}\.\d),[MFC],[ \d.]{5},[ \d.]{5}$/
const ETX = 0x03

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
  cutFrame: fixedLength(LENGTH, [0x02], (frame) => frame.at(-1) === ETX && SHAPE.test(latin1(frame.subarray(1, -1)))),
  parse(frame): Figures {
    const [height, weight, gender, obesity, bmi] = latin1(frame.subarray(1, -1)).split(',')
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
