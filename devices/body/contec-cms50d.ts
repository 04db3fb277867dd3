// Contec CMS50D+ pulse oximeters of the older kind (protocol 5 and before), serial bridge, 19200 baud, odd parity: five bytes sixty times a second. No check.
// Protocol: atbrask/CMS50Dplus; from notes. Its memory has no times at all and is not asked for; F6 F6 F6 is never sent.
import { type Cut, defineDriver, type Facts } from '../kit/driver.ts'
import { eachOnce } from '../kit/standing.ts'

const FRAME = 5
const START = 0x80 // bit 7 begins a frame and stands in no other byte of it
const SETTLE = 600 // ten seconds of the finger in
const GAP_MS = 4000

function cutFrame(bytes: Uint8Array): Cut {
  if (bytes[0]! < START) return 'noise'
  for (let at = 1; at < FRAME; at++) {
    const byte = bytes[at]
    if (byte === undefined) return 'more'
    if (byte >= START) return 'refused'
  }
  return { frame: FRAME }
}

interface Live extends Facts {
  kind: 'live'
  fingerOut: boolean
  probeError: boolean
  searching: boolean
  pulse: number
  spo2: number
}

function parse([b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0]: Uint8Array): Live {
  return {
    kind: 'live',
    signalStrength: b0 & 0x0f,
    fingerOut: (b0 & 0x10) !== 0,
    droppingSpO2: (b0 & 0x20) !== 0,
    beep: (b0 & 0x40) !== 0,
    pleth: b1 & 0x7f,
    bar: b2 & 0x0f,
    probeError: (b2 & 0x10) !== 0,
    searching: (b2 & 0x20) !== 0,
    pulse: ((b2 & 0x40) << 1) | (b3 & 0x7f),
    spo2: b4 & 0x7f,
  }
}

const isLive = (facts: Facts): facts is Live => facts.kind === 'live'
const isIn = ({ fingerOut, probeError, searching, spo2 }: Live) => !fingerOut && !probeError && !searching && spo2 > 0

export default defineDriver({
  vendor: 'Contec',
  models: ['CMS50D+'],
  kind: 'body',
  transport: { type: 'serial', baud: 19200, parity: 'odd' },
  check: 'none',
  evidence: 'from notes',
  memory: false,
  repeats: true,
  measuringSeconds: { min: 10, max: 120 },
  cutFrame,
  parse,
  events(facts) {
    if (!isLive(facts) || !isIn(facts)) return []
    return [{ kind: 'oxygen-saturation', value: facts.spo2, unit: '%', pulse: facts.pulse || null, deviceTime: null }]
  },
  read: (link) =>
    eachOnce(link, GAP_MS, (frame) => (isIn(parse(frame)) ? { figure: 'a finger', settle: SETTLE } : null)),
})
