// Starts our own programs as the real processes they are, for the demo and for journeys: by their files, configs and command lines.
import { type ChildProcess, fork } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** The compiled programs, wherever this file itself runs from. */
const dist = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../dist/' : '../', import.meta.url))
export const PROGRAMS = {
  hub: join(dist, 'hub/main.js'),
  clinic: join(dist, 'dashboard/server/main.js'),
  sim: join(dist, 'simulators/main.js'),
} as const
export type ProgramName = keyof typeof PROGRAMS

/** Something outside our code keeps a program from starting: `message` is one line that says what. */
export class StartError extends Error {
  override name = 'StartError'
}

export interface Program<Ready> {
  ready: Ready
  pid: number
  /** Its exit code, null when a signal ended it. */
  ended: Promise<number | null>
  /** Asks it to end and waits. */
  stop(): Promise<void>
  /** As a power cut does: no chance to clean up. */
  kill(): Promise<void>
}

type Log = (line: Uint8Array) => void

const collect = (stream: Readable | null, log: Log) => {
  stream?.on('data', (chunk: Uint8Array) => log(chunk))
}

const exitCode = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', resolve))

export interface Around {
  log: Log
  env?: NodeJS.ProcessEnv
  /** Told at once, before the program is ready. */
  born?: (pid: number) => void
}

/** Runs a program until it says over IPC that it is ready. Rejects with its last words when it ends before. */
export async function start<Ready>(name: ProgramName, args: string[], options: Around) {
  const child = fork(PROGRAMS[name], args, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...options.env },
  })
  if (child.pid !== undefined) options.born?.(child.pid)
  // Held back until it runs: when it cannot start, its last line alone says why.
  let words: string | undefined = ''
  const log: Log = (chunk) => {
    if (words === undefined) options.log(chunk)
    else words += Buffer.from(chunk).toString()
  }
  collect(child.stdout, log)
  collect(child.stderr, log)
  const ended = exitCode(child)
  const ready = await Promise.race([
    new Promise<Ready>((resolve) => child.once('message', (message) => resolve(message as Ready))),
    ended.then((code) => {
      throw new StartError(`${name} cannot start: ${words?.trim().split('\n').at(-1) || `exit code ${code}`}`)
    }),
  ])
  options.log(Buffer.from(words))
  words = undefined
  const end = (signal: NodeJS.Signals) => async () => {
    child.kill(signal)
    await ended
  }
  const program: Program<Ready> = { ready, pid: child.pid!, ended, stop: end('SIGTERM'), kill: end('SIGKILL') }
  return program
}

/** Runs a command of ours to its end, with `input` on stdin; rejects with what it said when it fails. */
export async function command(name: ProgramName, args: string[], input = '') {
  const child = fork(PROGRAMS[name], args, { stdio: ['pipe', 'pipe', 'pipe', 'ipc'] })
  let stdout = ''
  let stderr = ''
  collect(child.stdout, (chunk) => (stdout += Buffer.from(chunk).toString()))
  collect(child.stderr, (chunk) => (stderr += Buffer.from(chunk).toString()))
  child.stdin?.end(input)
  const code = await exitCode(child)
  if (code !== 0) throw new StartError(`${name} ${args.slice(0, 2).join(' ')} failed: ${stderr.trim()}`)
  return stdout
}

/** The place where everything simulated happens: plainly invented. */
export const SITE = {
  id: 'test-village',
  name: { zh: '测试村健康小屋', en: 'Test Village health cabin' },
  zone: 'Asia/Shanghai',
}

/** Writes a config where a program will find it. @returns its path */
export async function writeConfig(folder: string, config: object) {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'config.json')
  await writeFile(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 })
  return path
}
