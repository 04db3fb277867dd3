// Both programs tell systemd that they are ready, live and end, over the socket it gives them; and say nothing while they are not well.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { serviceManager } from '../../../hub/system/notify.ts'
import { until } from '../../servers.ts'
import { startClinic, startHub } from './alone.ts'
import { notifySocket } from './notify-socket.ts'

const WATCHDOG_MS = 1500
let folder: string
let systemd: Awaited<ReturnType<typeof notifySocket>>
let environment: { NOTIFY_SOCKET: string; WATCHDOG_USEC: string; PATH: string | undefined }
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'notify-'))
  const NOTIFY_SOCKET = join(folder, 'socket')
  systemd = await notifySocket(NOTIFY_SOCKET)
  environment = { NOTIFY_SOCKET, WATCHDOG_USEC: String(WATCHDOG_MS * 1000), PATH: process.env.PATH }
})
afterEach(() => {
  systemd.close()
  rmSync(folder, { recursive: true })
})

describe.each([
  ['kiosk-hub', startHub],
  ['kiosk-clinic', startClinic],
])('%s', (_name, begin) => {
  it('is ready once its page is served, lives, and says that it ends', async () => {
    const program = await begin(folder, {}, { env: environment })
    expect((await fetch(program.ready.url)).ok).toBe(true)
    await until('READY', () => systemd.count('READY=1') === 1)
    await until('three words of life', () => systemd.count('WATCHDOG=1') >= 3)
    expect(systemd.words[0]).toBe('READY=1')
    await program.stop()
    await until('STOPPING', () => systemd.count('STOPPING=1') === 1)
    expect(await program.ended).toBe(0)
  })
})

it('a hub whose outbox cannot be reached says nothing, so that systemd starts it anew; and lives again when it can', async () => {
  let logs = ''
  const log = (chunk: Uint8Array) => {
    logs += Buffer.from(chunk).toString()
  }
  const hub = await startHub(folder, {}, { log, env: environment })
  await until('a word of life', () => systemd.count('WATCHDOG=1') > 0)
  const other = new Database(join(folder, 'hub/outbox.sqlite'))
  other.exec('begin immediate')
  const before = systemd.count('WATCHDOG=1')
  await until('the hub to find its outbox locked', () => logs.includes('not well'))
  // Each look says either; at most one was under way when the file was locked.
  expect(systemd.count('WATCHDOG=1') - before).toBeLessThanOrEqual(1)
  const silent = systemd.count('WATCHDOG=1')
  other.close()
  await until('a word of life', () => systemd.count('WATCHDOG=1') > silent)
  await hub.stop()
})

describe('the watchdog', () => {
  const lines: string[] = []
  const log = pino({}, { write: (line: string) => void lines.push(line) })
  const ending = new AbortController()
  afterEach(() => ending.abort())

  it('says nothing for a program that hangs', async () => {
    const manager = serviceManager(environment, process.pid, log)
    await manager.ready()
    void manager.watch(() => new Promise(() => undefined), ending.signal)
    await manager.stopping() // whatever came before has been heard by now
    expect(systemd.words).toEqual(['READY=1', 'STOPPING=1'])
  })

  it('means the process that systemd named, and nobody without a socket', async () => {
    for (const other of [{ WATCHDOG_PID: '1' }, { NOTIFY_SOCKET: undefined }, { WATCHDOG_USEC: undefined }]) {
      const manager = serviceManager({ ...environment, ...other }, process.pid, log)
      await manager.watch(() => Promise.reject(new Error('nobody asks')), new AbortController().signal)
    }
    expect(systemd.words).toEqual([])
    expect(lines).toEqual([])
  })

  it('a socket that nobody hears is said once', async () => {
    systemd.close()
    const manager = serviceManager({ ...environment, NOTIFY_SOCKET: join(folder, 'none') }, process.pid, log)
    await manager.ready()
    await manager.ready()
    expect(lines.filter((line) => line.includes('systemd could not be told'))).toHaveLength(1)
  })
})
