// FORA and TaiDoc blood pressure monitors (P series, TD-3128, D40), frames of eight bytes. The memory is asked: date and values of each record.
// Protocol: three readers of the same frames over Bluetooth; from notes. No source tells the speed of the cable: the site must set it.
// Where they differ the frame decides: byte 3 of the values is the mean, or on a D40 the high byte of the systolic. Never sent: 52, which erases.
import { lengthPrefixed, sum } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { deviceTime } from '../kit/event.ts'
import { askPast, type Link, LinkTimeout } from '../kit/link.ts'

const START = 0x51
const LENGTH = 8
const COUNT = 0x2b
const DATE = 0x25
const VALUES = 0x26
const FROM_HOST = 0xa3

const ANSWER_MS = 1000
const AGAIN_MS = 30_000
const IRREGULAR = 0xc0 // one reader has one bit, one has two: any of them marks it
const AVERAGE = 0x80

function ask(command: number, index = 0): Uint8Array {
  const frame = Uint8Array.of(START, command, index & 0xff, index >> 8, 0, 0, FROM_HOST)
  return Uint8Array.of(...frame, sum(frame))
}

interface When extends Facts {
  kind: 'date'
  deviceTime: string | null
  irregularHeartbeat: boolean
  average: boolean
}
interface Values extends Facts {
  kind: 'measurement'
  systolic: number
  diastolic: number
  mean: number | null
  pulse: number
}

function parse(frame: Uint8Array): Facts {
  const [, command, d0 = 0, d1 = 0, d2 = 0, d3 = 0] = frame
  if (command === COUNT) return { kind: 'count', recordCount: d0 | (d1 << 8) }
  if (command === DATE) {
    const date = d0 | (d1 << 8)
    const time = deviceTime([2000 + (date >> 9), (date >> 5) & 0x0f, date & 0x1f], [d3 & 0x1f, d2 & 0x3f])
    const marks = { irregularHeartbeat: (d2 & IRREGULAR) !== 0, average: (d3 & AVERAGE) !== 0 }
    return { kind: 'date', deviceTime: time, ...marks }
  }
  if (d1 <= 1) return { kind: 'measurement', systolic: d0 | (d1 << 8), diastolic: d2, mean: null, pulse: d3 }
  if (d1 <= d2 || d1 >= d0) throw new FrameError('FORA: byte 3 is neither a mean nor the high byte of a pressure')
  return { kind: 'measurement', systolic: d0, diastolic: d2, mean: d1, pulse: d3 }
}

const isValues = (facts: Facts): facts is Values => facts.kind === 'measurement'
const isWhen = (facts: Facts): facts is When => facts.kind === 'date'
const is = (frame: Uint8Array | null, command: number) => frame?.[1] === command

/** One pass through the memory; values whose date was nonsense are left for the next one. @throws LinkTimeout when the monitor is silent */
async function* memory(link: Link) {
  const count = await link.ask(ask(COUNT), ANSWER_MS)
  if (!is(count, COUNT)) throw new FrameError('expected the count of records: this is no FORA or TaiDoc monitor')
  yield* link.tell(count)
  for (let index = 0; index < Number(parse(count).recordCount); index++) {
    const date = await askPast(link, ask(DATE, index), ANSWER_MS)
    const values = await askPast(link, ask(VALUES, index), ANSWER_MS)
    if (date && values && is(date, DATE) && is(values, VALUES)) yield* link.tell(values, [parse(date)])
  }
}

export default defineDriver({
  vendor: 'FORA',
  models: ['TaiDoc BP meter', 'D40', 'TD-3128'],
  kind: 'blood-pressure',
  transport: { type: 'serial', baud: null },
  check: 'sum',
  evidence: 'from notes',
  memory: true,
  measuringSeconds: { min: 20, max: 180 },
  cutFrame: lengthPrefixed({
    start: [START],
    head: 2,
    length: ([, command]) => (command === COUNT || command === DATE || command === VALUES ? LENGTH : 0),
    shortest: LENGTH,
    longest: LENGTH,
    good: (frame) => sum(frame.subarray(0, -1)) === frame[LENGTH - 1],
  }),
  parse,
  events(facts, earlier) {
    if (facts.kind === 'count') return [{ kind: 'device', model: null, serial: null, clock: null }]
    if (!isValues(facts)) return []
    // A date belongs to the values right behind it alone; values without one are undated.
    const last = earlier.at(-1)
    const when = last && isWhen(last) ? last : null
    const { systolic, diastolic, mean, pulse } = facts
    return [
      {
        ...{ kind: 'blood-pressure' as const, systolic, diastolic, mean, pulse: pulse || null },
        ...{ unit: 'mm[Hg]' as const, deviceTime: when?.deviceTime ?? null },
        flags: [
          ...(when?.irregularHeartbeat ? (['irregular-pulse'] as const) : []),
          ...(when?.average ? (['remeasured'] as const) : []), // it measured more than once and tells their mean
        ],
      },
    ]
  },
  /** All of it each time: equal records are told apart by counting them. Ends when the monitor is silent. */
  async *read(link) {
    try {
      while (true) {
        yield* memory(link)
        await link.rest(AGAIN_MS)
      }
    } catch (error) {
      if (!(error instanceof LinkTimeout)) throw error
    }
  },
})
