// ParamaTech FT-201 waiting-room monitor, RS-232 with two stop bits: one frame of columns when a measurement ends. The protocol has no check.
// Protocol: public capture in srwhitebox/MiKIO. An older class there waits for 22 bytes from BF on: the same stream at a wrong speed, not read here.
import { latin1, maskedFrame } from '../kit/bytes.ts'
import { defineDriver, type Facts } from '../kit/driver.ts'
import { deviceTime } from '../kit/event.ts'

const FRAME = '\x02 ###### #### ### ### ###\x03'
const SURE = 3

interface Measurement extends Facts {
  kind: 'measurement'
  deviceTime: string | null
  systolic: number
  diastolic: number
  pulse: number
}

function parse(frame: Uint8Array): Measurement {
  const text = latin1(frame)
  const pair = (at: number) => Number(text.slice(at, at + 2))
  const figure = (at: number) => Number(text.slice(at, at + 3))
  return {
    kind: 'measurement',
    deviceTime: deviceTime([2000 + pair(2), pair(4), pair(6)], [pair(9), pair(11)]),
    systolic: figure(14),
    diastolic: figure(18),
    pulse: figure(22),
  }
}

const isMeasurement = (facts: Facts): facts is Measurement => facts.kind === 'measurement'

export default defineDriver({
  vendor: 'ParamaTech',
  models: ['FT-201'],
  kind: 'blood-pressure',
  transport: { type: 'serial', baud: 4800, stopBits: 2 },
  check: 'none',
  evidence: 'recorded',
  memory: false,
  // No duration is sent. Nobody is measured in under 20 s; a second inflation stays below 3 minutes.
  measuringSeconds: { min: 20, max: 180 },
  cutFrame: maskedFrame(FRAME, SURE),
  parse,
  events(facts) {
    if (!isMeasurement(facts)) return []
    const { systolic, diastolic, pulse, deviceTime } = facts
    const figures = { systolic, diastolic, mean: null, pulse: pulse || null } // 000 is a filler, not a pulse
    return [{ kind: 'blood-pressure', ...figures, unit: 'mm[Hg]', deviceTime, flags: [] }]
  },
  async *read(link) {
    while (true) yield* link.tell(await link.receive())
  },
})
