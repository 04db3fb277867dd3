// 100,000 random orders of events, checked against what really happened: no reading goes to a person who did not make it.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { localAt } from '../../hub/clock.ts'
import { type Draft, Session } from '../../hub/observe.ts'
import { aliasOf } from '../../hub/person.ts'
import { act, firstState, layCard, mayBeBusy, type Outcome, pass, reading, type State } from '../../hub/visit.ts'
import { at, card, cuff, glucose, meter, numberOf, pressure, settings } from './kiosk.ts'

const PEOPLE = 3
const aliases = Array.from({ length: PEOPLE }, (_, n) => aliasOf(settings.key, 'cn-resident', numberOf(n)))
const unstoppable = { ...cuff, driver: { ...cuff.driver, commands: { start: Uint8Array.of(1) } } }

const Step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('card' as const), person: fc.nat(PEOPLE - 1) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('guest' as const) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('leave' as const) }) },
  // The person who stands there presses the cuff's own button, or the page's.
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant('press' as const), seconds: fc.integer({ min: 20, max: 179 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant('start' as const), seconds: fc.integer({ min: 20, max: 179 }) }),
  },
  // The person who stands there uses the meter; later somebody plugs it in.
  { weight: 2, arbitrary: fc.record({ what: fc.constant('prick' as const) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('plug' as const) }) },
)
const Order = fc.record({
  steps: fc.array(fc.tuple(fc.integer({ min: 0, max: 120_000 }), Step), { minLength: 3, maxLength: 14 }),
  tellsSeconds: fc.boolean(),
  stops: fc.boolean(),
  meterSlowSeconds: fc.integer({ min: -4000, max: 4000 }),
  meterToTheMinute: fc.boolean(),
})

interface World {
  state: State
  /** Who really stands at the kiosk: the last to come, until they leave or another comes. Null: nobody. */
  present: string | null
  measuring: { by: string; fromMs: number; untilMs: number } | null
  pricks: { by: string; value: number; atMs: number }[]
  wrong: string[]
  given: number
}

function run({
  steps,
  tellsSeconds,
  stops,
  meterSlowSeconds,
  meterToTheMinute,
}: typeof Order extends fc.Arbitrary<infer T> ? T : never): World {
  const world: World = { state: firstState(), present: null, measuring: null, pricks: [], wrong: [], given: 0 }
  const sources = new Map([stops ? cuff : unstoppable, meter].map((source) => [source.id, source]))
  let ids = 0
  const newId = () => `visit-${ids++}`
  const moment = (ms: number) => at(ms / 1000)
  const who = new Map<string, string>() // visit → who opened it

  const judge = (drafts: readonly Draft[], by: string) => {
    for (const draft of drafts) {
      if (draft.type !== 'observation' || draft.visit === null) continue
      world.given++
      const owner = who.get(draft.visit)
      const alias = draft.subject?.alias ?? null
      if (owner !== by || (alias === null ? !by.startsWith('guest') : aliases[Number(by)] !== alias))
        world.wrong.push(`${by}’s reading went to ${owner}`)
    }
  }
  const finish = (nowMs: number) => {
    const done = world.measuring
    if (!done || done.untilMs > nowMs) return
    world.measuring = null
    const seconds = Math.floor((done.untilMs - done.fromMs) / 1000)
    const told = pressure(120, tellsSeconds ? { measuredSeconds: seconds } : {})
    const outcome = reading(world.state, told, cuff, new Session(), moment(done.untilMs), settings)
    world.state = outcome.state
    judge(outcome.drafts, done.by)
  }
  const came = (outcome: Outcome, by: string) => {
    const opened = outcome.drafts.find((draft) => draft.type === 'visit')
    if (opened?.type === 'visit') {
      who.set(opened.id, by)
      world.present = by
    }
    world.state = outcome.state
  }
  const stamp = (ms: number) => {
    const local = new Date(localAt(moment(ms).wallMs, settings.zone) - meterSlowSeconds * 1000).toISOString()
    return local.slice(0, meterToTheMinute ? 16 : 19)
  }

  let nowMs = 0
  for (const [waitMs, step] of steps) {
    for (const target = nowMs + waitMs; nowMs < target; ) {
      // Events in between come in their order: ends of measurements, and the seconds in which idle visits end.
      nowMs = Math.min(target, world.measuring?.untilMs ?? target, nowMs + 10_000)
      world.state = pass(world.state, moment(nowMs), settings)
      finish(nowMs)
    }
    const now = moment(nowMs)
    // Who idled away, or left, is no longer taken for present; they may be, and then have no visit that could be given anything.
    if (!world.state.visit || world.state.visit.closedMs !== null) world.present = null
    if (step.what === 'card') came(layCard(world.state, card(step.person), now, settings, newId), String(step.person))
    else if (step.what === 'guest') {
      const id = `guest ${ids}`
      came(act(world.state, { do: 'guest' }, now, settings, newId, sources), id)
    } else if (step.what === 'leave') {
      const outcome = act(world.state, { do: 'leave' }, now, settings, newId, sources)
      world.state = outcome.state
      if (outcome.command?.send === 'stop') world.measuring = null
    } else if (step.what === 'press') {
      if (world.present && !world.measuring)
        world.measuring = { by: world.present, fromMs: nowMs, untilMs: nowMs + step.seconds * 1000 + 300 }
    } else if (step.what === 'start') {
      const stopFirst = stops && mayBeBusy(world.state, cuff, now, settings)
      const outcome = act(world.state, { do: 'start', device: 'cuff' }, now, settings, newId, sources, stopFirst)
      world.state = outcome.state
      if (outcome.command?.send !== 'start') continue
      if (stopFirst) world.measuring = null
      if (world.present && !world.measuring)
        // a busy device ignores it
        world.measuring = { by: world.present, fromMs: nowMs + 400, untilMs: nowMs + 400 + step.seconds * 1000 + 300 }
    } else if (step.what === 'prick') {
      if (world.present) world.pricks.push({ by: world.present, value: 80 + world.pricks.length, atMs: nowMs })
    } else {
      const session = new Session()
      session.learn({ kind: 'device', model: null, serial: 'S1', clock: stamp(nowMs) }, now)
      for (const { by, value, atMs } of world.pricks)
        judge(reading(world.state, glucose(value, stamp(atMs)), meter, session, now, settings).drafts, by)
    }
  }
  finish(Number.POSITIVE_INFINITY)
  return world
}

it('of 100,000 random orders none gives a reading to a person who did not make it', { timeout: 300_000 }, () => {
  let given = 0
  fc.assert(
    fc.property(Order, (order) => {
      const world = run(order)
      given += world.given
      expect(world.wrong).toEqual([])
    }),
    { numRuns: 100_000 },
  )
  expect(
    given,
    'readings that did go to their person: a rule that gives nothing to anybody would pass too',
  ).toBeGreaterThan(20_000)
})
