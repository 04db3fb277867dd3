// The hub is killed (-9): at seeded instants from its start on, at each step of outbox and uplink, while it recovers, and with the clinic.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Case } from './case.ts'
import type { World } from './world.ts'

/** As `kill-at.mjs` names them, in the order in which a hub comes by them. */
const STEPS = [
  'opening written',
  'opening not committed',
  'opening committed',
  'connected',
  'status not published',
  'status published',
  'status acknowledged',
  'row written',
  'row not committed',
  'row committed', // before the tick
  'records not published',
  'records published', // before its PUBACK
  'records acknowledged', // after its PUBACK, before the mark
  'mark came',
  'mark written', // in the middle of taking it
  'mark not committed',
  'mark committed',
  'purge written',
  'purge not committed',
  'purge committed',
] as const
type Step = (typeof STEPS)[number]

const PRELOAD = new URL('kill-at.mjs', import.meta.url).href
const STEP_MS = 120_000 // a loaded machine takes long to start a hub

/** Kills the hub at each of these steps in turn, every time at the next start's; readings go on meanwhile. */
async function killAtEach(world: World, plan: readonly { step: Step; nth: number }[], betweenMs: number) {
  const { hub, signal } = world
  let begun = 0
  hub.env = () => {
    const next = plan[begun++]
    return next ? { NODE_OPTIONS: `--import ${PRELOAD}`, KILL_AT: next.step, KILL_NTH: String(next.nth) } : {}
  }
  const killing = (async () => {
    hub.kill()
    for (let sinceMs = performance.now(), seen = 0; begun <= plan.length; ) {
      await sleep(20, undefined, { signal })
      if (begun > seen) [seen, sinceMs] = [begun, performance.now()]
      if (performance.now() - sinceMs > STEP_MS)
        throw new Error(`the hub never came to "${plan[begun - 1]!.step}" for the ${plan[begun - 1]!.nth}. time`)
    }
    hub.env = () => ({})
  })()
  await world.sayUntil(killing, betweenMs)
}

const shuffled = <T>(all: readonly T[], random: () => number) =>
  all
    .map((one) => ({ one, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one)

const twiceOrThrice = (world: World) => (world.quick ? 1 : 3)

/** Rows are purged as soon as a second mark covers them, so that a purge can be killed too. */
const purgesSoon = { hubConfig: { keepDays: 0, visit: { idleWarnSeconds: 7000, idleEndSeconds: 7200 } } }

export const hubKilled: Case[] = [
  {
    name: 'hub killed at seeded instants',
    kind: 'hub killed',
    limitSeconds: 3000,
    async run(world) {
      const { hub, random, signal } = world
      const killing = (async () => {
        for (let n = 0; n < (world.quick ? 20 : 200); n++) {
          const born = new Promise<void>((resolve) => {
            hub.born = resolve
          })
          // One in four while it starts, the others among readings.
          const starting = random() < 0.25
          if (!starting) await world.ready()
          await sleep(random() * (starting ? 800 : 500), undefined, { signal })
          hub.kill()
          await born
        }
      })()
      await world.sayUntil(killing)
      world.healed()
      await world.say(3)
    },
  },
  {
    name: 'hub killed at each step of outbox and uplink',
    kind: 'hub killed at a step',
    limitSeconds: 1800,
    house: () => purgesSoon,
    async run(world) {
      const { random } = world
      const rounds = Array.from({ length: twiceOrThrice(world) }, () => shuffled(STEPS, random))
      await killAtEach(
        world,
        // What comes once a start comes no second time.
        rounds
          .flat()
          .map((step) => ({ step, nth: /^(opening|connected|status)/.test(step) ? 1 : 1 + Math.floor(random() * 3) })),
        0,
      )
      world.healed()
      await world.say(3)
    },
  },
  {
    name: 'hub killed again and again while it recovers',
    kind: 'hub killed in recovery',
    limitSeconds: 1800,
    house: () => purgesSoon,
    async run(world) {
      const { line, random } = world
      for (let round = 0; round < twiceOrThrice(world); round++) {
        line.refuse()
        await world.say(15) // they wait
        line.pass()
        await killAtEach(
          world,
          shuffled(STEPS, random).map((step) => ({ step, nth: 1 })),
          200,
        )
      }
      world.healed()
      await world.say(3)
    },
  },
  {
    name: 'hub killed while the clinic is killed too',
    kind: 'hub and clinic killed',
    limitSeconds: 600,
    async run(world) {
      const { house, hub, random, signal } = world
      const killing = (async () => {
        for (let n = 0; n < (world.quick ? 3 : 8); n++) {
          await world.ready()
          await sleep(random() * 800, undefined, { signal })
          if (random() < 0.5) hub.kill()
          await house.clinic.kill()
          hub.kill()
          await sleep(random() * 2000, undefined, { signal })
          await house.startClinic()
        }
      })()
      await world.sayUntil(killing)
      world.healed()
      await world.say(3)
    },
  },
]
