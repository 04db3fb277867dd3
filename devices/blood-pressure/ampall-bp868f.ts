// AMPall BP868F waiting-room monitor, RS-232: fifteen characters when a measurement ends. The protocol has no check and no clock.
// Protocol: srwhitebox/MiKIO, its BP868F class; from notes. Start and end are the same byte, so the digits between them are counted.
import { latin1, maskedFrame } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError } from '../kit/driver.ts'

const FRAME = '^#############^'
const SURE = 3

interface Measurement extends Facts {
  kind: 'measurement'
  systolic: number
  mean: number
  diastolic: number
  pulse: number
  arrhythmia: number
}

function parse(frame: Uint8Array): Measurement {
  const text = latin1(frame)
  const figure = (at: number) => Number(text.slice(at, at + 3))
  return {
    kind: 'measurement',
    systolic: figure(1),
    mean: figure(4),
    diastolic: figure(7),
    pulse: figure(10),
    arrhythmia: Number(text[13]),
  }
}

const isMeasurement = (facts: Facts): facts is Measurement => facts.kind === 'measurement'

export default defineDriver({
  vendor: 'AMPall',
  models: ['BP868F'],
  kind: 'blood-pressure',
  transport: { type: 'serial', baud: 9600 },
  check: 'none',
  evidence: 'from notes',
  memory: false,
  // No duration is sent. Nobody is measured in under 20 s; a second inflation stays below 3 minutes.
  measuringSeconds: { min: 20, max: 180 },
  cutFrame: maskedFrame(FRAME, SURE),
  parse,
  events(facts) {
    if (!isMeasurement(facts)) return []
    const { systolic, diastolic, mean, pulse, arrhythmia } = facts
    // Nothing but shape and plausibility guards a frame without a check: a mean lies between the pressures it is the mean of.
    if (mean <= diastolic || mean >= systolic) throw new FrameError('BP868F: the mean is not between the pressures')
    if (arrhythmia > 1) throw new FrameError(`BP868F: arrhythmia ${arrhythmia}, expected 0 or 1`)
    return [
      {
        kind: 'blood-pressure',
        systolic,
        diastolic,
        mean,
        pulse: pulse || null, // 000 is a filler, not a pulse
        unit: 'mm[Hg]',
        deviceTime: null,
        flags: arrhythmia === 1 ? ['irregular-pulse'] : [],
      },
    ]
  },
  async *read(link) {
    while (true) yield* link.tell(await link.receive())
  },
})
