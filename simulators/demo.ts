// The whole house on one desk: a simulated kiosk with real drivers on pseudo-terminals, hub, broker, clinic and two pages.
import { randomBytes } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningDevice, startDevice } from './device.ts'
import { watchScreen } from './kiosk-view.ts'
import { type PanelOrder, panel } from './panel.ts'
import { person, plannedVisits } from './people.ts'
import { command, type Program, SITE, StartError, start, writeConfig } from './programs.ts'
import { MEASURING, visit } from './visitors.ts'

export interface DemoOptions {
  /** The clinic's port; 0 takes any free one. */
  port: number
  /** Holds `hub/` and `clinic/`; absent: a fresh temporary folder, removed at the end. */
  data?: string
  /** So many card holders come, then no new ones; absent: without end. */
  visitors?: number
  seed: number
}

export interface DemoReady {
  ready: true
  clinic: string
  kiosk: string
  user: string
  password: string
}

interface Surroundings {
  now(): number
  log(chunk: Uint8Array | string): void
  ready(where: DemoReady): void
}

const USER = 'doctor'
const HUB = 'K01'
const DEVICES = { reader: 'sdt-samv', cuff: 'and-tm2657', meter: 'lifescan-ultraeasy' } as const
type DeviceId = keyof typeof DEVICES
const IDS = Object.keys(DEVICES) as DeviceId[]
/** People whose cards the panel offers, and who come again in a demo without end. */
const POOL = 24
const BETWEEN_VISITORS_MS = 800
const PANEL_PAUSE_MS = 60_000
const NOTICE = {
  zh: '演示：设备是模拟的，等待时间已缩短',
  en: 'Demo: devices are simulated, waiting times are short',
}

/** Runs until `signal` ends it; then every process, pseudo-terminal and temporary file of it is gone. */
export async function demo(options: DemoOptions, around: Surroundings, signal: AbortSignal): Promise<void> {
  const ending = new AbortController()
  const ended = AbortSignal.any([signal, ending.signal])
  const data = options.data ?? (await mkdtemp(join(tmpdir(), 'kiosk-demo-')))
  const programs: Program<unknown>[] = []
  const devices = new Map<DeviceId, RunningDevice>()
  try {
    await mkdir(join(data, 'ports'), { recursive: true, mode: 0o700 }).catch((cause: Error) => {
      throw new StartError(`cannot keep the demo's data in ${data}: ${cause.message}`, { cause })
    })
    const { clinic, password, enrolment } = await startClinic(data, options.port, around, programs)
    for (const id of IDS)
      devices.set(
        id,
        await startDevice(DEVICES[id], join(data, 'ports', id), {
          now: around.now,
          zone: SITE.zone,
          seed: options.seed,
        }),
      )

    const hand = new Hand(devices as Map<string, RunningDevice>, options.seed, around.now)
    const aside = await panel(hand, ended)
    const hub = await startHub(
      data,
      { enrolment, aside, broker: `mqtt://127.0.0.1:${clinic.ready.broker.port}` },
      around,
      programs,
    )
    around.ready({ ready: true, clinic: clinic.ready.url, kiosk: hub.ready.url, user: USER, password })

    const cabin = {
      reader: devices.get('reader')!,
      cuff: devices.get('cuff')!,
      meter: devices.get('meter')!,
      screen: watchScreen(hub.ready.url, ended),
    }
    const died = Promise.race(programs.map(async ({ ended: gone, pid }) => ({ pid, code: await gone })))
    const came = comeAndGo(options, cabin, hand, join(data, 'said.jsonl'), ended)
    came.catch(() => ending.abort())
    const first = await Promise.race([died, aborted(ended)])
    if (first)
      throw new Error(`a program of the demo (process ${first.pid}) ended by itself with exit code ${first.code}`)
    await came
  } finally {
    ending.abort()
    await Promise.all(programs.map((program) => program.stop()))
    for (const device of devices.values()) device.end()
    if (options.data === undefined) await rm(data, { recursive: true, force: true })
  }
}

const aborted = (signal: AbortSignal) =>
  new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })

const pause = (ms: number, signal: AbortSignal) =>
  Promise.race([new Promise((resolve) => setTimeout(resolve, ms).unref()), aborted(signal)])

/** The clinic with its user and the hub's enrolment; both are made once and found again under the same `--data`. */
async function startClinic(data: string, port: number, around: Surroundings, programs: Program<unknown>[]) {
  const folder = join(data, 'clinic')
  const config = await writeConfig(folder, {
    data: folder,
    listen: { host: '127.0.0.1', port },
    broker: { embedded: { host: '127.0.0.1', port: 0 } },
    series: { sqlite: true },
    sites: [SITE],
  })
  const passwordFile = join(data, 'password')
  const enrolment = join(data, 'enrolment.json')
  let password = await readFile(passwordFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  if (!password) {
    password = randomBytes(9).toString('base64url')
    await command('clinic', ['user', 'add', USER, '--role', 'doctor', '--site', SITE.id, '--config', config], password)
    await command('clinic', ['keys', 'add-hub', HUB, '--site', SITE.id, '--config', config, '--out', enrolment])
    await writeFile(passwordFile, password, { mode: 0o600 })
  }
  const clinic = await start<{ url: string; broker: { port: number } }>('clinic', ['run', '--config', config], around)
  programs.push(clinic)
  return { clinic, password, enrolment }
}

async function startHub(
  data: string,
  { enrolment, aside, broker }: { enrolment: string; aside: string; broker: string },
  around: Surroundings,
  programs: Program<unknown>[],
) {
  const folder = join(data, 'hub')
  const config = await writeConfig(folder, {
    enrolment,
    data: folder,
    broker,
    devices: IDS.map((id) => ({
      id,
      driver: DEVICES[id],
      port: { type: 'serial', path: join(data, 'ports', id) },
      ...(id === 'cuff' && { measuringSeconds: { min: MEASURING.seconds / 2, max: MEASURING.seconds } }),
    })),
    screen: { host: '127.0.0.1', port: 0, notice: NOTICE, aside },
  })
  const hub = await start<{ url: string }>('hub', ['run', '--config', config], around)
  programs.push(hub)
  return hub
}

/** The panel's hand on the devices. While it is at work, no visitor comes by themselves. */
class Hand {
  readonly #devices: Map<string, RunningDevice>
  readonly #seed: number
  readonly #now: () => number
  readonly #plugged = new Map<string, boolean>(IDS.map((id) => [id, true]))
  #usedAt = Number.NEGATIVE_INFINITY
  #turn = 0

  constructor(devices: Map<string, RunningDevice>, seed: number, now: () => number) {
    this.#devices = devices
    this.#seed = seed
    this.#now = now
  }

  get paused() {
    return this.#now() - this.#usedAt < PANEL_PAUSE_MS || [...this.#plugged.values()].includes(false)
  }

  state() {
    return {
      paused: this.paused,
      people: Array.from({ length: POOL }, (_, n) => person(this.#seed, n).name),
      devices: [...this.#plugged].map(([id, plugged]) => ({ id, plugged })),
    }
  }

  async obey(order: PanelOrder) {
    this.#usedAt = this.#now()
    const say = (device: DeviceId, words: object) => this.#devices.get(device)!.say(words)
    if ('card' in order) await say('reader', { card: order.card === null ? null : person(this.#seed, order.card) })
    else if ('cable' in order) {
      this.#plugged.set(order.cable, order.plugged)
      await say(order.cable, { plug: order.plugged })
    } else if ('meter' in order)
      await say('meter', { store: { value: order.meter === 'HI' ? 'HI' : 90 + (this.#turn++ % 40) } })
    else if (order.cuff === 'fail') await begun(say('cuff', { fail: 'E44', after: MEASURING.afterMs }))
    else {
      const usual = { systolic: 122 + (this.#turn % 20), diastolic: 76, mean: 92, pulse: 70 + (this.#turn++ % 9) }
      const measure = order.cuff === 'high' ? { systolic: 186, diastolic: 112, mean: 136, pulse: 88 } : usual
      await begun(say('cuff', { measure: { ...measure, seconds: MEASURING.seconds }, after: MEASURING.afterMs }))
    }
  }
}

/** A measurement answers when it is over; that it cannot begin, it says at once. */
const begun = (measurement: Promise<unknown>) =>
  Promise.race([measurement, new Promise((resolve) => setImmediate(resolve))])

/** Lets the planned visitors in one by one; what the devices said is written down, without names, for whoever wants to compare. */
async function comeAndGo(
  { seed, visitors }: DemoOptions,
  cabin: Omit<Parameters<typeof visit>[2], 'told'>,
  hand: Hand,
  saidFile: string,
  signal: AbortSignal,
) {
  if (visitors === 0) return
  let written = Promise.resolve()
  const told = (visitor: number | null, said: object) => {
    written = written.then(() => appendFile(saidFile, `${JSON.stringify({ visitor, ...said })}\n`))
  }
  let holders = 0
  for (const plan of plannedVisits(seed)) {
    if (plan.person && holders === visitors) break
    const n = plan.person ? holders++ : null
    // Without end, the same people come again and their charts grow.
    const again =
      plan.person && visitors === undefined && n !== null ? { ...plan, person: person(seed, n % POOL) } : plan
    do {
      while (hand.paused && !signal.aborted) await pause(500, signal)
      await pause(BETWEEN_VISITORS_MS, signal)
      if (signal.aborted) return written
    } while (!(await visit(again, n, { ...cabin, told }).catch(unless(signal))))
  }
  return written
}

/** What a visit failed on while everything is being shut down is no fault. */
const unless = (signal: AbortSignal) => (error: unknown) => {
  if (!signal.aborted) throw error
  return true
}
