// kiosk-clinic as the program it is: its commands, how it starts, refuses to start, and ends.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Enrolment } from '../../../hub/contract/enrolment.ts'
import { command, type Program, SITE, start, writeConfig } from '../../../simulators/programs.ts'
import { freePort, until } from '../../servers.ts'

type Clinic = Program<{ ready: true; url: string; broker: { port: number } }>
const folder = mkdtempSync(join(tmpdir(), 'clinic-main-'))
const running: Clinic[] = []
let logs = ''
afterAll(async () => {
  for (const clinic of running) await clinic.stop()
  rmSync(folder, { recursive: true })
})

const configIn = (name: string, changed: object = {}) =>
  writeConfig(join(folder, name), {
    data: 'data',
    listen: { port: 0 },
    broker: { embedded: { port: 0 } },
    series: { sqlite: true },
    sites: [SITE],
    ...changed,
  })
const run = async (config: string) => {
  const clinic: Clinic = await start('clinic', ['run', '--config', config], { log: (chunk) => (logs += chunk) })
  running.push(clinic)
  return clinic
}
const signIn = (url: string, user: string, password: string) =>
  fetch(`${url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user, password }),
  })

describe('kiosk-clinic', () => {
  let config: string
  let clinic: Clinic
  beforeAll(async () => {
    config = await configIn('one')
    clinic = await run(config)
  })

  it('says where it listens and that it is well', async () => {
    expect(clinic.ready).toMatchObject({ ready: true, broker: { port: expect.any(Number) } })
    const health = async () => (await fetch(`${clinic.ready.url}/health`)).json()
    await until('its ingest to reach its broker', async () => (await health()).status === 'ok')
    expect(await health()).toMatchObject({ registry: 'ok', series: 'ok', broker: 'ok', waiting: 0 })
  })

  it('takes a user while it runs, who can sign in at once; the same name not twice, no unknown site, no short password', async () => {
    const add = (name: string, site: string, password: string) =>
      command('clinic', ['user', 'add', name, '--role', 'doctor', '--site', site, '--config', config], password)
    await add('ding', SITE.id, 'a good password\n')
    expect((await signIn(clinic.ready.url, 'ding', 'a good password')).status).toBe(200)
    await expect(add('ding', SITE.id, 'a good password')).rejects.toThrow(/there is a user ding already/)
    await expect(add('wu', 'nowhere', 'a good password')).rejects.toThrow(/no site "nowhere".*only test-village/)
    await expect(add('wu', SITE.id, 'short')).rejects.toThrow(/at least 8 characters/)
    await expect(add('wu', SITE.id, '')).rejects.toThrow(/no password came/)
  })

  it('lets a hub in while it runs: one secret file; the same id never twice, and no file is written over', async () => {
    const out = join(folder, 'E1.json')
    const add = (id: string, file: string, ...more: string[]) =>
      command('clinic', ['keys', 'add-hub', id, '--site', SITE.id, '--config', config, '--out', file, ...more])
    await add('E1', out, '--broker-url', 'mqtts://broker.example:8883')
    expect(statSync(out).mode & 0o777).toBe(0o600)
    const enrolment = Enrolment.parse(JSON.parse(readFileSync(out, 'utf8')))
    expect(enrolment).toMatchObject({
      hub: 'E1',
      site: SITE,
      broker: { url: 'mqtts://broker.example:8883', username: 'E1' },
    })
    await expect(add('E1', join(folder, 'again.json'))).rejects.toThrow(/there is a hub E1 already/)
    expect(existsSync(join(folder, 'again.json'))).toBe(false)
    await expect(add('E2', out)).rejects.toThrow(/E1.json is there already/)
    await expect(add('a/+/#', join(folder, 'bad.json'))).rejects.toThrow(/letters, digits or hyphens/)
  })

  it('keeps its secrets and its registry for its own user', () => {
    const data = join(folder, 'one', 'data')
    expect(statSync(join(data, 'registry.sqlite')).mode & 0o777).toBe(0o600)
    expect(statSync(join(data, 'keys')).mode & 0o777).toBe(0o700)
    expect(statSync(join(data, 'keys', 'number.key')).mode & 0o777).toBe(0o600)
  })

  it('says that a port is taken in one line and ends', async () => {
    const port = await freePort()
    const holder = createServer().listen(port, '127.0.0.1')
    await expect(run(await configIn('taken', { listen: { port } }))).rejects.toThrow(
      `127.0.0.1:${port} is in use by another program`,
    )
    await expect(run(await configIn('taken', { broker: { embedded: { port } } }))).rejects.toThrow(
      `127.0.0.1:${port} is in use by another program`,
    )
    holder.close()
  })

  it('says that its folder cannot be, in one line, and ends', async () => {
    writeFileSync(join(folder, 'file'), '')
    await expect(run(await configIn('unwritable', { data: join(folder, 'file', 'data') }))).rejects.toThrow(
      / lies under a file/,
    )
  })

  it('will not begin with new keys on an old registry', async () => {
    const own = await configIn('lost')
    await command('clinic', [
      'keys',
      'add-hub',
      'E1',
      '--site',
      SITE.id,
      '--config',
      own,
      '--out',
      join(folder, 'lost.json'),
    ])
    rmSync(join(folder, 'lost', 'data', 'keys'), { recursive: true })
    await expect(run(own)).rejects.toThrow(/keys of this clinic are missing.*from the backup/)
  })

  it('lists every fault of its configuration', async () => {
    await expect(
      command('clinic', ['run', '--config', await configIn('faulty', { brokr: 1, sites: [] })]),
    ).rejects.toThrow(/ has 2 faults:\n {2}sites: .*\n {2}brokr: no such key; did you mean "broker"\?/s)
  })

  it('ends within two seconds with a live line open, and starts again with all it had', async () => {
    const session = await signIn(clinic.ready.url, 'ding', 'a good password')
    const cookie = session.headers.getSetCookie()[0]!.split(';')[0]!
    const live = await fetch(`${clinic.ready.url}/api/live`, { headers: { cookie } })
    const begun = performance.now()
    await clinic.stop()
    expect(await clinic.ended).toBe(0)
    expect(performance.now() - begun).toBeLessThan(2000)
    await live.body?.cancel().catch(() => undefined) // it is closed already
    clinic = await run(config)
    const again = await fetch(`${clinic.ready.url}/api/session`, { headers: { cookie } })
    expect((await again.json()).user).toBe('ding')
  })

  it('logs no password and no token', () => {
    for (const secret of ['a good password', 'kiosk-session']) expect(logs).not.toContain(secret)
  })
})
