// The hub's disk is full: a small tmpfs of its own, filled to the last byte, and room again.
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Case } from './case.ts'

const SIZE_MB = 8

/** Only root may mount. */
export const needsMount = () => {
  const probe = '/tmp/faults-mount-probe'
  mkdirSync(probe, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe], { stdio: 'ignore' })
    execFileSync('umount', [probe])
    return null
  } catch {
    return 'a small disk cannot be mounted here'
  } finally {
    rmSync(probe, { recursive: true })
  }
}

/** A disk of its own in the case's folder. */
export function mountSmall(folder: string, sizeMb = SIZE_MB): string {
  const disk = join(folder, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMb}m`, 'tmpfs', disk])
  return disk
}
export const unmount = (folder: string) => execFileSync('umount', ['-l', join(folder, 'disk')])

/** Takes every byte there is. @returns how to give them back */
export function fill(disk: string): () => void {
  const path = join(disk, 'filler')
  const file = openSync(path, 'w')
  for (let size = 1 << 20; size > 0; ) {
    try {
      if (writeSync(file, Buffer.alloc(size)) < size) size >>= 1
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      size >>= 1
    }
  }
  closeSync(file)
  return () => rmSync(path)
}

export const smallDisk: Case[] = [
  {
    name: 'disk full at the hub',
    kind: 'hub disk full',
    limitSeconds: 600,
    needs: needsMount,
    house: (folder) => ({ data: { hub: join(mountSmall(folder), 'hub') } }),
    leave: unmount,
    async run(world) {
      const { house, say, hub, random, signal } = world
      const disk = join(house.paths.hub.data, '..')
      await say(20)
      // The reading that comes is held until there is room: its tick comes then.
      const free = fill(disk)
      const held = say(1)
      await world.screenUntil('a full disk', ({ full }) => full)
      await sleep(random() * 3000, undefined, { signal })
      free()
      await held
      await say(10)
      // And once more, and the hub dies of it or with it: no tick, and it cannot even start until there is room.
      const freeAgain = fill(disk)
      const dying = say(2)
      await world.screenUntil('a full disk', ({ full }) => full)
      hub.kill()
      await sleep(1000 + random() * 3000, undefined, { signal })
      freeAgain()
      await dying
      await say(10)
      world.healed()
    },
  },
]
