// Microlife BP B3 Comfort PC, HID: the whole memory comes in one answer, and not in the order of time. The check is the sum of all before it.
// Protocol: vytautas-valaitis/microlife_bp, with a dump of 29 records. Never sent: 4D FF 00 08 0D, which sets the clock.
import { fromHex, lengthPrefixed, sum } from '../kit/bytes.ts'
import { defineDriver, type Facts } from '../kit/driver.ts'
import { deviceTime } from '../kit/event.ts'
import { LinkTimeout } from '../kit/link.ts'

const READ_ALL = fromHex('4D FF 00 09 00 00 00 00 00 00 00 FD 52')
const MOST = 13 // the source writes its longest command in one report; those of the device carry 7
const ANSWER_MS = 5000
const AGAIN_MS = 30_000

const HEAD = 4 // 4D 3A and the length of all behind it, high byte first
const COUNT = 7
const FIRST = 42
const RECORD = 10
const GOOD_FIT = 0x80
const IRREGULAR = 0x40

interface Sample {
  index: number
  deviceTime: string | null
  systolic: number
  diastolic: number
  pulse: number
  irregular: boolean
  cuffOk: boolean
}
interface Memory extends Facts {
  kind: 'memory'
  samples: Sample[]
}

function parse(frame: Uint8Array): Memory {
  const recordCount = frame[COUNT]!
  const samples = Array.from({ length: recordCount }, (_, index): Sample => {
    const at = FIRST + index * RECORD
    const [systolic, diastolic, pulse, year, month, day, hour, minute, flags] = frame.subarray(at, at + RECORD)
    return {
      index,
      deviceTime: deviceTime([2000 + year!, month!, day!], [hour!, minute!]), // month 0: stored before the clock was set
      systolic: systolic!,
      diastolic: diastolic!,
      pulse: pulse!,
      irregular: (flags! & IRREGULAR) !== 0,
      cuffOk: (flags! & GOOD_FIT) !== 0,
    }
  })
  return { kind: 'memory', declaredLength: frame.length - HEAD, recordCount, samples }
}

const isMemory = (facts: Facts): facts is Memory => facts.kind === 'memory'

export default defineDriver({
  vendor: 'Microlife',
  models: ['BP B3 Comfort PC'],
  kind: 'blood-pressure',
  transport: {
    type: 'hid',
    ids: [{ vendorId: 0x04d9, productId: 0xb554 }],
    reportLength: MOST + 1,
    /** `F` and a count from the device, the count alone to it; what stands behind is stale. */
    unwrap([lead = 0, ...payload]) {
      const count = lead & 0x0f
      const whole = (lead >> 4 === 0x0f || lead >> 4 === 0) && count <= MOST
      return Uint8Array.from(whole ? payload.slice(0, count) : [])
    },
    wrap(payload) {
      const reports: Uint8Array[] = []
      for (let at = 0; at < payload.length; at += MOST) {
        const part = payload.subarray(at, at + MOST)
        const report = new Uint8Array(MOST + 1)
        report.set([part.length, ...part])
        reports.push(report)
      }
      return reports
    },
  },
  check: 'sum',
  evidence: 'recorded',
  memory: true,
  measuringSeconds: { min: 20, max: 180 },
  cutFrame: lengthPrefixed({
    start: [0x4d, 0x3a],
    head: HEAD,
    length: (head) => HEAD + ((head[2]! << 8) | head[3]!),
    shortest: FIRST + 1,
    longest: FIRST + 0xff * RECORD + 1,
    good: (frame) =>
      frame.length === FIRST + frame[COUNT]! * RECORD + 1 && sum(frame.subarray(0, -1)) === frame[frame.length - 1],
  }),
  parse,
  events(facts) {
    if (!isMemory(facts)) return []
    return [
      { kind: 'device', model: null, serial: null, clock: null },
      ...facts.samples.map(({ systolic, diastolic, pulse, deviceTime, irregular, cuffOk }) => ({
        ...{ kind: 'blood-pressure' as const, systolic, diastolic, mean: null, pulse: pulse || null },
        ...{ unit: 'mm[Hg]' as const, deviceTime },
        flags: [...(irregular ? (['irregular-pulse'] as const) : []), ...(cuffOk ? [] : (['cuff-fit'] as const))],
      })),
    ]
  },
  /** Ends when the monitor is silent. */
  async *read(link) {
    try {
      while (true) {
        yield* link.tell(await link.ask(READ_ALL, ANSWER_MS))
        await link.rest(AGAIN_MS)
      }
    } catch (error) {
      if (!(error instanceof LinkTimeout)) throw error
    }
  },
})
