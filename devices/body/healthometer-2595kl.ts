// Health o meter Professional 2595KL, 522, 524 and 553 scales, RS-232 at 2400 baud: a weight of fixed columns up to CR. No check.
// Protocol: Pelstar, "Communication Protocols", 2023. The second byte tells pounds (80) from kilograms (82). The first is 01 or 02; what it means is not told.
import { latin1 } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { eachOnce } from '../kit/standing.ts'

const CR = 0x0d
const HEAD = 4
const LONGEST = 12
const GAP_MS = 4000
const IMPERIAL = 0x80
const METRIC = 0x82

function cutFrame(bytes: Uint8Array): Cut {
  const [first, unit, third, fourth] = bytes
  if (first !== 0x01 && first !== 0x02) return 'noise'
  if (unit !== undefined && unit !== IMPERIAL && unit !== METRIC) return 'noise'
  if ((third !== undefined && third !== 0xd7) || (fourth !== undefined && fourth !== 0xe4)) return 'refused'
  for (let at = HEAD; at < LONGEST; at++) {
    if (bytes[at] === undefined) return 'more'
    if (bytes[at] === CR) return WEIGHT.test(latin1(bytes.subarray(HEAD, at))) ? { frame: at + 1 } : 'refused'
  }
  return 'refused'
}
const WEIGHT = /^\d{3}\.(\d|\d{3})$/

interface Weight extends Facts {
  kind: 'measurement'
  weight: number
  units: 'imperial' | 'metric'
}
const isWeight = (facts: Facts): facts is Weight => facts.kind === 'measurement'

export default defineDriver({
  vendor: 'Health o meter',
  models: ['2595KL', '522/524/553'],
  kind: 'body',
  transport: { type: 'serial', baud: 2400 },
  check: 'none',
  evidence: 'recorded',
  memory: false,
  repeats: true,
  measuringSeconds: { min: 3, max: 60 },
  cutFrame,
  parse(frame): Weight {
    const text = latin1(frame.subarray(HEAD, -1))
    if (!WEIGHT.test(text)) throw new FrameError('2595KL: expected a weight of three digits and one or three decimals')
    return { kind: 'measurement', weight: Number(text), units: frame[1] === METRIC ? 'metric' : 'imperial' }
  },
  events(facts) {
    if (!isWeight(facts)) return []
    return [
      { kind: 'body-weight', value: facts.weight, unit: facts.units === 'metric' ? 'kg' : '[lb_av]', deviceTime: null },
    ]
  },
  read: (link) => eachOnce(link, GAP_MS, (frame) => ({ figure: latin1(frame), settle: 1 })),
})
