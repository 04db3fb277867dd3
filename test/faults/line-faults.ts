// The line between hub and broker fails: half open, cut, late and resetting, packets twice, old ones retained.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Case } from './case.ts'
import { DUP, flagged, RETAIN, topicOf } from './line.ts'

export const lineFaults: Case[] = [
  {
    name: 'line half open: everything is swallowed for 70 s',
    kind: 'line half open',
    limitSeconds: 600,
    async run({ line, say, sayUntil, healed, signal }) {
      await say(20)
      line.swallow()
      await sayUntil(sleep(70_000, undefined, { signal }))
      line.pass()
      healed()
      await say(5)
    },
  },
  {
    name: 'line cut every second',
    kind: 'line cut',
    limitSeconds: 600,
    async run({ line, say, sayUntil, healed, quick, signal }) {
      await say(5)
      const cutting = (async () => {
        for (let n = 0; n < (quick ? 12 : 30); n++) {
          await sleep(1000, undefined, { signal })
          line.cut()
        }
      })()
      await sayUntil(cutting)
      healed()
      await say(5)
    },
  },
  {
    name: 'line 300 ms late, 5 % of what passes resets it',
    kind: 'line late',
    limitSeconds: 600,
    async run({ line, say, sayUntil, healed, random, quick, signal }) {
      await say(5)
      line.late(300, 0.05, random)
      await sayUntil(sleep(quick ? 12_000 : 40_000, undefined, { signal }))
      line.pass()
      healed()
      await say(5)
    },
  },
  {
    name: 'every packet of the hub comes twice (FC-32)',
    kind: 'line duplicates',
    limitSeconds: 600,
    house: () => ({ plain: true }),
    async run({ line, say, healed }) {
      line.twist((publish) => [publish, flagged(publish, DUP)])
      await say(120)
      line.twist(null)
      healed()
    },
  },
  {
    name: 'records retained at the broker, the clinic started three times (FC-36)',
    kind: 'retained',
    limitSeconds: 600,
    house: () => ({ plain: true }),
    async run({ line, say, healed, house }) {
      const isRecords = (publish: Buffer) => topicOf(publish).endsWith('/records')
      await say(10)
      line.twist((publish) => [isRecords(publish) ? flagged(publish, RETAIN) : publish])
      await say(10)
      line.twist(null)
      await say(10)
      for (let n = 0; n < 3; n++) {
        await house.clinic.kill()
        await house.startClinic()
        await say(3)
      }
      healed()
    },
  },
]
