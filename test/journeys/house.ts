// A whole house for a journey: real programs, a real broker and series, simulated devices on real pseudo-terminals, one temporary folder.
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningDevice, startDevice } from '../../simulators/device.ts'
import { type KioskScreen, watchScreen } from '../../simulators/kiosk-view.ts'
import { command, type Program, SITE, start, writeConfig } from '../../simulators/programs.ts'
import { freePort, influxd, mosquitto, type Server } from '../servers.ts'
import { type ClinicApi, signIn } from './clinic-api.ts'

export const HUB = 'K01'
export const PASSWORD = 'a password of the test house'

export interface HouseOptions {
  /** `embedded`: aedes and SQLite inside the clinic. `servers`: Mosquitto and InfluxDB. By configuration alone. */
  parts: 'embedded' | 'servers'
  /** Device id in the hub's config → driver. */
  devices: Record<string, string>
  measuringSeconds?: { min: number; max: number }
  /** Stands between hub and broker: given the broker's port, gives the port the hub is told. */
  between?: (brokerPort: number) => Promise<number>
  /** Stands between clinic and InfluxDB in the same way. */
  betweenInflux?: (influxPort: number) => Promise<number>
  /** Data folders elsewhere than in the house's own, such as on a small disk. */
  data?: { hub?: string; clinic?: string; influx?: string }
  /** Goes over what the hub's config says. */
  hubConfig?: object
  /** Both programs get it at every start. */
  env?: NodeJS.ProcessEnv
}

export interface House {
  folder: string
  devices: Record<string, RunningDevice>
  broker: Server | undefined
  influx: Server | undefined
  clinic: Program<{ url: string }>
  hub: Program<{ url: string }>
  screen: KioskScreen
  /** Where their configs and data lie. */
  paths: Record<'hub' | 'clinic', { config: string; data: string }>
  /** Everything the programs have written to their logs. */
  logs(): string
  /** For a program that is started beside those of the house. */
  log(chunk: Uint8Array): void
  /** `env` goes over the house's own, for this start. */
  startClinic(env?: NodeJS.ProcessEnv): Promise<void>
  startHub(env?: NodeJS.ProcessEnv, born?: (pid: number) => void): Promise<void>
  api(): Promise<ClinicApi>
  close(): Promise<void>
}

/** Whatever of it stands is taken down again when the rest does not come up. */
export async function house(options: HouseOptions): Promise<House> {
  const standing: (() => unknown)[] = []
  const close = async () => {
    for (const end of standing.splice(0).reverse()) await end()
  }
  try {
    return await build(options, standing, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function build(options: HouseOptions, standing: (() => unknown)[], close: () => Promise<void>): Promise<House> {
  const folder = mkdtempSync(join(tmpdir(), 'house-'))
  standing.push(() => rmSync(folder, { recursive: true, force: true }))
  const [clinicPort, screenPort] = [await freePort(), await freePort()]
  let logs = ''
  const around = {
    log: (chunk: Uint8Array) => {
      logs += Buffer.from(chunk).toString()
    },
    env: { ...options.env },
  }
  const servers = options.parts === 'servers'
  const influx = servers ? await influxd(options.data?.influx ?? join(folder, 'influx')) : undefined
  standing.push(() => influx?.end())
  await influx?.start()
  const embeddedPort = await freePort()
  const clinicUser = { user: 'clinic', password: 'clinic password' }
  const data = { hub: join(folder, 'hub'), clinic: join(folder, 'clinic'), ...options.data }
  const influxPort = influx && ((await options.betweenInflux?.(influx.port)) ?? influx.port)
  const clinicConfig = await writeConfig(join(folder, 'clinic'), {
    data: data.clinic,
    listen: { port: clinicPort },
    broker: { embedded: { port: embeddedPort } },
    series: influxPort ? { influx: { host: '127.0.0.1', port: influxPort, database: 'kiosk' } } : { sqlite: true },
    sites: [SITE],
  })
  const cli = (args: string[], input = '') => command('clinic', [...args, '--config', clinicConfig], input)
  await cli(['user', 'add', 'doctor', '--role', 'doctor', '--site', SITE.id], PASSWORD)
  const enrolment = join(folder, 'enrolment.json')
  await cli(['keys', 'add-hub', HUB, '--site', SITE.id, '--out', enrolment])

  let broker: Server | undefined
  if (servers) {
    const hubUser = JSON.parse(await readFile(enrolment, 'utf8')).broker as { username: string; password: string }
    const own = (name: string) => `kiosk/v1/${HUB}/${name}`
    broker = await mosquitto(join(folder, 'mosquitto'), [
      { ...clinicUser, acl: ['readwrite kiosk/v1/#'] },
      {
        user: hubUser.username,
        password: hubUser.password,
        acl: [
          ...['records', 'status', 'live', 'reply'].map((name) => `write ${own(name)}`),
          ...['stored', 'command'].map((name) => `read ${own(name)}`),
        ],
      },
    ])
    standing.push(() => broker?.end())
    await broker.start()
    await writeConfig(join(folder, 'clinic'), {
      ...JSON.parse(await readFile(clinicConfig, 'utf8')),
      broker: { url: `mqtt://127.0.0.1:${broker.port}`, username: clinicUser.user, password: clinicUser.password },
    })
  }

  const brokerPort = broker?.port ?? embeddedPort
  const toldPort = (await options.between?.(brokerPort)) ?? brokerPort
  const ports = Object.fromEntries(Object.keys(options.devices).map((id) => [id, join(folder, `port-${id}`)]))
  const hubConfig = await writeConfig(join(folder, 'hub'), {
    enrolment,
    data: data.hub,
    broker: `mqtt://127.0.0.1:${toldPort}`,
    devices: Object.entries(options.devices).map(([id, driver]) => ({
      id,
      driver,
      port: { type: 'serial', path: ports[id] },
      ...(options.measuringSeconds && { measuringSeconds: options.measuringSeconds }),
    })),
    screen: { port: screenPort },
    ...options.hubConfig,
  })
  const devices: Record<string, RunningDevice> = {}
  standing.push(() => {
    for (const device of Object.values(devices)) device.end()
  })
  for (const [id, driver] of Object.entries(options.devices))
    devices[id] = await startDevice(driver, ports[id]!, { now: Date.now, zone: SITE.zone })

  let clinic: House['clinic'] = await start('clinic', ['run', '--config', clinicConfig], around)
  standing.push(() => clinic.stop())
  let hub: House['hub'] = await start('hub', ['run', '--config', hubConfig], around)
  standing.push(() => hub.stop())
  const closing = new AbortController()
  standing.push(() => closing.abort())
  return {
    folder,
    devices,
    broker,
    influx,
    get clinic() {
      return clinic
    },
    get hub() {
      return hub
    },
    screen: watchScreen(`http://127.0.0.1:${screenPort}`, closing.signal),
    paths: { hub: { config: hubConfig, data: data.hub }, clinic: { config: clinicConfig, data: data.clinic } },
    logs: () => logs,
    log: around.log,
    async startClinic(env) {
      clinic = await start('clinic', ['run', '--config', clinicConfig], {
        ...around,
        env: { ...around.env, ...env },
      })
    },
    async startHub(env, born) {
      const here = { ...around, env: { ...around.env, ...env }, ...(born && { born }) }
      hub = await start('hub', ['run', '--config', hubConfig], here)
    },
    api: () => signIn(clinic.ready.url.replace(/\/$/, ''), 'doctor', PASSWORD),
    close,
  }
}
