// The hub's config file: read once at start, every fault told in one message.
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { allDrivers, type Driver } from '../devices/kit/driver.ts'
import { Enrolment, Text } from './contract/enrolment.ts'

/** The config cannot be used; the message lists everything that is wrong with it. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

const TcpPort = z.int().min(0).max(65_535)
const UsbNumber = z.int().min(0).max(0xffff)

/** Which port is meant: a path, or what is plugged in (its USB ids and serial number) and where. */
const Which = {
  path: z.string().min(1).optional(),
  vendorId: UsbNumber.optional(),
  productId: UsbNumber.optional(),
  serial: z.string().min(1).optional(),
  /** As `kiosk-hub ports` prints it. */
  place: z.string().min(1).optional(),
}
const SerialPortConfig = z.strictObject({
  type: z.literal('serial'),
  ...Which,
  // What a site may have set on its device otherwise than the maker.
  baud: z.int().min(50).max(4_000_000).optional(),
  dataBits: z.union([z.literal(7), z.literal(8)]).optional(),
  parity: z.enum(['none', 'even', 'odd']).optional(),
  stopBits: z.union([z.literal(1), z.literal(2)]).optional(),
})
const HidPortConfig = z.strictObject({ type: z.literal('hid'), ...Which })
const TcpPortConfig = z.strictObject({
  type: z.literal('tcp'),
  host: z.string().min(1),
  port: TcpPort.min(1),
})

type PortConfig = z.infer<typeof SerialPortConfig | typeof HidPortConfig | typeof TcpPortConfig>

/** A serial adapter can be anybody's: unlike a HID device it is never meant by its driver's ids alone. */
function isClear(port: PortConfig, context: z.core.$RefinementCtx) {
  if (port.type === 'tcp') return
  const { path, vendorId, productId, serial, place } = port
  const fault = (message: string) => context.addIssue({ code: 'custom', message })
  if (path !== undefined && (vendorId ?? productId ?? serial ?? place) !== undefined)
    fault('expected either a path, or what is plugged in and where')
  if (productId !== undefined && vendorId === undefined) fault('a productId means nothing without its vendorId')
  if (port.type === 'serial' && (path ?? vendorId ?? place) === undefined)
    fault('expected a path, a place or a vendorId: `kiosk-hub ports` lists what is plugged in')
}

const DeviceConfig = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/, 'a device id is 1–32 letters, digits or hyphens'),
  driver: z.string(),
  port: z.discriminatedUnion('type', [SerialPortConfig, HidPortConfig, TcpPortConfig]).superRefine(isClear),
  /** Which of the driver's models it is, where no frame tells. */
  model: z.string().optional(),
  /** In place of what the driver and its frames say. */
  measuringSeconds: z
    .strictObject({ min: z.number().min(0).max(3600), max: z.number().min(0).max(3600) })
    .refine(({ min, max }) => min <= max, { message: 'min is above max' })
    .optional(),
})

const ConfigFile = z.strictObject({
  enrolment: z.string().min(1),
  data: z.string().min(1),
  devices: z.array(DeviceConfig).min(1),
  screen: z.strictObject({
    host: z.string().min(1).default('127.0.0.1'),
    port: TcpPort,
    notice: Text.optional(),
    aside: z.url({ protocol: /^https?$/ }).optional(),
  }),
  visit: z
    .strictObject({
      idleWarnSeconds: z.number().min(1).default(45),
      idleEndSeconds: z.number().min(2).default(90),
      goodbyeSeconds: z.number().min(0).default(5),
    })
    .refine((v) => v.idleWarnSeconds < v.idleEndSeconds, { message: 'idleWarnSeconds must be below idleEndSeconds' })
    .prefault({}),
  /** How long rows stay after a mark covered them: a clinic restored from a backup of this age gets them again. */
  keepDays: z.number().min(0).max(3650).default(30),
  statusSeconds: z.number().min(1).max(3600).default(60),
  broker: z.url({ protocol: /^(mqtt|mqtts|ws|wss)$/ }).optional(),
  /** Lets whoever has it read /metrics from elsewhere; absent: this machine alone. */
  metricsToken: z.string().min(16).optional(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
})
type ConfigFile = z.infer<typeof ConfigFile>

export type DeviceSettings = Omit<ConfigFile['devices'][number], 'driver'> & { driver: Driver }
export type HubConfig = Omit<ConfigFile, 'enrolment' | 'devices'> & { enrolment: Enrolment; devices: DeviceSettings[] }

/** Reads config and enrolment; relative paths count from the config file. Throws ConfigError with every fault. */
export async function readConfig(path: string): Promise<HubConfig> {
  const from = (other: string) => resolve(dirname(path), other)
  const read = await parsed(path, ConfigFile)
  // All faults are looked for even when the shape is wrong: a person mends them in one go.
  const outline = Outline.safeParse(read.raw).data
  const enrolment = outline?.enrolment === undefined ? null : await parsed(from(outline.enrolment), Enrolment)
  const drivers = await allDrivers()
  const faults = [
    ...read.faults,
    ...(enrolment?.faults ?? []),
    ...(outline?.devices ?? []).flatMap((device, i) => deviceFaults(device, `${path}: devices.${i}`, drivers)),
    ...twice(outline?.devices?.map(({ id }) => id)).map((id) => `${path}: devices: "${id}" names two devices`),
    ...twice(outline?.devices?.map(({ port }) => port?.path)).map((at) => `${path}: devices: two devices at ${at}`),
  ]
  if (faults.length > 0 || !read.value || !enrolment?.value)
    throw new ConfigError(`the config cannot be used:\n${faults.map((fault) => `  ${fault}`).join('\n')}`)
  const devices = read.value.devices.flatMap((device): DeviceSettings[] => {
    const driver = drivers.find((d) => d.id === device.driver)
    return driver ? [{ ...device, driver }] : []
  })
  return { ...read.value, data: from(read.value.data), enrolment: enrolment.value, devices }
}

/** As much of a config as can be made out, whatever else is wrong with it. */
const text = z.string().optional().catch(undefined)
const Outline = z.object({
  enrolment: text,
  devices: z
    .array(
      z.object({
        id: text,
        driver: text,
        model: text,
        port: z
          .object({ type: text, path: text, baud: z.number().optional().catch(undefined) })
          .optional()
          .catch(undefined),
      }),
    )
    .optional()
    .catch(undefined),
})
type DeviceOutline = NonNullable<z.infer<typeof Outline>['devices']>[number]

function deviceFaults({ driver: id, model, port }: DeviceOutline, at: string, drivers: readonly Driver[]): string[] {
  if (id === undefined) return []
  const ids = drivers.map((d) => d.id)
  const driver = drivers.find((d) => d.id === id)
  if (!driver) return [`${at}.driver: no driver "${id}"${closest(id, ids)}; there are: ${ids.join(', ')}`]
  if (model === undefined ? driver.modelIsSet : !driver.models.includes(model))
    return [
      `${at}.model: came ${model === undefined ? 'nothing' : `"${model}"`}; set which it is: ${driver.models.join(', ')}`,
    ]
  const { type } = driver.transport
  const fits = port?.type === undefined || port.type === type || (port.type === 'tcp' && type === 'serial')
  if (fits && type === 'serial' && driver.transport.baud === null && port?.type === 'serial' && port.baud === undefined)
    return [
      `${at}.port.baud: came nothing; no source tells the speed of ${driver.id}: look it up in its manual and set it`,
    ]
  return fits ? [] : [`${at}.port.type: came "${port.type}"; ${driver.id} is a ${type} device`]
}

const twice = (all: readonly (string | undefined)[] = []) =>
  all.filter((one, i): one is string => one !== undefined && all.indexOf(one) < i)

interface Parsed<T> {
  value: T | null
  raw: unknown
  faults: string[]
}

async function parsed<T extends z.ZodType>(path: string, schema: T): Promise<Parsed<z.infer<T>>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error
    return { value: null, raw: null, faults: [`${path}: cannot be read (${code}); expected a JSON file`] }
  }
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (error) {
    // V8 quotes the text around the fault, and an enrolment holds a password.
    const at = /at position \d+|line \d+ column \d+/.exec(String(error))?.[0] ?? 'unfinished'
    return { value: null, raw: null, faults: [`${path}: is not JSON (${at})`] }
  }
  const result = schema.safeParse(raw)
  if (result.success) return { value: result.data, raw, faults: [] }
  return { value: null, raw, faults: result.error.issues.flatMap((issue) => faultTexts(path, raw, issue, schema)) }
}

function faultTexts(path: string, raw: unknown, issue: z.core.$ZodIssue, schema: z.ZodType): string[] {
  const key = issue.path.join('.')
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((unknown) => {
      const known = keysAt(schema, issue.path, raw)
      return `${path}: ${[key, unknown].filter(Boolean).join('.')}: unknown key${closest(unknown, known)}; known here: ${known.join(', ')}`
    })
  const value = issue.path.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown> | undefined)?.[step], raw)
  return [`${path}: ${key || 'the whole'}: came ${came(key, value)}; ${issue.message}`]
}

/** What came, so that it can be found; a secret is not repeated. */
function came(key: string, value: unknown): string {
  if (value === undefined) return 'nothing'
  if (/password|clinicKey|metricsToken/.test(key)) return `a ${typeof value} (not shown)`
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  return JSON.stringify(value).slice(0, 80)
}

/** The keys a schema knows at a path of the input; of alternatives told apart by their `type`, those of the one meant. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[], raw: unknown): string[] {
  let at = [schema]
  let value = raw
  for (const step of path) {
    at = at.flatMap(options).flatMap((s) => inside(s, step))
    value = (value as Record<PropertyKey, unknown> | undefined)?.[step]
  }
  const objects = at.flatMap(options).filter((s) => s instanceof z.ZodObject)
  const meant = objects.filter((s) => {
    const { type } = s.shape as { type?: z.ZodType }
    return !type || type.safeParse((value as { type?: unknown }).type).success
  })
  return [...new Set(meant.flatMap((s) => Object.keys(s.shape)))]
}

function options(schema: z.core.$ZodType): z.ZodType[] {
  if (schema instanceof z.ZodDiscriminatedUnion) return schema.options.flatMap(options)
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return options(schema.unwrap())
  return schema instanceof z.ZodType ? [schema] : []
}

function inside(schema: z.ZodType, step: PropertyKey): z.ZodType[] {
  const found = schema instanceof z.ZodObject ? schema.shape[String(step)] : undefined
  const one = schema instanceof z.ZodArray ? schema.element : found
  return one instanceof z.ZodType ? [one] : []
}

/** ` (did you mean "x"?)` for the nearest known word, if one is near. */
function closest(word: string, known: readonly string[]): string {
  const [best] = known.map((k) => ({ k, d: distance(word.toLowerCase(), k.toLowerCase()) })).sort((a, b) => a.d - b.d)
  return best && best.d <= Math.max(2, Math.floor(best.k.length / 3)) ? ` (did you mean "${best.k}"?)` : ''
}

/** Edit distance (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
