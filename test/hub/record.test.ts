// A live device becomes a .capture that can be replayed, and nothing private is in it; a new driver's files pass as they are laid.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bytesOf, hex } from '../../devices/kit/bytes.ts'
import { readCapture } from '../../devices/kit/capture.ts'
import { decoder } from '../../devices/kit/decode.ts'
import { type Driver, type DriverDefinition, defineDriver, findDriver } from '../../devices/kit/driver.ts'
import { newDriver } from '../../hub/new-driver.ts'
import { openSerial } from '../../hub/ports/serial.ts'
import { captureOf, rawCapture, record } from '../../hub/record.ts'
import { startDevice } from '../../simulators/device.ts'
import { encodeHbp9030 } from '../../simulators/devices/omron-hbp9030.ts'
import { startHidDevice } from '../../simulators/hid.ts'
import { until } from '../servers.ts'

const DAY = '2026-11-28'
const WORLD = { now: () => Date.parse('2026-11-25T08:15:00+08:00'), zone: 'Asia/Shanghai' }

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'record-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const options = (driver: Driver | null) => ({
  file: join(folder, 'new.capture'),
  driver,
  name: 'some-meter',
  day: DAY,
  now: () => Date.now(),
})
const written = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '')

/** What the capture says each step means is what its driver says. */
function replays(text: string, driver: Driver) {
  for (const { steps } of readCapture(text).scenes) {
    const stream = decoder(driver)
    for (const step of steps.filter(({ from }) => from === 'device')) {
      const before = stream.counts.refusedFrames
      const events = stream.push(step.bytes).flatMap(({ event }) => (event.kind === 'device' ? [] : [event]))
      expect(events).toEqual(step.events)
      expect(stream.counts.refusedFrames > before).toBe(step.refused)
    }
  }
}

describe('kiosk-hub record', () => {
  it('writes what a meter on a serial port is asked and says, with what it means', async () => {
    const driver = await findDriver('lifescan-verio-iq')
    const device = await startDevice(driver.id, join(folder, 'tty'), WORLD)
    const { said } = await device.say({ store: { value: 99, at: '2026-11-25T08:15:00', meal: 'before' } })
    const ending = new AbortController()
    const settings = { path: device.pty, baud: 38_400, dataBits: 8, parity: 'none', stopBits: 1, dtr: false } as const
    const port = await openSerial(settings, ending.signal)
    const recording = record(port, options(driver), ending.signal)
    await until('the reading', () => written(options(driver).file).includes('\n= '))
    ending.abort()
    expect(await recording).toBeGreaterThan(3)
    device.end()
    const text = written(options(driver).file)
    const capture = readCapture(text)
    expect(capture).toMatchObject({ driver: driver.id, source: `recorded with kiosk-hub record, ${DAY}` })
    const steps = capture.scenes.flatMap((scene) => scene.steps)
    expect(steps.flatMap(({ events }) => events).at(-1)).toEqual(said[0])
    expect(steps.some(({ from }) => from === 'host')).toBe(true)
    replays(text, driver)
  })

  it('writes the reports of a HID meter', async () => {
    const driver = await findDriver('abbott-freestyle-hid')
    const device = await startHidDevice(driver.id, WORLD)
    await device.say({ store: { value: 'HI', at: '2026-11-25T08:15' } })
    const ending = new AbortController()
    const recording = record(await device.open(), options(driver), ending.signal)
    await until('the reading', () => written(options(driver).file).includes('"range":"above"'))
    ending.abort()
    await recording
    device.end()
    replays(written(options(driver).file), driver)
  })

  it('blanks what is private before it is written, in a frame and outside of one', async () => {
    const driver = await findDriver('omron-hbp9030')
    const lines: string[] = []
    const recording = captureOf(driver, DAY, (line) => lines.push(line))
    const figures = { systolic: 120, diastolic: 80, pulse: 72, error: 0, movement: 0, at: '2026-11-25T08:15' }
    const subject = '11999919500101009X'
    recording.heard(encodeHbp9030({ ...figures, subject }))
    recording.heard(bytesOf(subject))
    recording.end()
    const text = lines.join('\n')
    expect(text.replaceAll(' ', '')).not.toContain(hex(bytesOf(subject)))
    expect(text.replaceAll(' ', '')).not.toContain(hex(bytesOf('119999')))
    expect(text).toContain('"systolic":120')
    expect(text).toContain('# stepped over: 18 bytes')
    replays(text, driver)
  })

  it('says of a frame whose check covers what is blanked what it meant before', async () => {
    const terumo = await findDriver('terumo-br500')
    const lines: string[] = []
    const recording = captureOf(terumo, DAY, (line) => lines.push(line))
    const { encodeBr500 } = await import('../../simulators/devices/terumo-br500.ts')
    const figures = { systolic: 119, diastolic: 76, mean: 90, pulse: 83, at: '2026-11-25T08:15' }
    recording.heard(encodeBr500({ ...figures, subject: '000003071' }))
    recording.end()
    expect(lines.join('\n')).toMatch(/! FrameError\n# before private bytes were blanked: .*"systolic":119/)
    replays(lines.join('\n'), terumo)
  })

  it('writes the bytes of a device nobody knows as they come, but no number like a person’s', () => {
    const lines: string[] = []
    const { heard } = rawCapture('some-meter', DAY, (line) => lines.push(line))
    heard(bytesOf('ID11999919500101009X,120/80'))
    heard(Uint8Array.of(0xff, 0x00, 0x80))
    expect(lines.join('\n')).toContain(`< ${[...hex(bytesOf(`ID${' '.repeat(18)},120/80`)).matchAll(/../g)].join(' ')}`)
    expect(lines.at(-1)).toBe('< ff 00 80')
    expect(readCapture(lines.join('\n')).scenes[0]!.steps).toHaveLength(2)
  })

  it('records no card, and takes the place of no file', async () => {
    const reader = await findDriver('sdt-samv')
    expect(() => captureOf(reader, DAY, () => undefined)).toThrow('a card is private whole')
    const meter = await startHidDevice('abbott-freestyle-hid', WORLD)
    const ended = record(await meter.open(), { ...options(null), file: folder }, new AbortController().signal)
    await expect(ended).rejects.toThrow('is there already')
    meter.end()
  })
})

describe('kiosk-hub new-driver', () => {
  const root = join(import.meta.dirname, '../..')

  it.each(['glucose', 'blood-pressure'] as const)(
    'lays a driver of %s and a capture that fit each other',
    async (kind) => {
      mkdirSync(join(folder, 'devices'))
      cpSync(join(root, 'devices/kit'), join(folder, 'devices/kit'), { recursive: true })
      const files = newDriver(folder, 'Test Maker', 'M-1 (old)', kind)
      expect(readdirSync(join(folder, 'devices', kind)).sort()).toEqual([
        'test-maker-m-1-old.capture',
        'test-maker-m-1-old.ts',
      ])
      const { default: laid }: { default: DriverDefinition } = await import(/* @vite-ignore */ files[0]!)
      replays(readFileSync(files[1]!, 'utf8'), { ...defineDriver(laid), id: 'test-maker-m-1-old' })
      expect(() => newDriver(folder, 'Test Maker', 'M-1 (old)', kind)).toThrow('there already')
    },
  )

  it('is for a checkout of the sources, and for names that make a file name', () => {
    expect(() => newDriver(folder, 'Omron', 'X1', 'glucose')).toThrow('start this in a checkout of the sources')
    expect(() => newDriver(root, 'Omron', "X'1", 'glucose')).toThrow('expected a maker and a model')
  })
})
