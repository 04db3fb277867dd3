// A serial cable without hardware: a pseudo-terminal behind a link whose path stays, with the cable to pull and to plug.
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs'
import type { ReadStream } from 'node:tty'
import { open } from '@lydell/node-pty'

declare module '@lydell/node-pty' {
  /** Missing in the package's own types: a pseudo-terminal without a process. `encoding: null` gives bytes. */
  export function open(options: { encoding: null }): { ptsName: string; master: ReadStream; slave: ReadStream }
}

export interface PtyCable {
  /** The stable path the host opens: a link to the pseudo-terminal of the moment. */
  path: string
  plugged(): boolean
  /** Bytes to the host; false, and the bytes are gone, when nobody has the port open or the cable is out. */
  send(bytes: Uint8Array): boolean
  /** Puts the cable in: a new pseudo-terminal under the same path. No effect when it is in. */
  plug(): void
  /** Pulls the cable: the path is gone and whoever has the port open sees it hang up. No effect when it is out. */
  pull(): void
}

/** Someone who sent us bytes this recently still has the port open. */
const RECENT_MS = 1000

/** Makes the pseudo-terminal and its link. Throws when `path` is something else than a link, or its folder is not writable. */
export function ptyCable(path: string, receive: (bytes: Uint8Array) => void, now: () => number): PtyCable {
  let live: { pts: string; master: ReadStream; hold: number; spokenAt: number } | undefined

  const pull = () => {
    if (!live) return
    const { pts, master, hold } = live
    live = undefined
    // Only our own link: another simulation may have taken the path over.
    if (targetOrNothing(path) === pts) unlinkSync(path)
    closeSync(hold)
    master.destroy()
  }

  const plug = () => {
    if (live) return
    removeStaleLink(path)
    const { ptsName: pts, master, slave } = open({ encoding: null })
    // Held open by us so that the terminal outlives a host that closes and reopens it; never read by us, or it would eat bytes.
    const hold = openSync(pts, constants.O_RDWR | constants.O_NOCTTY)
    slave.destroy()
    // The library keeps one more descriptor to itself and never closes it: it would outlive the pulled cable.
    for (const fd of listOrNothing('/proc/self/fd').map(Number)) {
      if (fd !== hold && targetOrNothing(`/proc/self/fd/${fd}`) === pts) closeSync(fd)
    }
    // A new terminal echoes and turns CR into LF; a cable does neither, whether or not the host sets the line itself.
    execFileSync('stty', [process.platform === 'darwin' ? '-f' : '-F', pts, 'raw', '-echo'])
    symlinkSync(pts, path)
    const cable = { pts, master, hold, spokenAt: Number.NEGATIVE_INFINITY }
    live = cable
    master.on('data', (bytes: Buffer) => {
      cable.spokenAt = now()
      receive(bytes)
    })
    master.on('error', (error: NodeJS.ErrnoException) => {
      // EIO is how a terminal says that its other end closed: the cable was pulled under a write or read.
      if (error.code !== 'EIO') throw error
    })
  }

  plug()
  return {
    path,
    plugged: () => live !== undefined,
    send(bytes) {
      if (!live) return false
      if (now() - live.spokenAt > RECENT_MS && !openByAnother(live.pts)) return false
      live.master.write(bytes)
      return true
    },
    plug,
    pull,
  }
}

/** What an earlier run that was killed left behind: a link. Anything else in its place is somebody's file and stays. */
function removeStaleLink(path: string) {
  try {
    readlinkSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return
    if (code === 'EINVAL') throw new Error(`${path} exists and is not a link: choose a path that is free`)
    throw error
  }
  unlinkSync(path)
}

/**
 * Whether anybody beside our own hold has the terminal open, told from /proc. A real line drops what comes while its port is
 * closed, a pseudo-terminal would keep it and hand a stale reading to the next who opens it.
 */
function openByAnother(pts: string): boolean {
  if (process.platform !== 'linux') return true
  let opens = 0
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    for (const fd of listOrNothing(`/proc/${entry}/fd`)) {
      if (targetOrNothing(`/proc/${entry}/fd/${fd}`) === pts) opens += 1
      if (opens > 1) return true
    }
  }
  return false
}

// A process may end between two looks, and other users' are not ours to see: both count as not having it open.
function listOrNothing(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function targetOrNothing(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined
  }
}
