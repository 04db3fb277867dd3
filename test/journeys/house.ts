// A whole house for a journey: real programs, a real broker and series, simulated devices on real pseudo-terminals, one temporary folder.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { brokerKeys } from '../../dashboard/server/keys.ts'
import type { Enrolment } from '../../hub/contract/enrolment.ts'
import { CLINIC_USER } from '../../hub/contract/topics.ts'
import { connectOptions } from '../../hub/line.ts'
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
  /** Of MQTT, at Mosquitto; absent: 5. */
  protocolVersion?: 4 | 5
  /** Mosquitto without TLS: for who looks at packets on the way. */
  plain?: boolean
  /** The hub signs in at Mosquitto by a client certificate. */
  byCertificate?: boolean
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
  const brokerPort = await freePort()
  const data = { hub: join(folder, 'hub'), clinic: join(folder, 'clinic'), ...options.data }
  const influxPort = influx && ((await options.betweenInflux?.(influx.port)) ?? influx.port)
  const scheme = servers && !options.plain ? 'mqtts' : 'mqtt'
  const state = join(folder, 'mosquitto')
  const accounts = {
    folder: join(folder, 'broker'),
    certificatePort: await freePort(),
    pidFile: `${state}/mosquitto.pid`,
  }
  const clinicConfig = await writeConfig(join(folder, 'clinic'), {
    data: data.clinic,
    listen: { port: clinicPort },
    broker: servers
      ? {
          ...{ url: `${scheme}://127.0.0.1:${brokerPort}`, mosquitto: accounts },
          protocolVersion: options.protocolVersion ?? 5,
        }
      : { embedded: { port: brokerPort } },
    series: influxPort ? { influx: { host: '127.0.0.1', port: influxPort, database: 'kiosk' } } : { sqlite: true },
    sites: [SITE],
  })
  const cli = (args: string[], input = '') => command('clinic', [...args, '--config', clinicConfig], input)
  await cli(['user', 'add', 'doctor', '--role', 'doctor', '--site', SITE.id], PASSWORD)
  const enrolment = join(folder, 'enrolment.json')
  const byCertificate = options.byCertificate ? ['--certificate'] : []
  await cli(['keys', 'add-hub', HUB, '--site', SITE.id, '--out', enrolment, ...byCertificate])
  if (servers) await cli(['keys', 'broker'])
  const broker = servers ? mosquitto(state, accounts.folder, brokerPort) : undefined
  standing.push(() => broker?.end())
  await broker?.start()

  const hubsPort = options.byCertificate ? accounts.certificatePort : brokerPort
  const toldPort = (await options.between?.(hubsPort)) ?? hubsPort
  const ports = Object.fromEntries(Object.keys(options.devices).map((id) => [id, join(folder, `port-${id}`)]))
  const hubConfig = await writeConfig(join(folder, 'hub'), {
    enrolment,
    data: data.hub,
    broker: `${scheme}://127.0.0.1:${toldPort}`,
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

/** A connection of anyone who has the hub's own secret, past a line between. */
export async function connectAsHub(
  { folder }: House,
  more: IClientOptions = {},
  before: (client: MqttClient) => void = () => undefined,
): Promise<MqttClient> {
  const { broker }: Enrolment = JSON.parse(readFileSync(join(folder, 'enrolment.json'), 'utf8'))
  const { will: _, ...options } = connectOptions(HUB, broker, {})
  const client = mqtt.connect(broker.url, { ...options, ...more })
  before(client)
  await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject))
  return client
}

/** A connection of anyone who has the clinic's own secret for a Mosquitto whose accounts it keeps. */
export async function connectAsClinic({ paths, broker }: House, more: IClientOptions = {}): Promise<MqttClient> {
  const { authority, password } = await brokerKeys(join(paths.clinic.data, 'keys'))
  const login = { username: CLINIC_USER, password, ca: authority.certificate, protocolVersion: 5 as const }
  return mqtt.connectAsync(`mqtts://127.0.0.1:${broker?.port}`, { ...login, ...more })
}
