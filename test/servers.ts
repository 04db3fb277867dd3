// Real servers for tests: Mosquitto and InfluxDB in temporary folders on free loopback ports, never the system's.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'

/** Below those that the kernel gives to outgoing connections: one of these must not take it before a server does, or in a restart. */
const PORTS = { from: 20_000, to: 32_000 }

export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from))
    const server = createServer()
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!free) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

/** Polls until `there` is true; rejects with `what` after `timeoutMs`. */
export async function until<T>(what: string, there: () => Promise<T> | T, timeoutMs = 30_000): Promise<NonNullable<T>> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const value = await there()
    if (value) return value as NonNullable<T>
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export interface Server {
  port: number
  start(): Promise<void>
  /** Of the running process, such as to freeze it. */
  pid(): number
  /** By SIGTERM, or by another signal; resolves when it is gone. */
  end(signal?: NodeJS.Signals): Promise<void>
}

function server(port: number, command: string, args: string[]): Server {
  let child: ChildProcess | undefined
  let words = ''
  return {
    port,
    pid() {
      if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null)
        throw new Error(`${command} does not run`)
      return child.pid
    },
    async start() {
      child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      child.stdout?.on('data', (chunk) => (words = (words + chunk).slice(-4000)))
      child.stderr?.on('data', (chunk) => (words = (words + chunk).slice(-4000)))
      const started = child
      await until(`${command} to listen on ${port}`, () => {
        if (started.exitCode !== null) throw new Error(`${command} ended: ${words}`)
        return answers(port)
      })
    },
    async end(signal = 'SIGTERM') {
      const running = child
      if (!running || running.exitCode !== null || running.signalCode !== null) return
      const gone = new Promise((resolve) => running.once('exit', resolve))
      running.kill(signal)
      await gone
    },
  }
}

export interface MosquittoUser {
  user: string
  password: string
  /** Lines of its ACL, such as `readwrite kiosk/v1/#`. */
  acl: string[]
}

/** Mosquitto as its operator sets it up, with what `kiosk-clinic keys broker` wrote; its state and its process number live in `folder`. */
export function mosquitto(folder: string, accounts: string, port: number): Server {
  return runMosquitto(folder, port, [`include_dir ${accounts}`, `pid_file ${folder}/mosquitto.pid`])
}

/** One whose operator keeps these users by hand, on a free port, without TLS. */
export async function ownMosquitto(folder: string, users: MosquittoUser[]): Promise<Server> {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const passwords = join(folder, 'passwords')
  const acl = join(folder, 'acl')
  writeFileSync(passwords, users.map(({ user, password }) => `${user}:${password}\n`).join(''), { mode: 0o600 })
  await new Promise((resolve) =>
    spawn('mosquitto_passwd', ['-U', passwords], { stdio: 'ignore' }).once('exit', resolve),
  )
  const rules = users.map(({ user, acl }) => [`user ${user}`, ...acl.map((line) => `topic ${line}`), ''].join('\n'))
  writeFileSync(acl, rules.join('\n'), { mode: 0o600 })
  return runMosquitto(folder, port, [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous false',
    `password_file ${passwords}`,
    `acl_file ${acl}`,
  ])
}

function runMosquitto(folder: string, port: number, lines: string[]): Server {
  mkdirSync(folder, { recursive: true })
  const conf = join(folder, 'mosquitto.conf')
  const all = [
    ...lines,
    'persistence true',
    `persistence_location ${folder}/`,
    'user root', // else it drops to a user that cannot read a temporary folder of ours
  ]
  writeFileSync(conf, `${all.join('\n')}\n`)
  return server(port, '/usr/sbin/mosquitto', ['-c', conf])
}

/** InfluxDB 1.x; its data live in `folder`. */
export async function influxd(folder: string): Promise<Server> {
  mkdirSync(folder, { recursive: true })
  const [port, rpc] = [await freePort(), await freePort()]
  const conf = join(folder, 'influxdb.conf')
  const text = [
    'reporting-disabled = true',
    `bind-address = "127.0.0.1:${rpc}"`,
    `[meta]\n  dir = "${folder}/meta"`,
    `[data]\n  dir = "${folder}/data"\n  wal-dir = "${folder}/wal"\n  query-log-enabled = false`,
    `[http]\n  bind-address = "127.0.0.1:${port}"\n  log-enabled = false`,
    '[monitor]\n  store-enabled = false',
    '[logging]\n  level = "error"',
  ]
  writeFileSync(conf, `${text.join('\n')}\n`)
  return server(port, '/usr/bin/influxd', ['run', '-config', conf])
}
