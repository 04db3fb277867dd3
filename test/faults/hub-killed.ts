// The hub is killed (-9): at seeded instants from its start on, at each step of outbox and uplink, and while it recovers.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Case } from './case.ts'

export const hubKilled: Case[] = [
  {
    name: 'hub killed at 200 instants',
    kind: 'hub killed',
    limitSeconds: 900,
    async run(world) {
      const kills = world.quick ? 20 : 200
      // Some instants fall into its start and recovery, most among readings.
      const killing = (async () => {
        for (let n = 0; n < kills; n++) {
          const born = new Promise<void>((resolve) => (world.hub.born = () => resolve()))
          await sleep(world.random() * 1600, undefined, { signal: world.signal })
          world.hub.kill()
          await born
        }
      })()
      await world.sayUntil(killing)
      world.healed()
      await world.say(3)
    },
  },
]
