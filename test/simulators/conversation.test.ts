// Each simulated device talks with the real driver of its model: what the driver tells is what the device says it said.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SerialPort } from 'serialport'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findDriver, type Transport } from '../../devices/kit/driver.ts'
import { LinkClosed, openLink } from '../../devices/kit/link.ts'
import { type RunningDevice, type Said, startDevice } from '../../simulators/device.ts'
import { startHidDevice } from '../../simulators/hid.ts'

const ZONE = 'Asia/Shanghai'
const NOW = Date.parse('2026-11-25T08:15:00+08:00')

let folder: string
const endings: (() => unknown)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'talk-'))
})
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
  rmSync(folder, { recursive: true })
})

async function serialTransport(path: string, baudRate: number): Promise<Transport> {
  const port = await new Promise<SerialPort>((resolve, reject) => {
    const opening: SerialPort = new SerialPort({ path, baudRate }, (error) =>
      error ? reject(error) : resolve(opening),
    )
  })
  return {
    chunks: port,
    write: (bytes) => new Promise((resolve, reject) => port.write(bytes, (e) => (e ? reject(e) : resolve()))),
    close: () => new Promise((resolve) => (port.isOpen ? port.close(() => resolve()) : resolve())),
  }
}

/** What the driver tells of readings, cards and failures, as `Said` has it; ends when the port does. */
async function* heard(driverId: string, transport: Transport) {
  const driver = await findDriver(driverId)
  const link = openLink(driver, transport)
  const stopping = new AbortController()
  endings.push(() => {
    stopping.abort()
    return link.close()
  })
  try {
    for (;;) {
      for await (const { event } of driver.read(link, {
        now: () => NOW,
        signal: stopping.signal,
        model: driver.models[0],
      })) {
        if (event.kind === 'device' || event.kind === 'progress') continue
        if (event.kind !== 'failure') yield event
        else yield { kind: event.kind, of: event.of, code: event.code }
      }
    }
  } catch (error) {
    if (!(error instanceof LinkClosed)) throw error
  }
}

async function serial(driverId: string) {
  const device = await startDevice(driverId, join(folder, driverId), { now: () => NOW, zone: ZONE })
  endings.push(() => device.end())
  const { transport: line } = await findDriver(driverId)
  const transport = await serialTransport(device.pty, line.type === 'serial' ? (line.baud ?? 9600) : 0)
  let asked = 0
  const counting: Transport = {
    ...transport,
    write(bytes) {
      asked += 1
      return transport.write(bytes)
    },
  }
  return { device, events: heard(driverId, counting), asked: () => asked }
}

const next = async (events: AsyncGenerator<unknown>, count: number) => {
  const got: unknown[] = []
  while (got.length < count) {
    const { value, done } = await events.next()
    if (done) throw new Error(`the port ended after ${got.length} of ${count}`)
    got.push(value)
  }
  return got
}
const sayAll = async (device: Pick<RunningDevice, 'say'>, commands: object[]) => {
  const said: Said['said'] = []
  for (const command of commands) said.push(...(await device.say(command)).said)
  return said
}

const CARD = {
  document: 'citizen',
  number: '11999919500101009X',
  name: '测试·甲子',
  birthDate: '1950-01-01',
  sex: 'male',
}

test.each([
  [
    'and-tm2657',
    [
      { measure: { systolic: 127, diastolic: 76, mean: 97, pulse: 78, seconds: 35 } },
      { fail: 'E44' },
      { measure: { systolic: 101, diastolic: 60, pulse: 55, irregularBeats: 3, movement: 1, remeasured: 1 } },
      { measure: { systolic: 99, diastolic: 58, pulse: 61, at: null } },
      { measure: { systolic: 150, diastolic: 90, pulse: 61, at: '2026-02-28T23:59' } },
    ],
  ],
  [
    'omron-hbp9030',
    [
      { measure: { systolic: 120, diastolic: 80, pulse: 72, movement: 1 } },
      { fail: 7 },
      { measure: { systolic: 99, diastolic: 58, pulse: 61, at: null, subject: '0003071' } },
    ],
  ],
  [
    'omron-hbp9020',
    [
      { measure: { systolic: 140, diastolic: 77, mean: 98, pulse: 68, trailer: 3 } },
      { measure: { systolic: 99, diastolic: 58, pulse: 61, at: null } },
    ],
  ],
  [
    'maibobo-rbp',
    [
      { measure: { systolic: 128, diastolic: 82, pulse: 74 } },
      { fail: 2 },
      { measure: { systolic: 99, diastolic: 58, pulse: 61, at: null } },
    ],
  ],
  [
    'ampall-bp868f',
    [
      { measure: { systolic: 120, diastolic: 72, mean: 96, pulse: 68, arrhythmia: 1 } },
      { measure: { systolic: 134, diastolic: 80, mean: 98, pulse: 71 } },
    ],
  ],
  [
    'paramatech-ft201',
    [
      { measure: { systolic: 125, diastolic: 75, pulse: 99 } },
      { measure: { systolic: 99, diastolic: 58, pulse: 61, at: null } },
    ],
  ],
  [
    'terumo-br500',
    [
      { measure: { systolic: 119, diastolic: 76, mean: 90, pulse: 83 } },
      { measure: { systolic: 99, diastolic: 58, mean: 72, pulse: 61, at: null, subject: '000003071' } },
    ],
  ],
])('the %s driver tells every result of the cuff as the cuff says it', async (driver, commands) => {
  const { device, events } = await serial(driver)
  const first = events.next()
  const said = await sayAll(device, commands)
  expect([(await first).value, ...(await next(events, said.length - 1))]).toEqual(said)
  expect(said.length).toBe(commands.length)
})

test('each placing of a card is one card, whether the reader hides a resting card or finds it again and again', async () => {
  const { device, events, asked } = await serial('sdt-samv')
  const said = await sayAll(device, [{ card: CARD }])
  expect(await next(events, 1)).toEqual(said)
  const foreigner = { document: 'foreigner-2023', number: '900999188002290015', birthDate: '1880-02-29', name: '' }
  const laid = await sayAll(device, [
    { refinds: true },
    { card: { ...CARD, ...foreigner, latinName: 'SPECIMEN-HOLDER, TESTNAME EXAMPLE DUMMY ONE' } },
  ])
  expect(await next(events, 1)).toEqual(laid)
  const after = events.next() // while it waits, the reader finds the resting card a few times
  const roundsLater = asked() + 3 * 3 // find, select, read
  await expect.poll(asked, { timeout: 10_000 }).toBeGreaterThan(roundsLater)
  const last = await sayAll(device, [{ card: { ...CARD, number: '119999195001010030', name: '测试·乙丑' } }])
  expect((await after).value).toEqual(last[0])
})

test('a card on a HID reader is one card a placing, and none where its reports came cut short', async () => {
  const device = await startHidDevice('sdt-hid', { now: () => NOW, zone: ZONE })
  endings.push(() => device.end())
  const events = heard('sdt-hid', await device.open())
  await sayAll(device, [{ fault: { cut: 40 } }, { card: CARD }]) // the short answers end before that byte
  expect(await next(events, 1)).toEqual([{ kind: 'failure', of: 'identity', code: 'no answer' }])
  const said = await sayAll(device, [{ fault: null }, { refinds: true }, { card: CARD }])
  expect(await next(events, 1)).toEqual(said)
  const last = await sayAll(device, [{ card: { ...CARD, number: '119999195001010030', name: '测试·乙丑' } }])
  expect(await next(events, 1)).toEqual(last)
})

test('the UltraEasy driver reads the whole memory, HI and LO and all, and no control test', async () => {
  const { device, events } = await serial('lifescan-ultraeasy')
  const said = await sayAll(device, [
    { store: { value: 99, unit: 'mg/dL', at: '2026-11-25T08:15:00' } },
    { store: { value: 'HI', at: '2026-11-25T08:20:00' } },
    { store: { value: 120, control: true } },
    { store: { value: 'LO', at: '2026-11-25T08:25:01' } },
  ])
  expect(said.length).toBe(3)
  const read = await next(events, 3)
  expect(read).toEqual(expect.arrayContaining(said))
})

test.each([
  [
    'lifescan-verio-iq',
    [
      { store: { value: 99, at: '2026-11-25T08:15:00', meal: 'before' } },
      { store: { value: 'HI', at: '2026-11-25T08:20:00' } },
      { store: { value: 120, control: true } },
      { store: { value: 99, at: '2026-11-25T08:15:00', meal: 'after' } },
      { store: { value: 'LO', at: '2026-11-25T08:25:01' } },
    ],
  ],
  [
    'lifescan-ultra2',
    [
      { store: { value: 99, at: '2026-11-25T08:15:00', meal: 'before' } },
      { store: { value: 120, control: true } },
      { store: { value: 99, at: '2026-11-25T08:15:00', meal: 'after' } },
      { store: { value: 600, at: '2026-11-25T08:25:08' } },
      { store: { value: 'HI', at: '2026-11-25T08:25:16' } },
    ],
  ],
  [
    'abbott-freestyle-serial',
    [
      { store: { value: 99, at: '2026-06-25T08:15' } },
      { store: { value: 'HI', at: '2026-07-25T08:20' } },
      { store: { value: 120, control: true } },
      { store: { value: 99, at: '2026-06-25T08:15' } },
      { store: { value: 'LO', at: '2026-11-25T08:25' } },
    ],
  ],
  [
    'menarini-areo',
    [
      { store: { value: 5.5, at: '2026-11-25T08:15', meal: 'before' } },
      { store: { value: 7, control: true } },
      { store: { value: 5.5, at: '2026-11-25T08:15', meal: 'after' } },
      { store: { value: 33.3, at: '2026-11-25T08:25' } },
    ],
  ],
])(
  'the %s driver reads the whole memory, newest first, HI and LO and all, and no control test',
  async (driver, commands) => {
    const { device, events } = await serial(driver)
    const said = await sayAll(device, commands)
    expect(said).toHaveLength(commands.length - 1)
    expect(await next(events, said.length)).toEqual(said.toReversed())
  },
)

const MEMORY = [
  { store: { value: 5.5, unit: 'mmol/L', at: '2026-11-25T08:15', meal: 'before' } },
  { store: { value: 'HI', unit: 'mmol/L', at: '2026-11-25T08:20' } },
  { store: { value: 6.1, unit: 'mmol/L', control: true } },
  { store: { value: 'LO', unit: 'mg/dL', at: '2026-11-25T08:25' } },
  { store: { value: 113, unit: 'mg/dL', at: '2026-11-25T08:26', meal: 'after' } },
]

test('the Contour driver reads the whole memory over the serial cable, each in its own unit, and no control test', async () => {
  const { device, events } = await serial('ascensia-contour')
  const said = await sayAll(device, MEMORY)
  expect(await next(events, 4)).toEqual(said)
})

test('the Contour USB driver reads the whole memory in HID reports, each in its own unit, and no control test', async () => {
  const device = await startHidDevice('ascensia-contour-usb', { now: () => NOW, zone: ZONE })
  endings.push(() => device.end())
  const said = await sayAll(device, [...MEMORY, { store: { value: 88, unit: 'mg/dL', meal: 'fasting' } }])
  expect(await next(heard('ascensia-contour-usb', await device.open()), 5)).toEqual(said)
})

test.each([
  [
    'beurer-bm55',
    [
      { store: { systolic: 120, diastolic: 78, pulse: 71 } },
      { store: { systolic: 151, diastolic: 96, pulse: 88, user: 2, irregular: true } },
      { store: { systolic: 150, diastolic: 90, pulse: 80, user: 2, moved: true, at: null } },
    ],
  ],
  [
    'beurer-bm96',
    [
      { store: { systolic: 137, diastolic: 84, pulse: 72, mark: 'af' } },
      { store: { systolic: 120, diastolic: 78, pulse: 71, user: 2, at: null } },
    ],
  ],
  [
    'contec-08a',
    [
      { store: { systolic: 148, diastolic: 85, mean: 105, pulse: 72 } },
      { store: { systolic: 118, diastolic: 76, mean: 90, pulse: 69, user: 2 } },
      { store: { systolic: 118, diastolic: 76, mean: 90, pulse: 69, user: 2, at: null } },
    ],
  ],
  [
    'microlife-b3',
    [
      { store: { systolic: 147, diastolic: 59, pulse: 48, irregular: true } },
      { store: { systolic: 148, diastolic: 70, pulse: 60, cuffOk: false, at: '2022-07-18T12:07' } },
      { store: { systolic: 144, diastolic: 68, pulse: 51, at: null } },
    ],
  ],
  [
    'abbott-freestyle-hid',
    [
      { store: { value: 'LO', at: '2026-11-25T08:25' } },
      { store: { value: 99, at: '2026-11-25T08:15' } },
      { store: { value: 99, at: '2026-11-25T08:15' } },
      { store: { value: 'HI', at: '2026-11-25T08:20' } },
    ].reverse(),
  ],
  [
    'taidoc-td4277',
    [
      { store: { value: 'LO', at: '2026-11-25T08:25' } },
      { store: { value: 99, at: '2026-11-25T08:15', meal: 'before' } },
      { store: { value: 99, at: '2026-11-25T08:15', meal: 'after' } },
      { store: { value: 'HI', at: '2026-11-25T08:20' } },
    ].reverse(),
  ],
  [
    'microlife-bpa',
    [
      { store: { systolic: 132, diastolic: 86, pulse: 70, at: null } },
      { store: { systolic: 261, diastolic: 131, pulse: 75 } },
    ],
  ],
  [
    'omron-hem7322u', // the third runs over two blocks
    [
      { store: { systolic: 126, diastolic: 79, pulse: 66, at: '2021-03-14T08:27:05' } },
      { store: { systolic: 120, diastolic: 73, pulse: 67 } },
      { store: { systolic: 131, diastolic: 84, pulse: 70 } },
      { store: { systolic: 121, diastolic: 74, pulse: 68, user: 2, at: null } },
    ],
  ],
  [
    'omron-hem790it',
    [
      { store: { systolic: 123, diastolic: 78, pulse: 87, at: '2007-01-01T00:06:38' } },
      { store: { systolic: 120, diastolic: 73, pulse: 67, user: 2 } },
      { store: { systolic: 120, diastolic: 73, pulse: 67, user: 2, at: null } },
    ],
  ],
])('the %s driver reads the whole memory in HID reports', async (driver, commands) => {
  const device = await startHidDevice(driver, { now: () => NOW, zone: ZONE })
  endings.push(() => device.end())
  const said = await sayAll(device, commands)
  const read = await next(heard(driver, await device.open()), commands.length)
  expect(read).toEqual(expect.arrayContaining(said)) // some tell the newest first
})

test.each([
  [
    'beurer-bm58',
    [
      { store: { systolic: 118, diastolic: 76, pulse: 64 } },
      { store: { systolic: 151, diastolic: 96, pulse: 88, user: 2, irregular: true, at: null } },
    ],
  ],
  [
    'fora-bp',
    [
      { store: { systolic: 131, diastolic: 82, mean: 98, pulse: 70 } },
      { store: { systolic: 151, diastolic: 96, mean: 115, pulse: 88, irregular: true, average: true, at: null } },
    ],
  ],
])('the %s driver reads the whole memory over the serial cable', async (driver, commands) => {
  const { device, events } = await serial(driver)
  const said = await sayAll(device, commands)
  expect(await next(events, commands.length)).toEqual(expect.arrayContaining(said))
})

test('a SunTech module tells what is measured after it was opened', async () => {
  const { device, events, asked } = await serial('suntech-oem')
  const first = events.next()
  await expect.poll(asked).toBeGreaterThan(0)
  const said = await sayAll(device, [{ measure: { systolic: 115, diastolic: 74, mean: 88, pulse: 85 } }])
  expect((await first).value).toEqual(said[0])
  const failed = events.next()
  expect((await sayAll(device, [{ measure: { systolic: 0, diastolic: 0, mean: 0, pulse: 0, error: 7 } }]))[0]).toEqual(
    (await failed).value,
  )
})

test.each([
  ['gtech-gl150', [{ stand: { height: 161.5, weight: 61.3 } }]],
  ['healthometer-2595kl', [{ stand: { weight: 135.2, units: 'imperial' }, every: 20 }]],
  [
    'healthometer-500kl',
    [
      { stand: { weight: 61.3, height: 161 }, every: 20 },
      { stand: { weight: 70.5 }, every: 20 },
    ],
  ],
  ['nonin-spo2', [{ finger: { spo2: 97, pulse: 135 }, every: 5 }, { spot: { spo2: 96, pulse: 73 } }]],
  ['contec-cms50d', [{ finger: { spo2: 98, pulse: 172 }, every: 20 }]],
  ['contec-cms50d7', [{ finger: { spo2: 97, pulse: 135 }, every: 20 }]],
  ['tanita-sc330', [{ stand: { weight: 61.3 } }, { stand: { weight: 135.2, units: 'imperial' } }]],
])('the %s driver tells each figure once, however often it is shown', async (driver, commands) => {
  const { device, events } = await serial(driver)
  const first = events.next()
  const said = await sayAll(device, commands)
  expect([(await first).value, ...(await next(events, said.length - 1))]).toEqual(said)
})

test('a Maibobo is connected, started by the host, and tells its pressure before its result', async () => {
  const device = await startDevice('maibobo-rbp', join(folder, 'cuff'), { now: () => NOW, zone: ZONE })
  endings.push(() => device.end())
  const { commands } = await findDriver('maibobo-rbp')
  const transport = await serialTransport(device.pty, 9600)
  const events = heard('maibobo-rbp', transport)
  const first = events.next()
  const armed = device.say({ next: { systolic: 131, diastolic: 82, pulse: 70 } })
  await transport.write(commands!.start!)
  expect((await armed).said).toEqual([(await first).value])
  await transport.write(commands!.start!)
  expect(await next(events, 1)).toEqual([{ kind: 'failure', of: 'blood-pressure', code: '10' }])
})

test('the host starts the cuff and stops it; without an arm in it, it says so instead of a reading', async () => {
  const device = await startDevice('and-tm2657', join(folder, 'cuff'), { now: () => NOW, zone: ZONE })
  endings.push(() => device.end())
  const { commands } = await findDriver('and-tm2657')
  const transport = await serialTransport(device.pty, 2400)
  const events = heard('and-tm2657', transport)
  const first = events.next()

  const armed = device.say({ next: { systolic: 131, diastolic: 82, pulse: 70 } })
  await transport.write(commands!.start!)
  expect((await armed).said).toEqual([(await first).value])

  const running = device.say({ measure: { systolic: 131, diastolic: 82, pulse: 70 }, after: 600_000 })
  await transport.write(commands!.stop!)
  expect(await running).toEqual({ said: [], stopped: true })

  await transport.write(commands!.start!)
  expect(await next(events, 1)).toEqual([{ kind: 'failure', of: 'blood-pressure', code: 'E11' }])
})
