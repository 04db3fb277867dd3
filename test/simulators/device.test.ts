// `kiosk-sim device`: JSON lines in, one JSON answer each out, and errors that say what is possible.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { SerialPort } from 'serialport'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { allDrivers } from '../../devices/kit/driver.ts'
import { deviceList, runDevice, simulatedDrivers, startDevice } from '../../simulators/device.ts'
import { DeviceClock, wallMs, wallText } from '../../simulators/devices/device.ts'
import { startHidDevice } from '../../simulators/hid.ts'

const around = { now: () => Date.parse('2026-11-25T08:15:30+08:00'), zone: 'Asia/Shanghai' }

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'device-'))
  path = join(folder, 'port')
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Gives the lines to a device, waits for as many answers, and ends it by closing its stdin. */
async function answers(driver: string, lines: string[]): Promise<Record<string, unknown>[]> {
  const stdin = new PassThrough()
  const stdout = new PassThrough()
  const got: Record<string, unknown>[] = []
  let rest = ''
  const enough = new Promise<void>((resolve) => {
    stdout.on('data', (chunk: Buffer) => {
      const whole = (rest + chunk).split('\n')
      rest = whole.pop() ?? ''
      for (const line of whole) got.push(JSON.parse(line))
      if (got.length === lines.length + 1) resolve()
    })
  })
  const running = runDevice(driver, path, { stdin, stdout, ...around })
  for (const line of lines) stdin.write(`${line}\n`)
  await enough
  stdin.end()
  await running
  return got
}

test('the list names every device, its line and what it can be told', async () => {
  const list = await deviceList()
  expect(list.map((line) => line.split(' ')[0])).toEqual(simulatedDrivers())
  expect(list.find((line) => line.startsWith('lifescan-verio-iq '))).toMatch(/ serial +store, serial, clock$/)
  expect(list.find((line) => line.startsWith('taidoc-td4277 '))).toMatch(/ hid +store, serial, clock$/)
})

test('every driver of the line has its simulated device, and an unknown one is told which there are', async () => {
  expect(simulatedDrivers()).toEqual((await allDrivers()).map((driver) => driver.id))
  await expect(startDevice('and-tm2658', path, around)).rejects.toThrow(/and-tm2658.*There are: .*and-tm2657, ascensia/)
  await expect(startDevice('../device', path, around)).rejects.toThrow('There are')
})

test('a HID device refuses a pseudo-terminal, and a serial one the memory line, in one line', async () => {
  await expect(startDevice('ascensia-contour-usb', path, around)).rejects.toThrow(
    /^ascensia-contour-usb is a USB-HID device.*$/,
  )
  await expect(startHidDevice('and-tm2657', around)).rejects.toThrow('pseudo-terminal')
  expect(existsSync(path)).toBe(false)
})

test('the first line says where the port is; each line has one answer with what the device says; the path is gone at the end', async () => {
  const got = await answers('lifescan-ultraeasy', [
    '{"store":{"value":99,"unit":"mg/dL","at":"2026-11-25T08:15:00"}}',
    '{"store":{"value":"HI"},"ref":"second"}',
    '{"store":{"value":120,"control":true}}',
  ])
  expect(got).toEqual([
    { ready: true, driver: 'lifescan-ultraeasy', pty: path },
    {
      said: [
        {
          kind: 'glucose',
          value: 99,
          unit: 'mg/dL',
          range: null,
          context: 'unknown',
          deviceTime: '2026-11-25T08:15:00',
        },
      ],
    },
    {
      ref: 'second',
      said: [
        {
          kind: 'glucose',
          value: null,
          unit: 'mg/dL',
          range: 'above',
          context: 'unknown',
          deviceTime: '2026-11-25T08:15:30',
        },
      ],
    },
    { said: [] },
  ])
  expect(existsSync(path)).toBe(false)
})

test('a wrong command is answered with what was wrong and what is possible, and the device goes on', async () => {
  const got = await answers('and-tm2657', [
    '{"measure":{"systolic":"high","diastolic":76,"pulse":78}}',
    '{"measures":{}}',
    'measure 127/76',
    '[]',
    '{"fail":"E00"}',
    '{"clock":"2026-02-30T08:00"}',
    '{"fault":{"splt":1}}',
    '{"clock":"2026-11-25T08:00","ref":"good"}',
  ])
  const said = got.slice(1).map((line) => line.error ?? line)
  expect(said[0]).toMatch(/measure\.systolic.*Expected for example \{"measure"/)
  expect(said[1]).toMatch(/no such command.*Possible: \{"measure".*\{"fail":"E44"\}.*\{"plug":false\}.*\{"fault"/)
  expect(said[2]).toMatch(/expected one JSON object a line.*got "measure 127\/76"/)
  expect(said[3]).toMatch(/expected one JSON object a line/)
  expect(said[4]).toMatch(/expected a result code like E44/)
  expect(said[5]).toMatch(/no such date/)
  expect(said[6]).toMatch(/splt/)
  expect(said[7]).toEqual({ ref: 'good', said: [] })
})

test('a cuff measures one at a time; a pulled cable ends the measurement with nothing said', async () => {
  const device = await startDevice('and-tm2657', path, around)
  try {
    const measure = { systolic: 120, diastolic: 80, pulse: 70 }
    const running = device.say({ measure, after: 600_000 })
    await expect(device.say({ measure })).rejects.toThrow('the cuff is measuring')
    await device.say({ plug: false })
    expect(await running).toEqual({ said: [], stopped: true })
    expect(existsSync(path)).toBe(false)
    await device.say({ plug: true })
    expect(await device.say({ measure })).toMatchObject({ unheard: true })
  } finally {
    device.end()
  }
})

test('a fault ordered by command is on the wire', async () => {
  const device = await startDevice('omron-hbp9030', path, around)
  const port = await new Promise<SerialPort>((resolve, reject) => {
    const opening: SerialPort = new SerialPort({ path, baudRate: 9600 }, (e) => (e ? reject(e) : resolve(opening)))
  })
  try {
    const got: number[] = []
    port.on('data', (bytes: Buffer) => got.push(...bytes))
    await device.say({ fault: { cut: 20, times: 1 } })
    await device.say({ measure: { systolic: 120, diastolic: 80, pulse: 70 } })
    await device.say({ measure: { systolic: 120, diastolic: 80, pulse: 70 } })
    await expect.poll(() => Buffer.from(got).toString()).toMatch(/^2026,11,25,08,15,.{3}2026,11,25,08,15,.*,0\r\n$/)
  } finally {
    await new Promise((resolve) => port.close(resolve))
    device.end()
  }
})

test('a device clock shows the wall time of its zone, whatever the zone of the machine, and runs on when it is set wrong', () => {
  expect(wallText(wallMs(Date.parse('2026-03-02T00:15:00Z'), 'Asia/Shanghai'))).toBe('2026-03-02T08:15:00')
  expect(wallText(wallMs(Date.parse('2026-12-31T16:00:00Z'), 'Asia/Shanghai'))).toBe('2027-01-01T00:00:00')
  let now = Date.parse('2026-03-02T00:15:00Z')
  const clock = new DeviceClock({ now: () => now, zone: 'Asia/Shanghai' })
  expect(clock.read()).toBe('2026-03-02T08:15:00')
  clock.set('2019-12-31T23:59:30')
  now += 45_000
  expect(clock.read()).toBe('2020-01-01T00:00:15')
})
