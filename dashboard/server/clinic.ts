// The clinic's wiring: registry, series, broker, ingest and API, from one configuration.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { CLINIC_USER } from '../../hub/contract/topics.ts'
import { build } from './api/app.ts'
import { ALIVE_MS, makeChanges } from './api/live.ts'
import { embeddedBroker } from './broker.ts'
import { type BrokerElsewhere, type ClinicConfig, mqttUrl } from './config.ts'
import { tellBroker } from './hubs.ts'
import { ingest } from './ingest.ts'
import { brokerKeys, type Keys, openKeys } from './keys.ts'
import { clinicMetrics } from './metrics.ts'
import { putSites } from './registry/enrol.ts'
import type { ClinicKeys } from './registry/identity.ts'
import type { Change } from './registry/intake.ts'
import { lastNumber, openRegistry } from './registry/registry.ts'
import type { Registry } from './registry/schema.ts'
import { keepRetention } from './retention.ts'
import { newSecret } from './secret.ts'
import { openInfluxStore } from './store/influx.ts'
import { openSqliteStore } from './store/sqlite.ts'
import type { Store } from './store/store.ts'
import { seriesWriter } from './store/writer.ts'

export interface Clinic {
  registry: Registry
  keys: Keys
}

/** What every command needs: the keys and the registry. Several programs may have them open at once. */
export async function openClinic(config: ClinicConfig): Promise<Clinic> {
  mkdirSync(config.data, { recursive: true, mode: 0o700 })
  const file = join(config.data, 'registry.sqlite')
  const keys = openKeys(join(config.data, 'keys'), existsSync(file))
  const registry = await openRegistry(file)
  await putSites(registry, config.sites)
  return { registry, keys }
}

export const openSeries = ({ series, data }: ClinicConfig): Store =>
  'influx' in series ? openInfluxStore(series.influx) : openSqliteStore(join(data, 'series.sqlite'))

export interface ClinicOptions {
  log: Logger
  /** Milliseconds since 1970. */
  now(): number
  version: string
  /** Folder of the built page. */
  web: string
  /** The page can be opened; `broker` is the embedded one. `alive` resolves when the registry answers. */
  ready(where: { url: string; broker: { port: number } | null }, alive: () => Promise<unknown>): void
}

/** Runs until `signal` ends it; resolves when everything is closed. Rejects when it cannot start, or by a bug. */
export async function runClinic(config: ClinicConfig, options: ClinicOptions, signal: AbortSignal): Promise<void> {
  const { log, now, version, web } = options
  const { registry, keys } = await openClinic(config)
  const store = openSeries(config)
  const ending = new AbortController() // by the signal, or because a part failed
  const all = AbortSignal.any([signal, ending.signal])
  const changes = makeChanges()
  const presenceMs = config.presenceSeconds * 1000
  const metrics = clinicMetrics({ registry, version, now, presenceMs, token: config.metricsToken })
  let brokerInReach = false
  let unkeptSinceMs: number | null = null
  const notify = (change: Change) => {
    if (change.kind === 'part' && change.part === 'broker') brokerInReach = change.state === 'ok'
    if (change.kind === 'keeping') unkeptSinceMs = change.sinceMs
    metrics.count(change)
    if (!['taken', 'written', 'keeping'].includes(change.kind)) changes.tell(change)
    if (change.kind === 'observation') writer.wake()
  }
  const writer = seriesWriter({ registry, store, log, now, notify })
  const parts: Promise<unknown>[] = []
  try {
    const clinicPassword = newSecret()
    const embedded =
      'embedded' in config.broker
        ? await embeddedBroker({ registry, ...config.broker.embedded, clinicPassword, log }, all)
        : null
    if (embedded) parts.push(embedded.closed)
    const broker =
      'embedded' in config.broker
        ? {
            url: mqttUrl(config.broker.embedded.host, embedded!.port),
            ...{ username: CLINIC_USER, password: clinicPassword, protocolVersion: 4 as const },
          }
        : await brokerElsewhere({ registry, keys }, config, config.broker, log)
    const app = await build({
      registry,
      keys,
      store,
      sites: config.sites,
      changes,
      broker: () => brokerInReach,
      unkeptSinceMs: () => unkeptSinceMs,
      now,
      log,
      version,
      origin: config.url,
      presenceMs,
      metrics,
      aliveMs: ALIVE_MS,
      web,
    })
    const url = await app.listen(config.listen)
    parts.push(
      ingest({ registry, keys, broker: { ...broker, clientId: clientId(keys) }, log, now, notify }, all),
      writer.run(all),
      keepRetention({ registry, retention: config.retention, log, now, notify }, all),
      closeWhenDone(all, () => app.close()),
    )
    options.ready({ url, broker: embedded && { port: embedded.port } }, () => lastNumber(registry, 'observations'))
    await Promise.race(parts) // each ends with the signal only, or by failing
  } finally {
    ending.abort()
    const ends = await Promise.allSettled(parts)
    await store.close()
    await registry.destroy()
    for (const end of ends) if (end.status === 'rejected') log.error({ err: end.reason }, 'a part of the clinic failed')
  }
}

/** How to sign in at a broker that is not ours; the one whose accounts we keep gets them once more, should they be from before. */
async function brokerElsewhere(
  clinic: Clinic,
  config: ClinicConfig,
  { mosquitto, ...broker }: BrokerElsewhere,
  log: Logger,
) {
  if (!mosquitto) return broker
  try {
    for (const line of await tellBroker(clinic, config)) log.warn(line)
  } catch (error) {
    log.warn({ err: error }, 'the accounts for Mosquitto could not be written: they stay as they are')
  }
  const { authority, password } = await brokerKeys(join(config.data, 'keys'))
  return { ...broker, username: CLINIC_USER, password, ca: authority.certificate }
}

/** The same over restarts, another for each clinic: two on one broker must not throw each other off. */
export const clientId = ({ numbers }: ClinicKeys) =>
  `clinic-${createHash('sha256').update('mqtt client id').update(numbers).digest('hex').slice(0, 12)}`

const closeWhenDone = (signal: AbortSignal, close: () => Promise<unknown>) =>
  new Promise((resolve, reject) => {
    const end = () => void close().then(resolve, reject)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
