// The program kiosk-hub as it is built and called: decode, devices, run, and how it ends.
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fromHex, hex } from '../../devices/kit/bytes.ts'
import { allDrivers } from '../../devices/kit/driver.ts'
import { openOutbox } from '../../hub/outbox.ts'
import { ACK, AstmSession, ENQ } from '../../simulators/devices/astm.ts'
import { PROGRAMS, start } from '../../simulators/programs.ts'
import { ptyCable } from '../../simulators/pty.ts'
import { until } from '../servers.ts'

function call(args: string[], input = ''): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [PROGRAMS.hub, ...args])
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  child.stdin.end(input)
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
}

/** The first frame of a capture and what it means, as the driver's own folder has them. */
function captured() {
  const text = readFileSync(new URL('../../devices/blood-pressure/and-tm2657.capture', import.meta.url), 'utf8')
  const frame = /^< (.+)$/m.exec(text)![1]!
  return { frame, event: JSON.parse(/^= (.+)$/m.exec(text)![1]!) as object }
}

describe('kiosk-hub decode', () => {
  it('prints a reading as one line of JSON, however the bytes are cut, and what it passed over', async () => {
    const { frame, event } = captured()
    const { code, stdout, stderr } = await call(
      ['decode', 'and-tm2657'],
      `00 ff\n${frame.slice(0, 60)}\n${frame.slice(60)}\n`,
    )
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([event])
    expect(stderr).toBe('discarded 2 bytes, refused 0 frames\n')
    expect(code).toBe(0)
  })

  it('ends with 1 when a frame was refused', async () => {
    const flipped = captured().frame.replace('31 32 37', '31 32 36')
    const { code, stdout, stderr } = await call(['decode', 'and-tm2657'], flipped)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/refused 1 frames\n$/)
  })

  it('ends with 2 when the call itself was wrong, and says how', async () => {
    const unknown = await call(['decode', 'and-tm9999'])
    expect(unknown.code).toBe(2)
    for (const { id } of await allDrivers()) expect(unknown.stderr).toContain(id)
    expect(await call(['decode', 'and-tm2657'], '16 1')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('line 1'),
    })
    expect((await call(['decode'])).code).toBe(2)
  })
})

it('kiosk-hub devices --json is one array of all drivers', async () => {
  const { code, stdout } = await call(['devices', '--json'])
  const list = JSON.parse(stdout) as { id: string; models: string[] }[]
  expect(code).toBe(0)
  expect(list.map(({ id }) => id)).toEqual((await allDrivers()).map(({ id }) => id))
  expect(Object.keys(list[0]!)).toEqual(['id', 'vendor', 'models', 'kind', 'transport', 'check', 'evidence'])
})

describe('kiosk-hub run', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hub-'))
    const site = { id: 'test', name: { zh: '测试村', en: 'Test Village' }, zone: 'Asia/Shanghai' }
    // Nobody listens at port 1: the line is down, and the hub does not mind.
    const broker = { url: 'mqtt://127.0.0.1:1', username: 'K01', password: 'p' }
    const clinicKey = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k' }
    write('enrolment.json', { v: 1, hub: 'K01', site, broker, clinicKey })
    write('config.json', {
      enrolment: 'enrolment.json',
      data: 'data',
      devices: [{ id: 'cuff', driver: 'and-tm2657', port: { type: 'serial', path: join(folder, 'cuff') } }],
      screen: { port: 0 },
    })
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const write = (name: string, content: object) => writeFileSync(join(folder, name), JSON.stringify(content))
  const run = (log: (line: Uint8Array) => void = () => undefined) =>
    start<{ ready: true; url: string; hub: string }>('hub', ['run', '--config', join(folder, 'config.json')], { log })

  it('lists what a device sent and could not be read, raw, after the hub has ended', async () => {
    const good = fromHex(captured().frame)
    const damaged = good.with(10, good[10]! ^ 1)
    const cable = ptyCable(
      join(folder, 'cuff'),
      () => undefined,
      () => performance.now(),
    )
    const list = async () => {
      const { stdout } = await call(['refused', '--json', '--config', join(folder, 'config.json')])
      return JSON.parse(stdout) as unknown[]
    }
    expect(await list()).toEqual([])
    const hub = await run()
    await until('the cuff to be open', () => cable.send(damaged))
    await until('the refusal', async () => (await list()).length > 0)
    await hub.stop()
    cable.pull()
    expect(await list()).toMatchObject([{ device: 'cuff', driver: 'and-tm2657', bytes: hex(damaged) }])
    const { stdout } = await call(['refused', '--config', join(folder, 'config.json')])
    expect(stdout).toContain(`cuff (and-tm2657) ${hex(damaged)}`)
  })

  it('is ready with line and devices away, serves its page, and ends within two seconds', async () => {
    const hub = await run()
    expect(hub.ready).toMatchObject({ ready: true, hub: 'K01' })
    expect((await fetch(hub.ready.url)).status).toBe(200)
    expect(existsSync(join(folder, 'data/alias.key'))).toBe(true)
    const before = performance.now()
    await hub.stop()
    expect(await hub.ended).toBe(0)
    expect(performance.now() - before).toBeLessThan(2000)
  })

  it('keeps each undated record of a meter once, read twice in one run and again in the next', async () => {
    let values = ['113', '98', '121'] // newest first
    const told = new EventEmitter()
    const meter = createServer((socket) => {
      const send = (bytes: Uint8Array) => socket.write(bytes)
      let session: AstmSession | undefined
      let sessions = 0
      socket.on('error', () => undefined) // the hub ends when it likes
      socket.on('data', (chunk) => {
        if (session && chunk[0] === ACK && !session.hear(ACK)) {
          session = undefined
          if (++sessions === 2) told.emit('twice')
          else send(Uint8Array.of(ENQ))
        } else if (!session && chunk[0] === ACK) {
          clearInterval(calling)
          const results = values.map((value, i) => `R|${i + 1}|^^^Glucose|${value}|mg/dL^P||||||`)
          const header = 'H|\\^&|||Bayer7150^1.05\\0.00^7150-0002193|||||||P|1|202603020815'
          session = new AstmSession([header, 'P|1', 'O|1', ...results, 'L|1||N'], send)
          session.begin()
        }
      })
      const calling = setInterval(() => send(Uint8Array.of(ENQ)), 200) // what comes while the port is being opened is not heard
      socket.on('close', () => clearInterval(calling))
    }).listen(0, '127.0.0.1')
    await once(meter, 'listening')
    const port = { type: 'tcp', host: '127.0.0.1', port: (meter.address() as AddressInfo).port }
    write('config.json', {
      enrolment: 'enrolment.json',
      data: 'data',
      devices: [{ id: 'meter', driver: 'ascensia-contour', port }],
      screen: { port: 0 },
    })
    const kept = async () => {
      const twice = once(told, 'twice')
      const hub = await run()
      await twice
      await hub.stop()
      const outbox = openOutbox(join(folder, 'data/outbox.sqlite'))
      const records = outbox.waiting({ opening: 0, seq: 0 }, 100).map(({ body }) => JSON.parse(body))
      outbox.close()
      return records.map(({ values: { value }, takenAt, flags }) => ({ value, takenAt, doubt: flags.length > 2 }))
    }
    const undated = (value: number) => ({ value, takenAt: null, doubt: false })
    try {
      expect(await kept()).toEqual([113, 98, 121].map(undated))
      values = ['105', ...values.slice(0, 2)] // full: the oldest gave way
      expect(await kept()).toEqual([113, 98, 121, 105].map(undated))
    } finally {
      meter.close()
    }
  })

  it('turns a second hub on the same data away in one clear line', async () => {
    const hub = await run()
    const second = await call(['run', '--config', join(folder, 'config.json')])
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(/another hub has this outbox open/)
    expect(second.stderr.trim().split('\n')).toHaveLength(1)
    await hub.stop()
  })

  it('says every fault of its config and ends with 1', async () => {
    write('config.json', { enrolment: 'enrolment.json', data: 'data', devices: [], screen: {} })
    const { code, stderr } = await call(['run', '--config', join(folder, 'config.json')])
    expect(code).toBe(1)
    expect(stderr).toMatch(/devices: came a list/)
    expect(stderr).toMatch(/screen.port: came nothing/)
  })
})
