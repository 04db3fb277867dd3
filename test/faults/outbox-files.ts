// The hub's outbox file is destroyed, put back from before, or copied to a second hub.
import { copyFileSync, cpSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { damageOf } from '../../hub/salvage.ts'
import { startDevice } from '../../simulators/device.ts'
import { watchScreen } from '../../simulators/kiosk-view.ts'
import { SITE, start, writeConfig } from '../../simulators/programs.ts'
import { freePort } from '../servers.ts'
import type { Case } from './case.ts'
import { sayerAt } from './kiosk.ts'
import type { World } from './world.ts'

const PAGE = 4096
const outboxOf = ({ house }: World) => join(house.paths.hub.data, 'outbox.sqlite')
const removeBeside = (path: string) => {
  for (const part of ['-wal', '-shm']) rmSync(path + part, { force: true })
}

/** Everything said so far is stored: what lies in the outbox beside what follows is no promise any more. */
const delivered = (world: World) => world.screenUntil('an empty outbox', ({ queued }) => queued === 0)

/**
 * Some readings are stored, some wait while the line is away; then the file is what `destroy` makes of it. What the hub
 * says aloud of it, in its status and on its screen, must be what is missing.
 */
async function destroyed(world: World, readings: number, destroy: (path: string) => void) {
  const { hub, line, say } = world
  const path = outboxOf(world)
  await say(10)
  await delivered(world)
  line.refuse()
  await say(readings)
  await hub.end() // its last words into the file: nothing lies in the log beside it
  destroy(path)
  await hub.begin()
  line.pass()
  await say(10)
  await delivered(world)
  const damage = damageOf(path)
  world.destroyed = damage?.destroyed ?? 0
  if (damage && damage.destroyed !== 0) await world.screenUntil('that results were lost', ({ damaged }) => damaged)
  world.healed()
}

const pagesWith = (file: Buffer, text: string) =>
  Array.from({ length: file.length / PAGE }, (_, page) => page).filter(
    (page) => page > 0 && file.subarray(page * PAGE, (page + 1) * PAGE).includes(text),
  )

const flip = (path: string, position: number, length: number) => {
  const bytes = readFileSync(path)
    .subarray(position, position + length)
    .map((byte) => byte ^ 0xff)
  writeSync(openSync(path, 'r+'), bytes, 0, length, position)
}

export const outboxFiles: Case[] = [
  {
    name: 'outbox file cut short',
    kind: 'outbox truncated',
    limitSeconds: 600,
    run: (world) =>
      destroyed(world, 80, (path) => truncateSync(path, Math.floor((statSync(path).size * 0.7) / PAGE) * PAGE)),
  },
  {
    name: 'outbox file with a page overwritten',
    kind: 'outbox page flipped',
    limitSeconds: 600,
    run: (world) =>
      destroyed(world, 80, (path) => {
        const pages = pagesWith(readFileSync(path), '"systolic"')
        flip(path, pages[Math.floor(world.random() * pages.length)]! * PAGE, PAGE)
      }),
  },
  {
    name: 'outbox file with a bit of a reading turned',
    kind: 'outbox page flipped',
    limitSeconds: 600,
    run: (world) =>
      destroyed(world, 40, (path) => {
        const text = readFileSync(path)
        const place = text.lastIndexOf('"systolic":1') + '"systolic":1'.length
        writeSync(openSync(path, 'r+'), Uint8Array.of(text[place]! ^ 1), 0, 1, place)
      }),
  },
  {
    name: 'outbox file with its first page overwritten',
    kind: 'outbox page flipped',
    limitSeconds: 600,
    run: (world) => destroyed(world, 40, (path) => flip(path, 0, PAGE)),
  },
  {
    name: 'outbox file gone',
    kind: 'outbox gone',
    limitSeconds: 600,
    run: (world) =>
      destroyed(world, 40, (path) => {
        rmSync(path)
        removeBeside(path)
      }),
  },
  {
    name: 'hub restored from an older file, which the clinic has gone past',
    kind: 'hub restored',
    limitSeconds: 600,
    async run(world) {
      const { hub, say } = world
      const path = outboxOf(world)
      await say(20)
      await hub.end()
      copyFileSync(path, `${path}.before`)
      await hub.begin()
      await say(30)
      await delivered(world)
      await hub.end('SIGKILL')
      removeBeside(path)
      copyFileSync(`${path}.before`, path)
      await hub.begin()
      await say(20)
      world.destroyed = damageOf(path)?.destroyed ?? 0
      world.healed()
    },
  },
  {
    name: 'hub restored from an older file, readings that waited are not in it',
    kind: 'hub restored',
    limitSeconds: 600,
    async run(world) {
      const path = outboxOf(world)
      await world.say(10)
      await world.hub.end()
      copyFileSync(path, `${path}.before`)
      await world.hub.begin()
      await destroyed(world, 15, () => {
        removeBeside(path)
        copyFileSync(`${path}.before`, path)
      })
    },
  },
  {
    name: 'two hubs cloned from one image (FC-34)',
    kind: 'hub cloned',
    limitSeconds: 600,
    async run(world) {
      const { house, hub, line, say, truth, signal } = world
      await say(10)
      line.refuse()
      await say(10) // both copies will have them
      await hub.end()
      const folder = join(house.folder, 'clone')
      cpSync(house.paths.hub.data, folder, { recursive: true })
      await hub.begin()
      const cuff = await startDevice('and-tm2657', join(folder, 'port-cuff'), { now: Date.now, zone: SITE.zone })
      const told = JSON.parse(readFileSync(house.paths.hub.config, 'utf8'))
      const config = await writeConfig(join(folder, 'config'), {
        ...told,
        data: folder,
        devices: [{ ...told.devices[0], port: { type: 'serial', path: cuff.pty } }],
        screen: { port: await freePort() },
      })
      const clone = await start<{ url: string }>('hub', ['run', '--config', config], { log: house.log })
      const closing = new AbortController()
      try {
        const screen = watchScreen(clone.ready.url, closing.signal)
        const other = sayerAt({ hub: () => clone, screen: () => screen, cuff }, truth, signal)
        await Promise.all([say(15), other.say(15)])
        line.pass()
        await Promise.all([say(30), other.say(30)])
        hub.kill()
        await Promise.all([say(10), other.say(10)])
        world.healed()
        await screen.until('an empty outbox', ({ queued }) => queued === 0, 120_000)
      } finally {
        closing.abort()
        await clone.stop()
        cuff.end()
      }
    },
  },
]
