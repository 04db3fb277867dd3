// The clinic's disk is full: the one with its registry, the one with its series; and room again.
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { StartError } from '../../simulators/programs.ts'
import type { Case, Parts } from './case.ts'
import { fill, mountSmall, needsMount, unmount } from './small-disk.ts'
import type { World } from './world.ts'

/** InfluxDB wants more for its empty folder than SQLite does. */
const DISK_MB = { embedded: 8, servers: 64 }

type OnDisk = 'registry' | 'series'

/** Where the small disk is mounted, and what of the clinic lies on it. */
function smallDiskOf(what: OnDisk, folder: string, parts: Parts) {
  if (what === 'registry') return { clinic: join(mountSmall(folder), 'clinic') }
  const disk = mountSmall(folder, DISK_MB[parts])
  if (parts === 'servers') return { influx: join(disk, 'influx') }
  const clinic = join(folder, 'clinic')
  mkdirSync(clinic, { mode: 0o700 })
  symlinkSync(join(disk, 'series.sqlite'), join(clinic, 'series.sqlite'))
  return { clinic }
}

/** Readings go on meanwhile; the second time what works on that disk dies of it, or with it. */
async function full({ house, say, sayUntil, healed, random, signal }: World, what: OnDisk, disk: string) {
  const { influx } = house
  const toDie =
    what === 'series' && influx
      ? { kill: () => influx.end('SIGKILL'), begin: () => influx.start() }
      : { kill: () => house.clinic.kill(), begin: () => house.startClinic() }
  await say(20)
  const free = fill(disk)
  await sayUntil(sleep(3000 + random() * 5000, undefined, { signal }))
  free()
  await say(10)
  const freeAgain = fill(disk)
  await sayUntil(sleep(random() * 2000, undefined, { signal }))
  await toDie.kill()
  let began = false
  const beginning = toDie.begin().then(
    () => {
      began = true
    },
    (error) => {
      if (!(error instanceof StartError) && !influx) throw error // no room even to start
    },
  )
  await sayUntil(Promise.race([beginning, sleep(5000, undefined, { signal })]))
  freeAgain()
  await beginning
  if (!began) await toDie.begin()
  healed()
  await say(10)
}

const diskFull = (what: OnDisk): Case => {
  let disk = ''
  return {
    name: `disk full at the clinic, with its ${what}`,
    kind: `clinic disk full, ${what}`,
    limitSeconds: 240,
    needs: needsMount,
    house(folder, { parts }) {
      disk = join(folder, 'disk')
      return { data: smallDiskOf(what, folder, parts) }
    },
    leave: unmount,
    run: (world) => full(world, what, disk),
  }
}

export const clinicDisk: Case[] = [diskFull('registry'), diskFull('series')]
