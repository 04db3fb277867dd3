// The udev rules that the hub prints, read by a parser as strict as udev's own and asked about ports as the kernel names them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { allDrivers } from '../../devices/kit/driver.ts'
import { command, SITE, writeConfig } from '../../simulators/programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'udev-'))
afterAll(() => rmSync(folder, { recursive: true }))

const MATCH = /^(ACTION|SUBSYSTEM|KERNEL|SYMLINK|DEVPATH|ATTRS\{(?:idVendor|idProduct|serial)\})=="([^"\\\n]+)"$/
const ASSIGN = /^(GROUP|MODE|GOTO|LABEL|ENV\{ID_MM_PORT_IGNORE\})="([^"\\\n]+)"$/

/** One rule a line: what it asks and what it sets. Throws on whatever udev would not take or we never mean. */
function parsed(text: string) {
  return text.split('\n').flatMap((line) => {
    if (line === '' || line.startsWith('#')) return []
    const asks: Record<string, string> = {}
    const sets: Record<string, string> = {}
    for (const part of line.match(/[^",]+"[^"]*"(?:, |$)/g) ?? []) {
      const bare = part.replace(/, $/, '')
      const [, key, value] = MATCH.exec(bare) ?? []
      const [, set, to] = ASSIGN.exec(bare) ?? []
      if (key && value) asks[key] = value
      else if (set && to) sets[set] = to
      else throw new Error(`no part of a rule: ${bare}`)
    }
    if (
      line !==
      [
        ...Object.entries(asks).map(([k, v]) => `${k}=="${v}"`),
        ...Object.entries(sets).map(([k, v]) => `${k}="${v}"`),
      ].join(', ')
    )
      throw new Error(`not a rule: ${line}`)
    return [{ asks, sets }]
  })
}

const ports = (text: string) => parsed(text).filter(({ asks }) => asks.SUBSYSTEM)

async function configOf(ports: { driver: string; port: object }[]) {
  const enrolment = join(folder, 'enrolment.json')
  const broker = { url: 'mqtt://127.0.0.1:1', username: 'K01', password: 'x' }
  const clinicKey = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k' }
  writeFileSync(enrolment, JSON.stringify({ v: 1, hub: 'K01', site: SITE, broker, clinicKey }))
  const devices = ports.map((one, i) => ({ id: `device${i}`, ...one }))
  return writeConfig(folder, { enrolment, data: join(folder, 'data'), screen: { port: 8081 }, devices })
}

it('every driver that has USB ids gets its rule, in the subsystem of its port', async () => {
  const rules = ports(await command('hub', ['udev']))
  const hex = (n: number) => n.toString(16).padStart(4, '0')
  const wanted = (await allDrivers()).flatMap(({ transport }) =>
    (transport.ids ?? []).map(({ vendorId, productId }) => ({
      SUBSYSTEM: transport.type === 'hid' ? 'hidraw' : 'tty',
      'ATTRS{idVendor}': hex(vendorId),
      'ATTRS{idProduct}': hex(productId),
    })),
  )
  expect(wanted.length).toBeGreaterThan(10)
  expect(rules.map(({ asks }) => asks)).toEqual(wanted)
})

it('every port belongs to the group kiosk and is open to nobody else; a rule’s end is there', async () => {
  const text = await command('hub', ['udev'])
  for (const { sets } of ports(text)) expect(sets).toMatchObject({ GROUP: 'kiosk', MODE: '0660' })
  expect(text).not.toContain('uaccess')
  const rules = parsed(text)
  expect(rules.at(0)).toEqual({ asks: { ACTION: 'remove' }, sets: { GOTO: 'kiosk_end' } })
  expect(rules.at(-1)).toEqual({ asks: {}, sets: { LABEL: 'kiosk_end' } })
})

it('what a config names gets its rule: by ids and serial number, by place, by path', async () => {
  const bare = ports(await command('hub', ['udev'])).length
  const cuff = 'and-tm2657'
  const config = await configOf([
    { driver: cuff, port: { type: 'serial', vendorId: 0x0403, productId: 0x6001, serial: 'A9"*\n,MODE="0666' } },
    { driver: cuff, port: { type: 'serial', place: '0000:00:14.0/1.4:1.0' } },
    { driver: cuff, port: { type: 'serial', path: '/dev/ttyS1' } },
    { driver: cuff, port: { type: 'serial', path: '/dev/serial/by-id/usb-cuff' } },
    { driver: cuff, port: { type: 'serial', path: join(folder, 'pty') } },
    { driver: cuff, port: { type: 'tcp', host: 'gateway', port: 4001 } },
  ])
  const rules = ports(await command('hub', ['udev', '--config', config])).slice(bare)
  const at = '*/0000:00:14.0/usb*-1.4:1.0/*'
  expect(rules.map(({ asks }) => asks)).toEqual([
    { SUBSYSTEM: 'tty', 'ATTRS{idVendor}': '0403', 'ATTRS{idProduct}': '6001', 'ATTRS{serial}': 'A9???,MODE=?0666' },
    { SUBSYSTEM: 'tty', DEVPATH: at },
    { SUBSYSTEM: 'tty', KERNEL: 'ttyS1' },
    { SUBSYSTEM: 'tty', SYMLINK: 'serial/by-id/usb-cuff' },
  ])
  for (const { sets } of rules) expect(sets).toMatchObject({ GROUP: 'kiosk', MODE: '0660' })
  // udev's own * takes slashes too
  const pattern = new RegExp(`^${at.replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
  const likeUdev = (path: string) => pattern.test(path)
  const plug = '/devices/pci0000:00/0000:00:14.0/usb1/1-1'
  expect(likeUdev(`${plug}/1-1.4/1-1.4:1.0/ttyUSB0/tty/ttyUSB0`)).toBe(true)
  expect(likeUdev(`${plug}/1-1.5/1-1.5:1.0/ttyUSB0/tty/ttyUSB0`)).toBe(false)
  expect(likeUdev(`${plug}/1-1.1.4/1-1.1.4:1.0/ttyUSB0/tty/ttyUSB0`)).toBe(false)
})
