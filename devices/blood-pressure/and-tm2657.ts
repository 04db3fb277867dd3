// A&D TM-2657 and TM-2655 arm-in monitors, RS-232. They speak when a measurement ends and can be told to start.
// Protocol: public capture and reader notes (see the .capture). The check byte is XOR from SOH to ETX.
import { delimited, fromHex, latin1, xor } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { type BloodPressure, type DeviceFlag, deviceTime, type FailureReason } from '../kit/event.ts'

const HEAD = fromHex('16 16 01 30 30') // SYN SYN SOH, address "00"
const STX = 0x02
const ETX = 0x03
const ACK = 0x06
const RS = 0x1e
const START = fromHex('16 16 01 30 30 02 53 54 03 07') // "ST"
const STOP = fromHex('16 16 01 30 30 02 53 50 03 03') // "SP"
const BODY = HEAD.length + 1
const PLAIN_FIELDS = 11 // by position; those behind go by tag, and tags are case-sensitive (M 97, m0)

const REASONS: Record<string, FailureReason> = {
  E11: 'cuff', // no pressure at start
  E12: 'cuff', // target pressure not reached in time
  E13: 'cuff', // inflates too fast
  E15: 'cuff', // no pressure at start
  E21: 'cuff', // deflates too slowly
  E22: 'cuff', // deflates too fast
  E23: 'over-pressure',
  E24: 'too-long',
  E42: 'cuff', // pressure too low
  E43: 'no-pulse',
  E44: 'movement',
  E45: 'not-determined', // diastolic
  E46: 'not-determined', // mean
  E48: 'not-determined', // systolic
  E61: 'not-determined', // pulse rate
  E63: 'out-of-range',
}

const cutResult = delimited({
  start: [...HEAD, STX],
  text: (byte) => byte === RS || (byte >= 0x20 && byte <= 0x7e),
  ends: [ETX],
  trailer: 1, // the check byte may equal any control byte: exactly one byte after ETX, whatever it is
  longest: 256,
  good: (frame) => xor(frame.subarray(2, -1)) === frame.at(-1),
})

function cutFrame(bytes: Uint8Array): Cut {
  return bytes[HEAD.length] === ACK && HEAD.every((byte, i) => byte === bytes[i])
    ? { frame: HEAD.length + 1 }
    : cutResult(bytes)
}

interface Measurement extends Facts {
  kind: 'measurement'
  model: string
  deviceTime: string | null
  error: string
  systolic: number | null
  diastolic: number | null
  mean: number | null
  pulse: number | null
  irregularBeats?: number | null
  movement?: number | null
  remeasure?: number | null
  measureSeconds?: number | null
}

/** The number in a field behind its tag; null where it is blank, as on a failed measurement. */
function figure(field: string | undefined, tag: string): number | null {
  const text = field?.startsWith(tag) ? field.slice(tag.length).trim() : undefined
  if (text === undefined || !/^\d{0,4}$/.test(text)) throw new FrameError(`TM-2657: expected field ${tag} with digits`)
  return text === '' ? null : Number(text)
}

function parse(frame: Uint8Array): Measurement | Facts {
  if (frame.length === HEAD.length + 1) return { kind: 'acknowledgement', type: 'ack', ack: true }
  const fields = latin1(frame.subarray(BODY, -2)).split('\x1e')
  const [model = '', time = '', format, mode, error = ''] = fields
  if (fields.length < PLAIN_FIELDS || !/^TM\d{4}/.test(model) || !/^E\d\d$/.test(error))
    throw new FrameError('TM-2657: expected a model, a time, an error code and six figures')
  const [year, month, day, hour, minute] = (time.match(/^\d{10}$/) ? (time.match(/../g) ?? []) : []).map(Number)
  const tagged = Object.fromEntries(
    [
      ['maxPressure', 'p'], // name inferred
      ['irregularBeats', 'i'],
      ['movement', 'm'],
      ['remeasure', 'r'],
      ['measureSeconds', 't'],
    ].flatMap(([name, tag]) => {
      const field = fields.slice(PLAIN_FIELDS).find((f) => f.startsWith(tag!))
      return field === undefined ? [] : [[name!, figure(field, tag!)]]
    }),
  )
  return {
    kind: 'measurement',
    model,
    deviceTime: minute === undefined ? null : deviceTime([2000 + year!, month!, day!], [hour!, minute]),
    format,
    mode,
    error,
    systolic: figure(fields[5], 'S'),
    mean: figure(fields[6], 'M'),
    diastolic: figure(fields[7], 'D'),
    pulse: figure(fields[8], 'P'),
    inflationSetting: fields[9]!.slice(1),
    maxPulseAmplitude: figure(fields[10], 'L'), // name inferred
    ...tagged,
  }
}

const isMeasurement = (facts: Facts): facts is Measurement => facts.kind === 'measurement'

export default defineDriver({
  vendor: 'A&D',
  models: ['TM-2657', 'TM-2655'],
  kind: 'blood-pressure',
  transport: { type: 'serial', baud: 2400 },
  check: 'xor',
  evidence: 'recorded',
  memory: false,
  commands: { start: START, stop: STOP },
  // A TM-2655 sends no duration. Nobody is measured in under 20 s; E24 ends what takes too long, a repeat included.
  measuringSeconds: {
    min: 20,
    max: 180,
    of: (facts) => (isMeasurement(facts) ? (facts.measureSeconds ?? null) : null),
  },
  cutFrame,
  parse,
  events(facts) {
    if (!isMeasurement(facts)) return []
    const device = { kind: 'device' as const, model: facts.model.replace('TM', 'TM-'), serial: null, clock: null }
    const { error, systolic, diastolic } = facts
    if (error !== 'E00')
      return [device, { kind: 'failure', of: 'blood-pressure', code: error, reason: REASONS[error] ?? 'unknown' }]
    if (systolic === null || diastolic === null) throw new FrameError('TM-2657: a good result without its pressures')
    const marks: [DeviceFlag, number | null | undefined][] = [
      ['irregular-pulse', facts.irregularBeats],
      ['movement', facts.movement],
      ['remeasured', facts.remeasure],
    ]
    const reading: BloodPressure = {
      kind: 'blood-pressure',
      systolic,
      diastolic,
      mean: facts.mean || null, // 0 is a filler, not a figure
      pulse: facts.pulse || null,
      unit: 'mm[Hg]',
      deviceTime: facts.deviceTime,
      flags: marks.filter(([, count]) => count).map(([flag]) => flag),
    }
    return [device, reading]
  },
  async *read(link) {
    while (true) yield* link.tell(await link.receive())
  },
})
