// Nonin pulse oximeters, serial: format 2 streams 75 frames a second, format 13 sends one spot check. The check is a sum in both.
// Protocol: mattjlewis/NoninPulseOx. In format 2 a packet of 25 frames carries its figures in the first three: pulse high, pulse low, saturation.
import { lengthPrefixed, sum } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts } from '../kit/driver.ts'
import { deviceTime } from '../kit/event.ts'
import { eachOnce, type Shown } from '../kit/standing.ts'

const SYNC = 0x01
const STREAMED = 5
const SPOT = 22
const NO_PULSE = 511
const NO_SATURATION = 127
const [SMART_POINT, NO_MEASUREMENT, FROM_MEMORY, LOW_BATTERY] = [0x0200, 0x0100, 0x0010, 0x0001]
/** Three packets a second: ten seconds of the finger in before a figure is believed. */
const SETTLE = 30
const GAP_MS = 4000
const PACKET = 25
const FIGURES = 3

const streamed = lengthPrefixed({
  start: [0x01],
  head: 1,
  length: () => STREAMED,
  shortest: STREAMED,
  longest: STREAMED,
  good: (frame) => (frame[1]! & 0x80) !== 0 && sum(frame.subarray(0, 4)) === frame[4],
})
const spot = lengthPrefixed({
  start: [0x00, 0x02],
  head: 6,
  length: ([, , , , high = 0, low = 0]) => 6 + ((high << 8) | low) + 2,
  shortest: SPOT,
  longest: SPOT,
  good: (frame) => frame[18] === 0 && sum(frame.subarray(6, 20)) === frame[20] && frame[21] === 0x03,
})
const cutFrame = (bytes: Uint8Array): Cut => (bytes[0] === 0 ? spot(bytes) : streamed(bytes))

interface Frame extends Facts {
  kind: 'frame'
  frameSync: boolean
  value: number
}
const isFrame = (facts: Facts | undefined): facts is Frame => facts?.kind === 'frame'

function parse(frame: Uint8Array): Facts {
  if (frame.length === STREAMED)
    return { kind: 'frame', frameSync: (frame[1]! & SYNC) !== 0, pleth: frame[2], value: frame[3] }
  const data = frame.subarray(6, 20)
  const [century = 0, year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = data
  const status = (data[8]! << 8) | data[9]!
  return {
    kind: 'spot check',
    deviceTime: deviceTime([century * 100 + year, month, day], [hour, minute, second]),
    smartPoint: (status & SMART_POINT) !== 0,
    measured: (status & NO_MEASUREMENT) === 0,
    fromMemory: (status & FROM_MEMORY) !== 0,
    lowBattery: (status & LOW_BATTERY) !== 0,
    pulse: (data[10]! << 8) | data[11]!,
    spo2: data[13],
  }
}

const reading = (spo2: number, pulse: number, deviceTime: string | null) =>
  spo2 === NO_SATURATION
    ? []
    : [
        {
          ...{ kind: 'oxygen-saturation' as const, value: spo2, unit: '%' as const, deviceTime },
          pulse: pulse === NO_PULSE || pulse === 0 ? null : pulse,
        },
      ]

const pulseOf = (high: Frame, low: Frame) => ((high.value & 0x03) << 7) | (low.value & 0x7f)

export default defineDriver({
  vendor: 'Nonin',
  models: ['data format 2', 'data format 13 spot check'],
  kind: 'body',
  transport: { type: 'serial', baud: 9600 },
  check: 'sum',
  evidence: 'recorded',
  memory: false,
  repeats: true,
  measuringSeconds: { min: 5, max: 120 },
  cutFrame,
  parse,
  events(facts, earlier) {
    if (facts.kind === 'spot check') {
      // What was in its memory was measured by somebody, sometime.
      if (!facts.measured || facts.fromMemory) return []
      return reading(Number(facts.spo2), Number(facts.pulse), facts.deviceTime as string | null)
    }
    const [high, low] = earlier.slice(-2)
    if (!isFrame(facts) || !isFrame(high) || !isFrame(low) || !high.frameSync) return []
    return reading(facts.value, pulseOf(high, low), null)
  },
  async *read(link) {
    let packet: Frame[] = []
    const shown = (frame: Uint8Array): Shown | null | undefined => {
      const facts = parse(frame)
      if (!isFrame(facts)) return { figure: JSON.stringify(facts), settle: 1 }
      packet = facts.frameSync ? [facts] : [...packet, facts].slice(0, PACKET)
      if (packet.length !== FIGURES || !packet[0]!.frameSync) return undefined
      return facts.value === NO_SATURATION ? null : { figure: 'a finger', settle: SETTLE }
    }
    yield* eachOnce(link, GAP_MS, shown, () => packet.slice(0, 2))
  },
})
