// The clinic's configuration: one JSON file, read once; every fault in it is told in one message.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { Text, Zone } from '../../hub/contract/enrolment.ts'

/** The configuration cannot be used: `message` lists every fault, a line each. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

const Port = z.number().int().min(0).max(65535) // 0: any free one
const Host = z.string().min(1)
const Secret = { password: z.string().min(1).optional(), passwordFile: z.string().min(1).optional() }

const Embedded = z.strictObject({ host: Host.default('127.0.0.1'), port: Port })

/** A Mosquitto whose accounts, rights and certificates this clinic keeps. */
const Mosquitto = z.strictObject({
  /** What it includes: all files there are written by this clinic. */
  folder: z.string().min(1),
  /** Where hubs sign in by certificate; absent: one above the port of `url`. */
  certificatePort: Port.min(1).optional(),
  /** Mosquitto's own: it is told to read again what was written. Absent: the operator, or the unit in packaging, tells it. */
  pidFile: z.string().min(1).optional(),
})

/** Either ours, inside this program, or one that runs elsewhere. */
const Broker = z
  .strictObject({
    embedded: Embedded.optional(),
    url: z.url({ protocol: /^(mqtt|mqtts|ws|wss)$/ }).optional(),
    username: z.string().min(1).optional(),
    ...Secret,
    /** PEM files: the authority that vouches for the broker, and this clinic's own certificate and key if it signs in by them. */
    ca: z.string().min(1).optional(),
    cert: z.string().min(1).optional(),
    key: z.string().min(1).optional(),
    /** 4: MQTT 3.1.1, which every broker speaks; 5: MQTT 5, whose broker says why it refuses and drops commands that are too old. */
    protocolVersion: z.union([z.literal(4), z.literal(5)]).optional(),
    mosquitto: Mosquitto.optional(),
  })
  .refine((b) => (b.embedded === undefined) !== (b.url === undefined), {
    message: 'expected either "embedded" or "url"',
  })
  .refine((b) => b.url !== undefined || Object.keys(b).length === 1, {
    message: 'the other keys belong to "url"; the embedded broker makes its own',
  })
  .refine((b) => !b.mosquitto || Object.keys(b).every((key) => ['url', 'protocolVersion', 'mosquitto'].includes(key)), {
    message: 'with "mosquitto" this clinic makes accounts and certificates itself: leave out all but "url"',
  })
  .refine((b) => !b.mosquitto || /^mqtts?:/.test(b.url ?? ''), {
    message: 'with "mosquitto" expected mqtts:// or mqtt://',
  })
  .refine((b) => (b.cert === undefined) === (b.key === undefined), { message: '"cert" and "key" belong together' })

const Influx = z.strictObject({
  host: Host,
  port: Port.min(1),
  database: z.string().min(1),
  username: z.string().min(1).optional(),
  ...Secret,
})

const Series = z
  .strictObject({ sqlite: z.literal(true).optional(), influx: Influx.optional() })
  .refine((s) => (s.sqlite === undefined) !== (s.influx === undefined), {
    message: 'expected either "sqlite": true or "influx"',
  })

const SiteId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/, 'a site id is 1–32 letters, digits or hyphens')

/** What is older is set aside in files; a class that is not named is kept for ever. The least keeps a slip from emptying much. */
const Retention = z.strictObject({
  quarantineDays: z.number().int().min(31).optional(),
  auditDays: z.number().int().min(365).optional(),
})

const File = z.strictObject({
  /** Where the registry, the embedded series and the keys lie. */
  data: z.string().min(1),
  listen: z.strictObject({ host: Host.default('127.0.0.1'), port: Port }),
  /** How browsers reach this clinic when a proxy stands in front; https makes the session cookie secure. */
  url: z.url({ protocol: /^https?$/ }).optional(),
  broker: Broker,
  series: Series,
  sites: z
    .array(z.strictObject({ id: SiteId, name: Text, zone: Zone }))
    .min(1)
    .refine((sites) => new Set(sites.map((s) => s.id)).size === sites.length, { message: 'two sites have one id' }),
  /** A hub without a word for so long is silent. Hubs speak every 60 s. */
  presenceSeconds: z.number().int().min(1).default(150),
  /** Lets whoever has it read /metrics from elsewhere; absent: this machine alone, and nobody while `url` names a proxy. */
  metricsToken: z.string().min(16).optional(),
  retention: Retention.default({}),
})

interface Login {
  username?: string
  password?: string
}

/** PEM texts. */
export interface BrokerElsewhere extends Login {
  url: string
  ca?: string
  cert?: string
  key?: string
  protocolVersion: 4 | 5
  mosquitto: MosquittoFolder | null
}

export interface MosquittoFolder {
  /** Absolute. */
  folder: string
  certificatePort: number
  pidFile: string | null
}

export interface ClinicConfig {
  data: string // absolute
  listen: { host: string; port: number }
  url: string | null
  broker: { embedded: { host: string; port: number } } | BrokerElsewhere
  series: { sqlite: true } | { influx: { host: string; port: number; database: string } & Login }
  sites: z.infer<typeof File>['sites']
  presenceSeconds: number
  metricsToken: string | null
  retention: z.infer<typeof Retention>
}

/** @throws ConfigError when the file cannot be read, is no JSON, or says something we do not understand */
export function readConfig(path: string): ClinicConfig {
  return parseConfig(path, read(path, 'the configuration'))
}

/** Relative paths in it count from the folder of the file. */
export function parseConfig(path: string, text: string): ClinicConfig {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new ConfigError(`${path} is no JSON: ${(cause as Error).message}`, { cause })
  }
  const parsed = File.safeParse(json)
  if (!parsed.success) {
    const faults = parsed.error.issues.flatMap(faultLines)
    throw new ConfigError(
      `${path} has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.join('\n')}`,
    )
  }
  const { data, url, broker, series, metricsToken, ...rest } = parsed.data
  const at = (relative: string) => resolve(dirname(path), relative)
  const login = (from: {
    username?: string | undefined
    password?: string | undefined
    passwordFile?: string | undefined
  }): Login => {
    const password = from.passwordFile ? read(at(from.passwordFile), 'the password').trimEnd() : from.password
    return { ...(from.username && { username: from.username }), ...(password && { password }) }
  }
  const elsewhere = (url: string): BrokerElsewhere => {
    const { ca, cert, key, mosquitto, protocolVersion = mosquitto ? 5 : 4 } = broker
    return {
      ...{ url, ...login(broker), protocolVersion },
      ...(ca && { ca: read(at(ca), 'the certificate') }),
      ...(cert && key && { cert: read(at(cert), 'the certificate'), key: read(at(key), 'the key') }),
      mosquitto: mosquitto
        ? {
            folder: at(mosquitto.folder),
            certificatePort: mosquitto.certificatePort ?? mqttPort(url) + 1,
            pidFile: mosquitto.pidFile ? at(mosquitto.pidFile) : null,
          }
        : null,
    }
  }
  return {
    ...rest,
    data: at(data),
    url: url ?? null,
    metricsToken: metricsToken ?? null,
    broker: broker.embedded ? { embedded: broker.embedded } : elsewhere(broker.url!),
    series: series.influx
      ? {
          influx: {
            host: series.influx.host,
            port: series.influx.port,
            database: series.influx.database,
            ...login(series.influx),
          },
        }
      : { sqlite: true },
  }
}

/** An IPv6 address stands in brackets. */
export const mqttUrl = (host: string, port: number) => `mqtt://${host.includes(':') ? `[${host}]` : host}:${port}`

const USUAL_PORT: Record<string, number> = { 'mqtt:': 1883, 'mqtts:': 8883 }

/** Of an MQTT address: the one it says, or the usual one. */
export function mqttPort(url: string): number {
  const { port, protocol } = new URL(url)
  return Number(port) || USUAL_PORT[protocol] || 1883
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new ConfigError(`cannot read ${what} ${path}: ${(cause as NodeJS.ErrnoException).code}`, { cause })
  }
}

function faultLines(issue: z.core.$ZodIssue): string[] {
  const where = issue.path.length === 0 ? 'the file' : issue.path.join('.')
  if (issue.code !== 'unrecognized_keys') return [`  ${where}: ${issue.message}`]
  const known = keysAt(File, issue.path)
  return issue.keys.map((key) => {
    const meant = nearest(key, known)
    const hint = meant ? `did you mean "${meant}"?` : `expected one of ${known.join(', ')}`
    return `  ${[...issue.path, key].join('.')}: no such key; ${hint}`
  })
}

/** The keys that the schema knows at this path. */
function keysAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return keysAt(schema.unwrap(), path)
  if (schema instanceof z.ZodArray) return keysAt(schema.element, path.slice(1))
  if (!(schema instanceof z.ZodObject)) return []
  const [first, ...rest] = path
  return first === undefined ? Object.keys(schema.shape) : keysAt(schema.shape[String(first)], rest)
}

/** The known key at most two typing slips away (Levenshtein), if there is one. */
function nearest(key: string, known: readonly string[]): string | undefined {
  const ranked = known.map((k) => ({ k, slips: slips(key.toLowerCase(), k.toLowerCase()) }))
  return ranked.filter(({ slips }) => slips <= 2).sort((a, b) => a.slips - b.slips)[0]?.k
}

function slips(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}
