// Contec CMS50D+ pulse oximeters of protocol 7, USB serial at 115200 baud: asked to begin, nine bytes sixty times a second. No check.
// Protocol: timegrid/CMS50Dplus7; from notes. A package is told by bit 7, which the first byte alone has not. Its memory is not asked for.
import { type Cut, defineDriver, type Facts } from '../kit/driver.ts'
import { type Link, LinkTimeout } from '../kit/link.ts'
import { eachOnce } from '../kit/standing.ts'

const PACKAGE = 9
const LIVE = 0x01
const command = (code: number) => Uint8Array.of(0x7d, 0x81, code, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80)
const BEGIN = command(0xa1)
const STAY = command(0xaf)
const STAY_EACH = 240 // packages: four seconds; after five it falls silent
const SETTLE = 600 // ten seconds of the finger in
const GAP_MS = 4000
const NO_PULSE = 0xff
const NO_SATURATION = 0x7f
const NO_INDEX = 0xffff

function cutFrame(bytes: Uint8Array): Cut {
  if (bytes[0] !== LIVE) return 'noise'
  for (let at = 1; at < PACKAGE; at++) {
    const byte = bytes[at]
    if (byte === undefined) return 'more'
    if (byte < 0x80) return 'refused'
  }
  return { frame: PACKAGE }
}

interface Live extends Facts {
  kind: 'live'
  searching: boolean
  pulse: number | null
  spo2: number | null
}

/** The second byte holds the true bit 7 of those behind it. */
function parse(frame: Uint8Array): Live {
  const [signal = 0, wave = 0, bar = 0, pulse = 0, spo2 = 0, low = 0, high = 0] = Array.from(
    frame.subarray(2),
    (byte, i) => (byte & 0x7f) | (((frame[1]! >> i) & 1) << 7),
  )
  const index = low | (high << 8)
  return {
    kind: 'live',
    signalStrength: signal & 0x0f,
    searching: (wave & 0x80) !== 0,
    pleth: wave & 0x7f,
    bar: bar & 0x0f,
    piValid: (bar & 0x10) !== 0,
    pulse: pulse === NO_PULSE ? null : pulse,
    spo2: spo2 === NO_SATURATION ? null : spo2,
    piRaw: index === NO_INDEX ? null : index,
  }
}

const isLive = (facts: Facts): facts is Live => facts.kind === 'live'
const isIn = ({ searching, spo2 }: Live) => !searching && spo2 !== null && spo2 > 0

/** Kept awake while it speaks, and asked to begin again when it does not. */
function awake(link: Link): Link {
  let heard = 0
  return {
    ...link,
    async receive(timeoutMs) {
      while (true)
        try {
          const frame = await link.receive(GAP_MS)
          if (++heard % STAY_EACH === 0) await link.send(STAY)
          return frame
        } catch (error) {
          if (!(error instanceof LinkTimeout)) throw error
          await link.send(BEGIN)
          if (timeoutMs !== undefined) throw error
        }
    },
  }
}

export default defineDriver({
  vendor: 'Contec',
  models: ['CMS50D+ protocol 7'],
  kind: 'body',
  transport: { type: 'serial', baud: 115_200 },
  check: 'none',
  evidence: 'from notes',
  memory: false,
  repeats: true,
  measuringSeconds: { min: 10, max: 120 },
  cutFrame,
  parse,
  events(facts) {
    if (!isLive(facts) || !isIn(facts) || facts.spo2 === null) return []
    return [{ kind: 'oxygen-saturation', value: facts.spo2, unit: '%', pulse: facts.pulse || null, deviceTime: null }]
  },
  async *read(link) {
    await link.send(BEGIN)
    const shown = (frame: Uint8Array) => (isIn(parse(frame)) ? { figure: 'a finger', settle: SETTLE } : null)
    yield* eachOnce(awake(link), GAP_MS, shown)
  },
})
