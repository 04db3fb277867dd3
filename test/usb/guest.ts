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
import { print, test } from './bench.ts'

const PATIENCE_MS = 60_000 // this machine is an emulated one
const around = { now: Date.now, zone: 'Asia/Shanghai' }

for (const module of ['uhid', 'hid-generic', 'libcomposite', 'usb_f_acm', 'cdc_acm']) execFileSync('modprobe', [module])
/** Serial devices behind adapters of one kind, without a serial number: told apart by their plugs alone. */
const DRIVERS = {
  cuff: 'and-tm2657',
  cuff2: 'omron-hbp9030',
  cuff3: 'omron-hbp9020',
  meter: 'lifescan-ultraeasy',
  meter2: 'ascensia-contour',
  reader: 'sdt-samv',
}
const ADAPTER = { vendorId: 0x1d6b, productId: 0x0104, product: 'Cable', serial: null }
execFileSync('modprobe', ['dummy_hcd', `num=${Object.keys(DRIVERS).length}`])
execFileSync('mount', ['-t', 'configfs', 'configfs', '/sys/kernel/config'])

const attached: Record<string, ReturnType<typeof attachDevice>> = {}
for (const [i, [id, driver]] of Object.entries(DRIVERS).entries())
  attached[id] = attachDevice(
    await findSimulator(driver),
    (receive) => acmCable(id, { ...ADAPTER, udc: `dummy_udc.${i}` }, receive),
    around,
  )
attached.usbMeter = attachDevice(
  await findSimulator('ascensia-contour-usb'),
  (receive) =>
    uhidCable({ vendorId: 0x1a79, productId: 0x7410, name: 'Contour Next', serial: 'M1', reportLength: 64 }, receive),
  around,
)
const say = (id: string, command: object) => attached[id]!.say(command)

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
    ...Object.entries(DRIVERS).map(([id, driver], i) => ({
      id,
      driver,
      port: { type: 'serial', place: `dummy_hcd.${i}/1:1.0` },
      ...(id.startsWith('cuff') && { measuringSeconds: { min: 0, max: 0 } }),
    })),
    { id: 'usbMeter', driver: 'ascensia-contour-usb', port: { type: 'hid' } },
  ],
  screen: { port: 0 },
})
const ending = new AbortController()
const hub = await start<{ url: string }>('hub', ['run', '--config', join(folder, 'config.json')], {
  log: (line) => void process.stdout.write(line),
})
const screen = watchScreen(hub.ready.url, ending.signal)
const ids = Object.keys(attached)
const all = (state: string, which = ids) =>
  screen.until(
    `${which.join(', ')} ${state}`,
    (view) => view.devices.every((device) => !which.includes(device.id) || device.state === state),
    PATIENCE_MS,
  )
const measured = async (id: string, systolic: number) => {
  await say(id, { measure: { systolic, diastolic: 82, pulse: 71 } })
  const shown = (view: View) => view.visit?.results.at(-1)?.values.systolic === systolic
  await screen.until(`${systolic} from ${id}`, shown, PATIENCE_MS)
}

await test('seven devices on real USB are all open, six of them behind adapters that look alike', async () => {
  await all('open')
  await screen.press({ do: 'guest' })
  await screen.until('a visit', (view) => view.visit !== null, PATIENCE_MS)
})

await test('each cuff is read through its own plug', async () => {
  await measured('cuff', 131)
  await measured('cuff2', 132)
  await measured('cuff3', 133)
})

await test('a meter on /dev/hidraw is plugged in after a measurement, and its memory is read', async () => {
  await say('usbMeter', { plug: false })
  await all('lost', ['usbMeter'])
  await say('usbMeter', { store: { value: 7.4, at: '2026-03-02T08:15:00' } })
  await say('usbMeter', { plug: true })
  await all('open', ['usbMeter'])
})

await test('all seven are pulled at once, which is seen, and put back in another order: each is what it was', async () => {
  for (let time = 0; time < 3; time++) {
    const pulled = performance.now()
    for (const id of ids) await say(id, { plug: false })
    await all('lost')
    const lost = performance.now()
    for (const id of ids.toReversed()) await say(id, { plug: true })
    const back = performance.now()
    await all('open')
    const ms = (from: number, to: number) => `${Math.round(to - from)} ms`
    print(
      `seven gone: seen ${ms(pulled, lost)} after the first was pulled; open ${ms(back, performance.now())} after all were back`,
    )
  }
  await measured('cuff3', 143)
  await measured('cuff', 141)
  await measured('cuff2', 142)
})

ending.abort()
await test('the hub ends cleanly, and has kept what its devices told, each reading once', async () => {
  await hub.stop()
  equal(await hub.ended, 0)
  const outbox = openOutbox(join(folder, 'data/outbox.sqlite'))
  const records = outbox.waiting({ opening: 0, seq: 0 }, 100).map(({ body }) => JSON.parse(body))
  outbox.close()
  const told = records.flatMap(({ type, values }) => (type === 'observation' ? (values.systolic ?? values.value) : []))
  deepEqual(
    told.sort((a, b) => a - b),
    [7.4, 131, 132, 133, 141, 142, 143],
  )
})
for (const device of Object.values(attached)) device.end()
process.exit(0)
