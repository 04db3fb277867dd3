// A watched device on real pseudo-terminals: what waited, cables pulled, garbage, ports that cannot be had.
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fromHex, hex } from '../../../devices/kit/bytes.ts'
import { findDriver } from '../../../devices/kit/driver.ts'
import type { DeviceSettings } from '../../../hub/config.ts'
import { PortError } from '../../../hub/ports/port.ts'
import { openSerial } from '../../../hub/ports/serial.ts'
import { type Heard, watchDevice } from '../../../hub/ports/watch.ts'
import { type PtyCable, ptyCable } from '../../../simulators/pty.ts'
import { until } from '../../servers.ts'

const cuff = await findDriver('omron-hbp9020')
const asked = await findDriver('lifescan-ultraeasy')
const bytes = (text: string) => new TextEncoder().encode(text)
const line = (systolic: number, diastolic: number) => {
  const mean = Math.round((systolic + 2 * diastolic) / 3)
  const figures = [systolic, mean, diastolic, 72].map((n) => String(n).padStart(3, '0')).join()
  return `bp,${'9'.repeat(20)},2026/03/02,08:12,${figures},0\r\n`
}

let folder: string
let path: string
let cable: PtyCable
let said: Uint8Array[]
const ending: (() => Promise<unknown> | unknown)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ports-'))
  path = join(folder, 'cuff')
  said = []
  cable = ptyCable(
    path,
    (chunk) => said.push(chunk),
    () => performance.now(),
  )
})
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
  cable.pull()
  rmSync(folder, { recursive: true, force: true })
})

function watch(
  port: DeviceSettings['port'] = { type: 'serial', path },
  driver = cuff,
  kept: () => Promise<unknown> = async () => undefined,
) {
  const heard: Heard[] = []
  const refused: [string, string][] = []
  const logged: { msg: string; cause?: string; awaySeconds?: number }[] = []
  const signal = new AbortController()
  const watched = watchDevice(
    { id: 'cuff', driver, port },
    {
      now: () => ({ wallMs: Date.now(), uptimeMs: performance.now(), boot: 'b', trusted: true }),
      zone: 'Asia/Shanghai',
      hear: async (one) => {
        heard.push(one)
        await kept()
      },
      refused: (source, _at, bytes) => void refused.push([source.id, hex(bytes)]),
      changed: () => undefined,
      log: pino({}, { write: (text: string) => void logged.push(JSON.parse(text)) }),
    },
  )
  const done = watched.run(signal.signal)
  const end = async () => {
    signal.abort()
    await done
  }
  ending.push(end)
  const state = (wanted: string) => until(`the state ${wanted}`, () => watched.status().state === wanted)
  const systolics = () =>
    heard.map(({ told: { event }, waited }) =>
      event.kind === 'blood-pressure' ? [event.systolic, waited] : [event.kind],
    )
  return { watched, heard, refused, logged, state, systolics, end }
}

describe('bytes that waited in a port before it was opened (FC-30)', () => {
  const holdOpen = () => openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)

  it('never become the reading of whoever stands there, and half a line of them does not spoil the next', async () => {
    const hold = holdOpen() // so that the terminal takes them; more than its first buffer holds
    cable.send(bytes(line(151, 95).repeat(200) + line(160, 100).slice(0, 30)))
    closeSync(hold)
    const { systolics, state } = watch()
    await state('open')
    cable.send(bytes(line(124, 78)))
    await until('the reading of now', () => systolics().some(([systolic]) => systolic === 124))
    const old = systolics().slice(0, -1)
    expect(old.every(([systolic, waited]) => systolic === 151 && waited === true)).toBe(true)
    expect(systolics().at(-1)).toEqual([124, false])
  })

  it('tell nothing at a scale, which says again what still stands on it, and that once', async () => {
    const scale = await findDriver('healthometer-2595kl')
    const weight = (kg: string) => fromHex(`0282d7e4${hex(bytes(kg))}0d`)
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      sockets.push(socket)
      for (let i = 0; i < 5; i++) socket.write(weight('081.5'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    ending.push(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const { port } = server.address() as { port: number }
    const { heard, state } = watch({ type: 'tcp', host: '127.0.0.1', port }, scale)
    await state('open')
    for (let i = 0; i < 5; i++) sockets[0]!.write(weight('061.3'))
    await until('the weight of now', () => heard.length > 0)
    sockets[0]!.write(weight('061.4'))
    await until('the next', () => heard.length > 1)
    const told = heard.map(({ told: { event }, waited }) => [event.kind === 'body-weight' && event.value, waited])
    expect(told).toEqual([
      [61.3, false],
      [61.4, false],
    ])
  })

  it('are kept as waiting where the port still has them, as a device server does', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      sockets.push(socket)
      socket.write(line(151, 95) + line(160, 100).slice(0, 30))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    ending.push(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const { port } = server.address() as { port: number }
    const { watched, systolics, state } = watch({ type: 'tcp', host: '127.0.0.1', port })
    await state('open')
    sockets[0]?.write(line(124, 78))
    await until('both readings', () => systolics().length === 2)
    expect(systolics()).toEqual([
      [151, true],
      [124, false],
    ])
    expect(watched.status().counts).toMatchObject({ events: 2, refusedFrames: 0 })
  })

  it('mean nothing when the device is asked: it will be asked again', async () => {
    const hold = holdOpen()
    cable.send(new Uint8Array(40).fill(2))
    closeSync(hold)
    const { heard } = watch({ type: 'serial', path }, asked)
    await until('a question', () => said.length > 0)
    expect(heard).toEqual([])
  })
})

describe('a device', () => {
  it('whose cable is pulled and put back goes on without a restart, and is logged once each way', async () => {
    const { logged, systolics, state } = watch()
    await state('open')
    cable.pull()
    await state('lost')
    await until('its log', () => logged.length >= 2)
    cable.plug()
    await state('open')
    cable.send(bytes(line(124, 78)))
    await until('the reading', () => systolics().length === 1)
    expect(logged.map(({ msg, cause }) => [msg.split(':')[0], cause])).toEqual([
      ['device open', undefined],
      ['device away', 'gone'],
      ['device back', 'gone'],
    ])
    expect(logged[2]?.awaySeconds).toBeTypeOf('number')
  })

  it('that is not there yet is found when it comes', async () => {
    cable.pull()
    const { watched, state } = watch()
    await state('lost')
    expect(watched.status().cause).toBe('gone')
    cable.plug()
    await state('open')
    expect(watched.status().cause).toBeNull()
  })

  it('that sends a damaged frame is counted as having sent it, and the frame is told raw, once', async () => {
    const driver = await findDriver('and-tm2657')
    const capture = readFileSync(new URL('../../../devices/blood-pressure/and-tm2657.capture', import.meta.url), 'utf8')
    const good = fromHex(/^< (.+)$/m.exec(capture)![1]!)
    const damaged = good.with(10, good[10]! ^ 1)
    const { watched, refused, heard, state } = watch({ type: 'serial', path }, driver)
    await state('open')
    cable.send(damaged)
    await until('the refusal', () => watched.status().counts.refusedFrames > 0)
    cable.send(good)
    await until('the reading', () => heard.length > 0)
    expect(refused).toEqual([['cuff', hex(damaged)]])
    expect(watched.status().counts).toMatchObject({ events: 1, refusedFrames: 1 })
  })

  it('of another kind fills counts, not memory, and a good line after its garbage is found', async () => {
    const { watched, systolics, state } = watch()
    await state('open')
    const garbage = new Uint8Array(2048).map((_, i) => (i * 7919 + 13) % 251)
    const { counts } = watched.status()
    for (let round = 1; round <= 100; round++) {
      expect(cable.send(garbage)).toBe(true)
      const most = round * (garbage.length - 64) // some of it may look like a line's start, or like a foreign line
      await until('the garbage', () => watched.status().counts.discardedBytes - counts.discardedBytes >= most)
    }
    cable.send(bytes(`\r\n${line(124, 78)}`))
    await until('the reading', () => systolics().length === 1)
    expect(watched.status().counts.discardedBytes).toBeGreaterThan(190_000)
    expect(systolics()).toEqual([[124, false]])
  })

  it('that pushes is heard ahead of the disk only as far as its frames had come, and then whole', async () => {
    const driver = await findDriver('and-tm2657') // each of its frames is a reading
    const capture = readFileSync(new URL('../../../devices/blood-pressure/and-tm2657.capture', import.meta.url), 'utf8')
    const frame = fromHex(/^< (.+)$/m.exec(capture)![1]!)
    const disk: (() => void)[] = []
    let well = false
    const keep = () => (well ? Promise.resolve() : new Promise<void>((resolve) => disk.push(resolve)))
    const someTurns = async () => {
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    }
    const { heard, state } = watch({ type: 'serial', path }, driver, keep)
    try {
      await state('open')
      // The pseudo-terminal may hand a write over in pieces: what came in a piece of its own waits for the disk.
      cable.send(Uint8Array.from([...frame, ...frame, ...frame]))
      await until('the first of three', () => heard.length > 0)
      await someTurns()
      cable.send(frame)
      await someTurns()
      expect(heard.length).toBeLessThan(4)
    } finally {
      well = true // whatever was found: who waits for the disk would wait for ever
      for (const answer of disk) answer()
    }
    await until('all four', () => heard.length === 4)
  })

  it('ends within moments of being told, and leaves the port free', async () => {
    const { state, end } = watch()
    await state('open')
    await end()
    const again = watch()
    await again.state('open')
  })

  it('says why a command cannot go out', async () => {
    const { watched, state } = watch({ type: 'serial', path: join(folder, 'none') })
    await state('lost')
    await expect(watched.send('start')).rejects.toThrow(/omron-hbp9020.* no command to start/)
  })
})

describe('a port that cannot be had says why', () => {
  const settings = { baud: 9600, dataBits: 8, parity: 'none', stopBits: 1, dtr: false } as const
  const reason = async (at: string) => {
    const error = await openSerial({ ...settings, path: at }, new AbortController().signal).then(
      async (port) => {
        await port.close()
        return null
      },
      (e: unknown) => e,
    )
    return error instanceof PortError ? error.reason : error
  }

  it('gone', async () => {
    expect(await reason(join(folder, 'none'))).toBe('gone')
  })
  it('a file', async () => {
    writeFileSync(join(folder, 'file'), 'text')
    expect(await reason(join(folder, 'file'))).toBe('not-a-device')
    expect(await reason('/dev/null')).toBe('not-a-device')
  })
  it('busy', async () => {
    const port = await openSerial({ ...settings, path }, new AbortController().signal)
    try {
      expect(await reason(path)).toBe('busy')
    } finally {
      await port.close()
    }
    expect(await reason(path)).toBeNull()
  })
})

describe('a device server', () => {
  it('carries a device’s bytes over TCP, and may come and go', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => sockets.push(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    ending.push(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const { port } = server.address() as { port: number }
    const { state, systolics } = watch({ type: 'tcp', host: '127.0.0.1', port })
    await state('open')
    sockets[0]?.write(line(124, 78))
    await until('the reading', () => systolics().length === 1)
    sockets[0]?.destroy()
    await state('lost')
    await state('open')
    sockets[1]?.write(line(125, 79))
    await until('the next', () => systolics().length === 2)
  })
})
