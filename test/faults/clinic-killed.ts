// The clinic is killed (-9) or frozen: at seeded instants, at each step of ingest and writer, and again while it recovers.
import { setTimeout as sleep } from 'node:timers/promises'
import { StartError } from '../../simulators/programs.ts'
import type { Case } from './case.ts'
import type { World } from './world.ts'

/** As `kill-clinic-at.mjs` names them. */
const AT_START = ['beats asked', 'beats told', 'connected'] // before it compares, in the middle of it
const STEPS = [
  ...AT_START,
  'records came',
  'records written',
  'arrivals written',
  'arrivals not committed',
  'arrivals committed', // kept, and no mark told
  'mark written',
  'mark not committed',
  'mark committed',
  'mark not published',
  'mark published', // before its PUBACK
  'mark acknowledged',
  'points not written',
  'points written', // before their beat
  'beat written', // before the registry knows
  'stored beat written',
  'stored beat not committed',
  'stored beat committed',
]

const PRELOAD = new URL('kill-clinic-at.mjs', import.meta.url).href
const STEP_MS = 40_000

interface Death {
  step: string
  nth: number
}

/** Starts the clinic so that it dies there, and waits until it is dead. */
async function dieAt({ house, signal }: World, { step, nth }: Death) {
  const dead = house
    .startClinic({ NODE_OPTIONS: `--import ${PRELOAD}`, KILL_AT: step, KILL_NTH: String(nth) })
    .then(() => house.clinic.ended)
    .catch((error) => {
      if (!(error instanceof StartError)) throw error // it died before it was ready
    })
  const late = sleep(STEP_MS, 'late', { signal })
  if ((await Promise.race([dead, late])) === 'late')
    throw new Error(`the clinic never came to "${step}" for the ${nth}. time`)
}

async function dieAtEach(world: World, deaths: readonly Death[]) {
  const { house } = world
  await house.clinic.kill()
  for (const death of deaths) await dieAt(world, death)
  await house.startClinic()
}

const shuffled = <T>(all: readonly T[], random: () => number) =>
  all
    .map((one) => ({ one, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one)

export const clinicKilled: Case[] = [
  {
    name: 'clinic killed at seeded instants',
    kind: 'clinic killed',
    limitSeconds: 600,
    async run(world) {
      const { house, random, quick, signal } = world
      const killing = (async () => {
        for (let n = 0; n < (quick ? 5 : 40); n++) {
          await sleep(random() * 1500, undefined, { signal })
          await house.clinic.kill()
          await house.startClinic()
        }
      })()
      await world.sayUntil(killing)
      world.healed()
      await world.say(3)
    },
  },
  {
    name: 'clinic killed at each step of ingest and writer',
    kind: 'clinic killed at a step',
    limitSeconds: 600,
    async run(world) {
      const { random, quick } = world
      const rounds = Array.from({ length: quick ? 1 : 2 }, () => shuffled(STEPS, random)).flat()
      const deaths = rounds.map((step) => ({
        step,
        nth: AT_START.includes(step) ? 1 : 1 + Math.floor(random() * 3),
      }))
      await world.sayUntil(dieAtEach(world, deaths))
      world.healed()
      await world.say(3)
    },
  },
  {
    name: 'clinic killed again and again while it recovers',
    kind: 'clinic killed in recovery',
    limitSeconds: 600,
    async run(world) {
      const { house, line, random, quick } = world
      for (let round = 0; round < (quick ? 1 : 3); round++) {
        await world.say(10)
        line.refuse()
        await world.say(30) // they wait at the hub
        await house.clinic.kill()
        line.pass()
        await world.sayUntil(
          dieAtEach(
            world,
            shuffled(STEPS, random).map((step) => ({ step, nth: 1 })),
          ),
          300,
        )
      }
      world.healed()
      await world.say(3)
    },
  },
  {
    name: 'clinic frozen for 60 s',
    kind: 'clinic frozen',
    limitSeconds: 240,
    async run(world) {
      const { house, quick, signal } = world
      await world.say(10)
      const { pid } = house.clinic
      process.kill(pid, 'SIGSTOP')
      try {
        await world.sayUntil(sleep(quick ? 20_000 : 60_000, undefined, { signal }))
      } finally {
        process.kill(pid, 'SIGCONT')
      }
      world.healed()
      await world.say(3)
    },
  },
]
