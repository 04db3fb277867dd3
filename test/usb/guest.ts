// Runs inside the machine with real USB: the hub as it is built, on devices of the kernel's own making whose plugs are pulled.
import { deepEqual, equal } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openOutbox } from '../../hub/outbox.ts'
import type { View } from '../../hub/screen/view.ts'
import { attachDevice, findSimulator } from '../../simulators/device.ts'
import { acmCable } from '../../simulators/gadget.ts'
import { watchScreen } from '../../simulators/kiosk-view.ts'
import { start } from '../../simulators/programs.ts'
import { uhidCable } from '../../simulators/uhid.ts'
import { say, test } from './bench.ts'

const PATIENCE_MS = 60_000 // this machine is an emulated one
const around = { now: Date.now, zone: 'Asia/Shanghai' }

for (const module of ['uhid', 'hid-generic', 'libcomposite', 'usb_f_acm', 'cdc_acm']) execFileSync('modprobe', [module])
execFileSync('modprobe', ['dummy_hcd', 'num=4'])
execFileSync('mount', ['-t', 'configfs', 'configfs', '/sys/kernel/config'])

const cuff = attachDevice(
  await findSimulator('and-tm2657'),
  (receive) =>
    acmCable(
      'cuff',
      { udc: 'dummy_udc.0', vendorId: 0x1d6b, productId: 0x0104, product: 'Cable A', serial: 'A1' },
      receive,
    ),
  around,
)
const meter = attachDevice(
  await findSimulator('ascensia-contour-usb'),
  (receive) =>
    uhidCable({ vendorId: 0x1a79, productId: 0x7410, name: 'Contour Next', serial: 'M1', reportLength: 64 }, receive),
  around,
)

const folder = mkdtempSync(join(tmpdir(), 'usb-hub-'))
const write = (name: string, content: object) => writeFileSync(join(folder, name), JSON.stringify(content))
const site = { id: 'test', name: { zh: '测试村', en: 'Test Village' }, zone: 'Asia/Shanghai' }
// Nobody listens there: the line is down, and what is read stays in the outbox.
const broker = { url: 'mqtt://127.0.0.1:1', username: 'K01', password: 'p' }
const clinicKey = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k' }
write('enrolment.json', { v: 1, hub: 'K01', site, broker, clinicKey })
mkdirSync(join(folder, 'data'))
write('config.json', {
  enrolment: 'enrolment.json',
  data: 'data',
  devices: [
    {
      id: 'cuff',
      driver: 'and-tm2657',
      port: { type: 'serial', path: '/dev/ttyACM0' },
      measuringSeconds: { min: 0, max: 0 },
    },
    { id: 'meter', driver: 'ascensia-contour-usb', port: { type: 'hid' } },
  ],
  screen: { port: 0 },
})
const ending = new AbortController()
const hub = await start<{ url: string }>('hub', ['run', '--config', join(folder, 'config.json')], {
  log: (line) => void process.stdout.write(line),
})
const screen = watchScreen(hub.ready.url, ending.signal)
const is = (id: string, state: string) => (view: View) => view.devices.some((d) => d.id === id && d.state === state)
const shown = (id: string, state: string) => screen.until(`${id} ${state}`, is(id, state), PATIENCE_MS)

await test('a cuff on a USB serial port is read through /dev/ttyACM0', async () => {
  await shown('cuff', 'open')
  await screen.press({ do: 'guest' })
  await screen.until('a visit', (view) => view.visit !== null, PATIENCE_MS)
  await cuff.say({ measure: { systolic: 131, diastolic: 82, pulse: 71 } })
  const { visit } = await screen.until('a result', (view) => (view.visit?.results.length ?? 0) > 0, PATIENCE_MS)
  equal(visit?.results.at(-1)?.values.systolic, 131)
})

await test('a meter on /dev/hidraw is read through node-hid', async () => {
  await shown('meter', 'open')
})
await meter.say({ plug: false })
await meter.say({ store: { value: 7.4, at: '2026-03-02T08:15:00' } })
await meter.say({ plug: true })

for (const [id, device] of Object.entries({ cuff, meter })) {
  await test(`the ${id}'s plug is pulled, which is seen, and put back, and it is open again`, async () => {
    for (let time = 0; time < 3; time++) {
      const pulled = performance.now()
      await device.say({ plug: false })
      await shown(id, 'lost')
      const lost = performance.now()
      await device.say({ plug: true })
      const back = performance.now()
      await shown(id, 'open')
      say(
        `${id}: gone seen after ${Math.round(lost - pulled)} ms, open ${Math.round(performance.now() - back)} ms after it came back`,
      )
    }
  })
}

ending.abort()
await test('the hub ends cleanly, and has kept what both devices told, once', async () => {
  await hub.stop()
  equal(await hub.ended, 0)
  const outbox = openOutbox(join(folder, 'data/outbox.sqlite'))
  const records = outbox.waiting({ opening: 0, seq: 0 }, 100).map(({ body }) => JSON.parse(body))
  outbox.close()
  const told = records.flatMap(({ type, values }) => (type === 'observation' ? (values.systolic ?? values.value) : []))
  deepEqual(told.sort(), [131, 7.4])
})
cuff.end()
meter.end()
process.exit(0)
