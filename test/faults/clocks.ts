// The hub's clock jumps or starts wrong (libfaketime); later it is right, and the clock record gives the readings their time.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case } from './case.ts'
import type { World } from './world.ts'

const HOUR = 3600
const YEAR = 365.25 * 24 * HOUR

const LIBRARY = readdirSync('/usr/lib')
  .map((folder) => join('/usr/lib', folder, 'faketime/libfaketime.so.1'))
  .find(existsSync)

const needs = () => (LIBRARY ? null : 'libfaketime is not here')

/** Every later start of the hub has this clock; only the wall clock is set, uptime runs as it does. */
function clockOf({ house, hub }: World) {
  const file = join(house.folder, 'clock')
  const set = (seconds: number) => writeFileSync(file, `${seconds >= 0 ? '+' : ''}${Math.round(seconds)}\n`)
  set(0)
  hub.env = () => ({
    LD_PRELOAD: LIBRARY,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  })
  return { set }
}

/** Some readings under the right clock, some under a wrong one, and the clock set right at last. */
async function jump(world: World, offset: number, options: { offline: boolean; restarted: boolean; quiet?: boolean }) {
  const { hub, line, say } = world
  const clock = clockOf(world)
  await hub.end()
  await hub.begin()
  await say(10)
  if (options.offline) line.refuse()
  if (options.restarted) await hub.end()
  clock.set(offset)
  if (options.restarted) await hub.begin()
  await say(15)
  line.pass()
  // Quiet: nothing is measured while the hub already knows that its clock is wrong.
  if (!options.quiet) await say(15)
  else await world.screenUntil('an empty outbox', ({ queued }) => queued === 0)
  clock.set(0)
  await say(10)
  world.healed()
}

const to1970 = () => -Date.now() / 1000 + 8 * HOUR

export const clocks: Case[] = [
  {
    name: 'hub starts in 1970, its clock is set later',
    kind: 'clock starts in 1970',
    limitSeconds: 600,
    needs,
    run: (world) => jump(world, to1970(), { offline: false, restarted: true }),
  },
  {
    name: 'hub starts in 1970 with the line away',
    kind: 'clock starts in 1970',
    limitSeconds: 600,
    needs,
    run: (world) => jump(world, to1970(), { offline: true, restarted: true }),
  },
  {
    name: 'clock jumps an hour back',
    kind: 'clock an hour back',
    limitSeconds: 600,
    needs,
    run: (world) => jump(world, -HOUR, { offline: false, restarted: false }),
  },
  {
    name: 'clock jumps an hour back with the line away',
    kind: 'clock an hour back',
    limitSeconds: 600,
    needs,
    run: (world) => jump(world, -HOUR, { offline: true, restarted: false }),
  },
  {
    name: 'clock jumps ten years ahead',
    kind: 'clock ten years ahead',
    limitSeconds: 600,
    needs,
    run: (world) => jump(world, 10 * YEAR, { offline: false, restarted: false }),
  },
  {
    name: 'hub starts ten years ahead with the line away',
    kind: 'clock ten years ahead',
    limitSeconds: 600,
    needs,
    run: (world) => jump(world, 10 * YEAR, { offline: true, restarted: true }),
  },
  {
    name: 'hub starts ten years ahead with the line away, and measures no more until its clock is right',
    kind: 'clock ten years ahead',
    limitSeconds: 600,
    needs,
    run: (world) => jump(world, 10 * YEAR, { offline: true, restarted: true, quiet: true }),
  },
]
