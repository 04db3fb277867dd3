// Broker and InfluxDB fail: killed, frozen, without their state, answering 503, slow.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Server, until } from '../servers.ts'
import type { Case, Parts } from './case.ts'
import { type InfluxLine, influxLine } from './influx-line.ts'
import type { World } from './world.ts'

const SERVERS: readonly Parts[] = ['servers']

/** Frozen so long while readings go on. */
async function freeze({ sayUntil, quick, signal }: World, server: Server) {
  const pid = server.pid()
  process.kill(pid, 'SIGSTOP')
  try {
    await sayUntil(sleep(quick ? 20_000 : 60_000, undefined, { signal }))
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

/** Killed again and again while readings go on; `before` it starts again. */
async function killOften({ sayUntil, random, quick, signal }: World, server: Server, before: () => void = () => {}) {
  const killing = (async () => {
    for (let n = 0; n < (quick ? 3 : 10); n++) {
      await sleep(random() * 2000, undefined, { signal })
      await server.end('SIGKILL')
      await sleep(random() * 3000, undefined, { signal })
      before()
      await server.start()
    }
  })()
  await sayUntil(killing)
}

/** Sessions, what waits, what is retained: the broker comes back as a new one. */
export function forgetBroker({ house }: World) {
  const folder = join(house.folder, 'mosquitto')
  for (const name of readdirSync(folder)) if (name.startsWith('mosquitto.db')) rmSync(join(folder, name))
}

/** Nothing of it is on the disk but by a clean end: Mosquitto writes its state when it ends, and every half an hour. */
async function brokerWithoutState(world: World) {
  await world.house.broker!.end('SIGTERM')
  forgetBroker(world)
  await world.house.broker!.start()
}

type InfluxCase = Omit<Case, 'parts' | 'house' | 'leave' | 'run'> & {
  run(world: World, line: InfluxLine): Promise<void>
}

/** With a line between clinic and InfluxDB. */
function influxCase({ run, ...one }: InfluxCase): Case {
  let line: InfluxLine
  return {
    ...one,
    parts: SERVERS,
    house: () => ({
      async betweenInflux(port) {
        line = await influxLine(port)
        return line.port
      },
    }),
    leave: () => line.close(),
    run: (world) => run(world, line),
  }
}

export const serversFail: Case[] = [
  {
    name: 'broker killed again and again',
    kind: 'broker killed',
    parts: SERVERS,
    limitSeconds: 240,
    async run(world) {
      await killOften(world, world.house.broker!)
      world.healed()
      await world.say(3)
    },
  },
  {
    name: 'broker frozen for 60 s',
    kind: 'broker frozen',
    parts: SERVERS,
    limitSeconds: 300,
    async run(world) {
      await world.say(10)
      await freeze(world, world.house.broker!)
      world.healed()
      await world.say(3)
    },
  },
  {
    name: 'broker restarted without its state, again and again',
    kind: 'broker without state',
    parts: SERVERS,
    limitSeconds: 240,
    async run(world) {
      await world.say(10)
      await killOften(world, world.house.broker!, () => forgetBroker(world))
      await world.sayUntil(brokerWithoutState(world))
      world.healed()
      await world.say(3)
    },
  },
  {
    name: 'broker without its state while clinic and InfluxDB are killed',
    kind: 'broker without state and another fault',
    parts: SERVERS,
    limitSeconds: 240,
    async run(world) {
      const { house, random, quick, signal } = world
      const killing = (async () => {
        for (let n = 0; n < (quick ? 2 : 6); n++) {
          await sleep(random() * 2000, undefined, { signal })
          await Promise.all([house.clinic.kill(), house.broker!.end('SIGKILL'), house.influx!.end('SIGKILL')])
          if (random() < 0.5) world.hub.kill()
          forgetBroker(world)
          await house.startClinic() // before the servers are there
          await sleep(random() * 1000, undefined, { signal })
          await Promise.all([house.broker!.start(), house.influx!.start()])
        }
      })()
      await world.sayUntil(killing)
      world.healed()
      await world.say(3)
    },
  },
  {
    name: 'InfluxDB killed again and again',
    kind: 'InfluxDB killed',
    parts: SERVERS,
    limitSeconds: 240,
    async run(world) {
      await killOften(world, world.house.influx!)
      world.healed()
      await world.say(3)
    },
  },
  {
    name: 'InfluxDB frozen for 60 s',
    kind: 'InfluxDB frozen',
    parts: SERVERS,
    limitSeconds: 300,
    async run(world) {
      await world.say(10)
      await freeze(world, world.house.influx!)
      world.healed()
      await world.say(3)
    },
  },
  influxCase({
    name: 'InfluxDB answers 503',
    kind: 'InfluxDB 503',
    limitSeconds: 180,
    async run(world, line) {
      await world.say(10)
      line.refuse(() => world.random() < 0.5) // half of them after it did as it was asked
      await world.sayUntil(sleep(world.quick ? 8000 : 20_000, undefined, { signal: world.signal }))
      line.pass()
      world.healed()
      await world.say(3)
    },
  }),
  influxCase({
    name: 'InfluxDB takes 10 s for each write',
    kind: 'InfluxDB slow',
    limitSeconds: 300,
    async run(world, line) {
      await world.say(10)
      await world.screenUntil('an empty outbox', ({ queued }) => queued === 0)
      line.slow(10_000)
      const api = await world.house.api()
      const stored = async () => {
        const said = world.truth.spoken.length
        const { waiting } = (await (await api.get('/health')).json()) as { waiting: number }
        return said - waiting
      }
      await world.sayUntil(
        until('InfluxDB, slow as it is, to take more', async () => (await stored()) > 16, 120_000),
        2000,
      )
      line.pass()
      world.healed()
      await world.say(3)
    },
  }),
]
