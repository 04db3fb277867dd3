// The simulated cable, on real pseudo-terminals, read by the serial library the hub uses.
import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SerialPort } from 'serialport'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openSerial } from '../../hub/ports/serial.ts'
import { type PtyCable, ptyCable } from '../../simulators/pty.ts'

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, i) => i)

let folder: string
let path: string
let cable: PtyCable
let received: number[]
let nowMs: number
const ports: SerialPort[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cable-'))
  path = join(folder, 'cuff')
  received = []
  nowMs = 0
  cable = ptyCable(
    path,
    (bytes) => received.push(...bytes),
    () => nowMs,
  )
})

afterEach(async () => {
  for (const port of ports.splice(0)) if (port.isOpen) await closed(port)
  cable.pull()
  rmSync(folder, { recursive: true })
})

const opened = (baudRate = 2400) =>
  new Promise<{ port: SerialPort; got: number[] }>((resolve, reject) => {
    const got: number[] = []
    const port = new SerialPort({ path, baudRate }, (error) => (error ? reject(error) : resolve({ port, got })))
    port.on('data', (bytes: Buffer) => got.push(...bytes))
    ports.push(port)
  })
const closed = (port: SerialPort) => new Promise<void>((resolve) => port.close(() => resolve()))

test('every byte value passes unchanged in both directions', async () => {
  const { port, got } = await opened()
  expect(cable.send(ALL_BYTES)).toBe(true)
  port.write(Buffer.from(ALL_BYTES))
  await vi.waitFor(() => expect([got.length, received.length]).toEqual([256, 256]))
  expect(Uint8Array.from(got)).toEqual(ALL_BYTES)
  expect(Uint8Array.from(received)).toEqual(ALL_BYTES)
})

test('bytes are not changed for a host that sets no line of its own, and nothing is echoed', async () => {
  writeFileSync(path, Buffer.from(ALL_BYTES))
  await vi.waitFor(() => expect(received.length).toBe(256))
  expect(Uint8Array.from(received)).toEqual(ALL_BYTES)
})

test('bytes sent while nobody has the port open are lost, as on a line, not handed to the next who opens it', async () => {
  expect(cable.send(Uint8Array.of(1))).toBe(false)
  const first = await opened()
  await closed(first.port)
  expect(cable.send(Uint8Array.of(2))).toBe(false)
  const second = await opened()
  expect(cable.send(Uint8Array.of(3))).toBe(true)
  await vi.waitFor(() => expect(second.got).toEqual([3]))
})

test('pulling the cable hangs up on the host and takes the path away; plugging brings it back', async () => {
  const line = { path, baud: 2400, dataBits: 8, parity: 'none', stopBits: 1, dtr: false } as const
  const { chunks } = await openSerial(line, new AbortController().signal)
  cable.pull()
  await expect(chunks[Symbol.asyncIterator]().next()).resolves.toMatchObject({ done: true })
  expect(existsSync(path)).toBe(false)
  expect(cable.send(Uint8Array.of(1))).toBe(false)
  cable.plug()
  const again = await opened()
  cable.send(Uint8Array.of(7))
  await vi.waitFor(() => expect(again.got).toEqual([7]))
})

test('a link left by a run that was killed is replaced, a file of somebody is not', () => {
  const other = ptyCable(
    path,
    () => {},
    () => nowMs,
  )
  expect(lstatSync(path).isSymbolicLink()).toBe(true)
  other.pull()
  const file = join(folder, 'notes.txt')
  writeFileSync(file, 'mine')
  expect(() =>
    ptyCable(
      file,
      () => {},
      () => nowMs,
    ),
  ).toThrow('is not a link')
  expect(lstatSync(file).isFile()).toBe(true)
})
