// The data folder: can it be written, how fast does it sync, how much room is left, is it encrypted.
import { mkdtemp, open, readdir, readFile, realpath, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { broken, type Finding, look, ok } from './finding.ts'

const SYNCS = 9
const SLOW_MS = 100 // a visitor waits for the tick
const MIB = 2 ** 20
const ROOM = { least: 50 * MIB, good: 1024 * MIB }

/** Writes a few small files into the folder and takes them away again. */
export async function diskFindings(data: string): Promise<Finding[]> {
  const what = 'data folder'
  const folder = await stat(data).catch((error: NodeJS.ErrnoException) => error)
  if (folder instanceof Error) {
    if (folder.code === 'ENOENT') return [look(what, `${data} is not there`, 'the hub makes it at its first start')]
    return [broken(what, `${data} cannot be seen (${folder.code})`, 'correct "data" in the config, or its rights')]
  }
  if (!folder.isDirectory()) return [broken(what, `${data} is no folder`, 'correct "data" in the config')]
  return [await syncSpeed(data), await room(data), await encryption(data)]
}

async function syncSpeed(data: string): Promise<Finding> {
  const what = 'data folder'
  let inside: string | undefined
  try {
    inside = await mkdtemp(join(data, 'doctor-'))
    const file = await open(join(inside, 'sync'), 'w', 0o600)
    const times: number[] = []
    try {
      for (let n = 0; n < SYNCS; n++) {
        const from = performance.now()
        await file.write(Buffer.alloc(4096, n))
        await file.sync()
        times.push(performance.now() - from)
      }
    } finally {
      await file.close()
    }
    const ms = times.sort((a, b) => a - b)[Math.floor(SYNCS / 2)] ?? 0
    const says = `${data} can be written; a write is on the disk after ${ms.toFixed(1)} ms`
    return ms < SLOW_MS ? ok(what, says) : look(what, `${says}, which is slow`, 'the disk may be failing: replace it')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown'
    const full = code === 'ENOSPC' || code === 'EDQUOT'
    const why = full ? 'the disk is full' : `no reading can be kept (${code})`
    const toDo = full
      ? 'make room on this disk'
      : 'give the folder to the user of the hub; look whether the disk is read-only'
    return broken(what, `${data} cannot be written: ${why}`, toDo)
  } finally {
    if (inside !== undefined) await rm(inside, { recursive: true, force: true }).catch(() => undefined)
  }
}

async function room(data: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(data)
  const bytes = bavail * bsize
  const says = `${Math.round(bytes / MIB)} MiB are free`
  if (bytes < ROOM.least) return broken('space', says, 'make room: a hub with a full disk lets no visitor in')
  return bytes < ROOM.good ? look('space', says, 'make room before it is full') : ok('space', says)
}

/** dm-crypt below the folder, be it under LVM: the kernel names such a device CRYPT-… */
async function encryption(data: string): Promise<Finding> {
  const what = 'encryption'
  const device = deviceOf(await readFile('/proc/self/mountinfo', 'utf8').catch(() => ''), await realpath(data))
  if (device === null)
    return look(what, 'what lies under the data folder is not known', 'see that its disk is encrypted')
  if (await isCrypt(`/sys/dev/block/${await numberOf(device)}`))
    return ok(what, 'the data folder is on an encrypted disk')
  const toDo = 'put it on an encrypted disk (LUKS): who takes the machine away takes the readings that wait in it'
  return look(what, 'the data folder is not on an encrypted disk', toDo)
}

interface MountedFrom {
  number: string
  source: string
}

/** proc(5): `36 35 98:0 /mnt1 /mnt2 rw - ext3 /dev/root rw`; the longest mount point above the folder counts, of two the later. */
export function deviceOf(mountinfo: string, folder: string): MountedFrom | null {
  let best: (MountedFrom & { at: string }) | null = null
  for (const line of mountinfo.split('\n')) {
    const [head = '', tail = ''] = line.split(' - ')
    const [, , number, , point] = head.split(' ')
    const source = tail.split(' ')[1]
    if (number === undefined || point === undefined || source === undefined) continue
    const at = point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    const above = at === '/' || folder === at || folder.startsWith(`${at}/`)
    if (above && at.length >= (best?.at.length ?? 0)) best = { at, number, source }
  }
  return best && { number: best.number, source: best.source }
}

/** A file system of several disks (btrfs) has a number of its own: there the disk it is mounted from tells. */
async function numberOf({ number, source }: MountedFrom): Promise<string> {
  if (!number.startsWith('0:') || !source.startsWith('/dev/')) return number
  const rdev = await stat(source).then(
    (found) => found.rdev,
    () => 0,
  )
  return rdev === 0 ? number : `${(rdev >> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >> 12) & 0xfff00)}`
}

async function isCrypt(block: string): Promise<boolean> {
  const uuid = await readFile(join(block, 'dm/uuid'), 'utf8').catch(() => '')
  if (uuid.startsWith('CRYPT-')) return true
  const below = await readdir(join(block, 'slaves')).catch(() => [])
  const each = await Promise.all(below.map((name) => isCrypt(join(block, 'slaves', name))))
  return each.length > 0 && each.every((one) => one)
}
