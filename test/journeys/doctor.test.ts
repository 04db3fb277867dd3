// `kiosk-hub doctor` on a sound kiosk and on broken ones: the real program beside a real clinic and simulated devices.
import { execFile } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Finding } from '../../hub/doctor/finding.ts'
import { openSerial } from '../../hub/ports/serial.ts'
import { PROGRAMS, writeConfig } from '../../simulators/programs.ts'
import { lasting } from '../hub/certificate.ts'
import { freePort, until } from '../servers.ts'
import { type House, house } from './house.ts'

let standing: House
let secrets: string[]
beforeAll(async () => {
  standing = await house({ parts: 'embedded', devices: { cuff: 'and-tm2657', meter: 'ascensia-contour' } })
  const { broker, clinicKey } = JSON.parse(readFileSync(join(standing.folder, 'enrolment.json'), 'utf8'))
  secrets = [broker.password, clinicKey.x, clinicKey.y]
}, 60_000)
afterAll(() => standing?.close())

const run = (config: string, ...more: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [PROGRAMS.hub, 'doctor', '--config', config, ...more], (error, stdout, stderr) => {
      for (const secret of secrets) expect(stdout + stderr).not.toContain(secret)
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
    })
  })

async function findings(config: string) {
  const { code, stdout, stderr } = await run(config, '--json')
  expect(stderr).toBe('')
  const all: Finding[] = JSON.parse(stdout)
  const broken = all.filter(({ state }) => state === 'broken')
  expect(code).toBe(broken.length > 0 ? 1 : 0)
  for (const { state, toDo } of all) expect(toDo === null).toBe(state === 'ok')
  return { all, broken, of: (what: string) => all.find((one) => one.what === what) }
}

/** A house's hub with something else in its config or in its enrolment. */
async function changed(name: string, config: object, broker: object = {}, at?: House) {
  const home = at ?? standing
  const folder = join(home.folder, name)
  const own = JSON.parse(readFileSync(home.paths.hub.config, 'utf8'))
  const enrolment = JSON.parse(readFileSync(join(home.folder, 'enrolment.json'), 'utf8'))
  const path = await writeConfig(folder, { ...own, enrolment: join(folder, 'enrolment.json'), ...config })
  const changedEnrolment = { ...enrolment, broker: { ...enrolment.broker, ...broker } }
  writeFileSync(join(folder, 'enrolment.json'), JSON.stringify(changedEnrolment), { mode: 0o600 })
  return path
}

it('a sound kiosk whose hub runs: nothing is broken, its devices are left to the hub, which does not notice', async () => {
  const metrics = async () => (await fetch(`${standing.hub.ready.url}metrics`)).text()
  const isUp = async () => (await metrics()).includes('kiosk_hub_device_up{device="cuff"} 1')
  await until('the hub to have its cuff', isUp)
  const before = standing.logs()
  const { broken, of } = await findings(standing.paths.hub.config)
  expect(broken).toEqual([])
  expect(of('hub')).toMatchObject({ state: 'ok', says: expect.stringContaining('runs') })
  expect(of('port of cuff')).toMatchObject({ state: 'ok', says: expect.stringContaining('running hub') })
  expect(of('device cuff')).toMatchObject({ state: 'ok', says: expect.stringContaining('running hub') })
  expect(of('sign in')).toMatchObject({ state: 'ok' })
  expect(of('stored at the clinic')).toMatchObject({ state: 'ok' })
  expect(of('data folder')).toMatchObject({ says: expect.stringMatching(/\d ms/) })
  expect(await isUp()).toBe(true)
  expect(standing.logs().slice(before.length)).not.toMatch(/away|"level":50/)
})

it('a port that another program holds is broken, and the program is named', async () => {
  await standing.hub.stop()
  const { pty } = standing.devices.meter!
  const line = { path: pty, baud: 9600, dataBits: 8, parity: 'none', stopBits: 1, dtr: false } as const
  const other = await openSerial(line, new AbortController().signal)
  const { broken } = await findings(standing.paths.hub.config)
  await other.close()
  expect(broken).toMatchObject([{ what: 'port of meter', says: expect.stringContaining(`process ${process.pid}`) }])
})

it('with no hub running: an asked device’s port is opened, one that sends by itself is not, so that nothing is lost', async () => {
  const { broken, of } = await findings(standing.paths.hub.config)
  expect(broken).toEqual([])
  expect(of('hub')).toMatchObject({ state: 'look' })
  expect(of('device meter')).toMatchObject({ state: 'ok', says: expect.stringContaining('opens') })
  expect(of('device cuff')).toMatchObject({ state: 'ok', says: expect.stringContaining('not opened') })
  const { stdout } = await run(standing.paths.hub.config)
  expect(
    stdout
      .trim()
      .split('\n')
      .every((line) => /^(ok {4}|look {2}|broken) [a-zK].*: /.test(line)),
  ).toBe(true)
})

it('a wrong password: the way is good, the sign-in is broken, with the clinic’s command that mends it', async () => {
  const { broken, of } = await findings(await changed('password', {}, { password: 'another one' }))
  expect(of('broker')).toMatchObject({ state: 'ok' })
  expect(broken).toMatchObject([{ what: 'sign in', toDo: expect.stringContaining('kiosk-clinic keys') }])
})

it('a broker that is away is broken, and readings are said to wait', async () => {
  const { broken } = await findings(await changed('away', { broker: `mqtt://127.0.0.1:${await freePort()}` }))
  expect(broken).toMatchObject([{ what: 'broker', toDo: expect.stringContaining('wait here') }])
})

it('a data folder that cannot be written is broken', async () => {
  const file = join(standing.folder, 'a-file')
  writeFileSync(file, '')
  const { broken } = await findings(await changed('file', { data: file }))
  expect(broken).toMatchObject([{ what: 'data folder', says: expect.stringContaining(file) }])
  rmSync(file)
})

it('a certificate that has ended is broken, with the day of its end', async () => {
  const certificate = await lasting('2016-01-01', '2026-01-01')
  const { broken } = await findings(await changed('ended', {}, { ca: certificate }))
  expect(broken).toMatchObject([
    { what: 'certificate of the clinic', says: expect.stringContaining('ended on 2026-01-01') },
  ])
})

it('a faulty config is one broken line that lists its faults', async () => {
  const { all } = await findings(await changed('faulty', { scren: {}, keepDays: -1 }))
  expect(all[0]?.says).toContain('keepDays')
  expect(all).toMatchObject([{ what: 'config', state: 'broken', says: expect.stringMatching(/^[^\n]*scren[^\n]*$/) }])
})

it('a port that is not there is broken, in words of what to do', async () => {
  standing.devices.meter!.end()
  const { broken } = await findings(standing.paths.hub.config)
  expect(broken).toMatchObject([{ what: 'port of meter', toDo: expect.stringContaining('plug the device in') }])
})

it('over TLS by a client certificate the broker proves itself; another authority’s word for it is broken', async () => {
  const secure = await house({ parts: 'servers', byCertificate: true, devices: { cuff: 'and-tm2657' } })
  try {
    const { broken, of } = await findings(secure.paths.hub.config)
    expect(broken).toEqual([])
    expect(of('broker')).toMatchObject({ state: 'ok', says: expect.stringContaining('proves itself') })
    expect(of('certificate of this hub')).toMatchObject({ state: 'ok' })
    const ca = await lasting('2016-01-01', '2099-01-01')
    const other = await findings(await changed('other', {}, { ca }, secure))
    expect(other.broken).toMatchObject([{ what: 'broker', says: expect.stringContaining('not the clinic') }])
  } finally {
    await secure.close()
  }
}, 60_000)
