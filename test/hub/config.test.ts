// The config file: every fault in one message, what came, what was expected, what was meant.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readConfig } from '../../hub/config.ts'
import { aliasKey } from '../../hub/key.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const enrolment = {
  v: 1,
  hub: 'K01',
  site: { id: 'test', name: { zh: '测试村', en: 'Test Village' }, zone: 'Asia/Shanghai' },
  broker: { url: 'mqtt://127.0.0.1:1883', username: 'K01', password: 'secret-of-the-hub' },
  clinicKey: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k1' },
}
const device = { id: 'cuff', driver: 'and-tm2657', port: { type: 'serial', path: '/dev/ttyUSB0' } }
const good = { enrolment: 'enrolment.json', data: 'data', devices: [device], screen: { port: 0 } }

const write = (name: string, content: unknown) => {
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  return join(folder, name)
}
const faults = async (config: unknown, enrolled: unknown = enrolment) => {
  write('enrolment.json', enrolled)
  return readConfig(write('config.json', config)).then(
    () => 'no fault',
    (error: Error) => error.message,
  )
}

it('a config that is right has its defaults, its driver, and its paths from where it lies', async () => {
  write('enrolment.json', enrolment)
  const config = await readConfig(write('config.json', good))
  expect(config).toMatchObject({
    data: join(folder, 'data'),
    keepDays: 30,
    statusSeconds: 60,
    visit: { idleWarnSeconds: 45, idleEndSeconds: 90 },
    screen: { host: '127.0.0.1', port: 0 },
    devices: [{ id: 'cuff', driver: { vendor: 'A&D' } }],
  })
})

it('every fault is told in one message, with what came and what was meant', async () => {
  const text = await faults({
    enrolment: 'enrolment.json',
    dta: 'data',
    devices: [
      { id: 'cuff', driver: 'and-tm265', port: { type: 'serial', pth: '/dev/x' } },
      { id: 'cuff', driver: 'and-tm2657', port: { type: 'hid' }, measuringSeconds: { min: 5, max: 1 } },
    ],
    screen: { port: '80' },
  })
  expect(text).toContain('dta: unknown key (did you mean "data"?)')
  expect(text).toContain('data: came nothing')
  expect(text).toContain('devices.0.port.pth: unknown key (did you mean "path"?)')
  expect(text).toContain('no driver "and-tm265" (did you mean "and-tm2657"?)')
  expect(text).toContain('screen.port: came "80"')
  expect(text).toContain('"cuff" names two devices')
  expect(text).toContain('devices.1.port.type: came "hid"; and-tm2657 is a serial device')
  expect(text).toContain('min is above max')
})

it('a fault in the enrolment is told too, and its password never is', async () => {
  const text = await faults(good, { ...enrolment, broker: { ...enrolment.broker, url: 'http://x', password: 5 } })
  expect(text).toContain('broker.url: came "http://x"')
  expect(text).toContain('broker.password: came a number (not shown)')
  const broken = await faults(good, JSON.stringify(enrolment).slice(0, -1))
  expect(broken).toMatch(/is not JSON/)
  expect(broken).not.toContain('secret')
})

it('a device whose speed no source tells wants it set', async () => {
  const devices = (port: object) => [
    { id: 'cuff', driver: 'fora-bp', port: { type: 'serial', path: '/dev/x', ...port } },
  ]
  expect(await faults({ ...good, devices: devices({}) })).toContain(
    'devices.0.port.baud: came nothing; no source tells the speed of fora-bp',
  )
  expect(await faults({ ...good, devices: devices({ baud: 19_200 }) })).toBe('no fault')
})

it('a device whose model no frame tells wants it set, to one of its models', async () => {
  const devices = (more: object) => [{ id: 'cuff', driver: 'omron-hem7322u', port: { type: 'hid' }, ...more }]
  const told = 'devices.0.model: came nothing; set which it is: HEM-7322U, HEM-7131U'
  expect(await faults({ ...good, devices: devices({}) })).toContain(told)
  expect(await faults({ ...good, devices: devices({ model: 'HEM-7322' }) })).toContain('model: came "HEM-7322"; set')
  expect(await faults({ ...good, devices: devices({ model: 'HEM-7131U' }) })).toBe('no fault')
})

it('a zone that is none is a fault', async () => {
  const site = { ...enrolment.site, zone: 'Asia/Shangri-La' }
  expect(await faults(good, { ...enrolment, site })).toContain('site.zone: came "Asia/Shangri-La"; not a time zone')
})

it('the alias key is made once, for its owner only, and a damaged one is not replaced', async () => {
  const path = join(folder, 'alias.key')
  const key = await aliasKey(path)
  expect(key).toHaveLength(32)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(Buffer.from(await aliasKey(path)).equals(Buffer.from(key))).toBe(true)
  writeFileSync(path, 'short')
  await expect(aliasKey(path)).rejects.toThrow(/has 5 bytes, expected 32/)
})

it('a serial port is named by its path, or by what is plugged in and where; a HID device may be known by its driver', async () => {
  const on = (driver: string, port: object) => faults({ ...good, devices: [{ ...device, driver, port }] })
  const cuff = (port: object) => on('and-tm2657', { type: 'serial', ...port })
  expect(await cuff({ vendorId: 0x067b, productId: 0x2303, serial: 'A1' })).toBe('no fault')
  expect(await cuff({ place: '0000:00:14.0/1.4:1.0' })).toBe('no fault')
  expect(await cuff({})).toContain('expected a path, a place or a vendorId')
  expect(await cuff({ path: '/dev/ttyUSB0', place: '0000:00:14.0/1.4:1.0' })).toContain('expected either a path, or')
  expect(await cuff({ productId: 1, place: 'x' })).toContain('without its vendorId')
  expect(await on('ascensia-contour-usb', { type: 'hid' })).toBe('no fault')
})
