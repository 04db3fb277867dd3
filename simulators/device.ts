// Runs one simulated device on a pseudo-terminal, for the demo, for tests, and for `kiosk-sim device` with JSON lines.
import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { z } from 'zod'
import { CommandError, type Commands, command, obey, type Said, type Simulator } from './devices/device.ts'
import { Fault, type FaultyWire, faultyWire } from './faults.ts'
import { ptyCable } from './pty.ts'
import { seeded } from './random.ts'

export type { Said, Spoken } from './devices/device.ts'
export { CommandError } from './devices/device.ts'

export interface Surroundings {
  /** Milliseconds since 1970. */
  now(): number
  /** IANA zone of the device's wall clock. */
  zone: string
  /** For random faults. */
  seed?: number
  /** False: the cable is out at first. */
  plugged?: boolean
}

export interface RunningDevice {
  /** Path for the hub to open. */
  pty: string
  /** Obeys one command. Throws CommandError that says what is possible. */
  say(command: unknown): Promise<Said>
  /** Calls every timer off, pulls the cable and removes the path. */
  end(): void
}

/** Ids of the drivers that have a simulated device: the files of `devices/` whose name has a maker and a model. */
export const simulatedDrivers = (): string[] =>
  readdirSync(new URL('./devices/', import.meta.url))
    .map((file) => /^([a-z0-9]+(?:-[a-z0-9]+)+)\.(?:ts|js)$/.exec(file)?.[1])
    .filter((id) => id !== undefined)
    .sort()

/** Throws CommandError that lists the drivers there are. */
export async function findSimulator(driver: string): Promise<Simulator> {
  const there = simulatedDrivers()
  if (!there.includes(driver)) {
    throw new CommandError(`no simulated device for driver ${JSON.stringify(driver)}. There are: ${there.join(', ')}`)
  }
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const file: { simulator: Simulator } = await import(new URL(`./devices/${driver}.${extension}`, import.meta.url).href)
  return file.simulator
}

/** A line for each simulated device: its driver, its line, what it can be told. */
export const deviceList = (): Promise<string[]> =>
  Promise.all(
    simulatedDrivers().map(async (driver) => {
      const simulator = await findSimulator(driver)
      const world = { now: () => 0, zone: 'UTC', send: () => false, later: () => () => undefined }
      return `${driver.padEnd(24)} ${simulator.line.padEnd(7)} ${Object.keys(simulator.make(world).commands).join(', ')}`
    }),
  )

/** Timers of one simulation, called off together. */
function timers() {
  const running = new Set<NodeJS.Timeout>()
  return {
    later(ms: number, act: () => void) {
      const timer = setTimeout(() => {
        running.delete(timer)
        act()
      }, ms)
      running.add(timer)
      return () => {
        clearTimeout(timer)
        running.delete(timer)
      }
    },
    callOff() {
      for (const timer of running) clearTimeout(timer)
      running.clear()
    },
  }
}

/** Commands every simulated device has: its cable and its wire. */
const lineCommands = (wire: FaultyWire, plug: (plugged: boolean) => void): Commands => ({
  plug: command(z.strictObject({ plug: z.boolean() }), '{"plug":false}', (order) => {
    plug(order.plug)
    return { said: [] }
  }),
  fault: command(z.strictObject({ fault: Fault.nullable() }), '{"fault":{"split":1}}', (order) => {
    wire.set(order.fault)
    return { said: [] }
  }),
})

/** What lies between a simulated device and its host: a pseudo-terminal, a USB gadget, a HID device of the kernel or of the memory. */
export interface Cable {
  plugged(): boolean
  /** Bytes, or one report, to the host; false, and they are gone, when nobody there can get them. */
  send(bytes: Uint8Array): boolean
  /** No effect when it is in. */
  plug(): void
  /** No effect when it is out. */
  pull(): void
}

/** Starts a driver's simulated device at the end of a cable that is laid plugged in. */
export function attachDevice(
  simulator: Simulator,
  lay: (receive: (bytes: Uint8Array) => void) => Cable,
  around: Surroundings,
) {
  const clock = timers()
  const cable = lay((bytes) => device.receive(bytes))
  const wire = faultyWire((bytes) => cable.send(bytes), seeded(around.seed ?? 1), clock.later)
  const device = simulator.make({ now: around.now, zone: around.zone, later: clock.later, send: (b) => wire.send(b) })
  const plug = (plugged: boolean) => {
    if (plugged === cable.plugged()) return
    if (plugged) {
      cable.plug()
      device.plugged?.()
    } else {
      cable.pull()
      device.unplugged?.()
    }
  }
  if (around.plugged === false) cable.pull()
  else device.plugged?.()
  const commands = { ...device.commands, ...lineCommands(wire, plug) }
  return {
    plugged: cable.plugged,
    say: (raw: unknown) => obey(commands, raw),
    end() {
      device.unplugged?.()
      clock.callOff()
      cable.pull()
    },
  }
}

/** Starts a driver's simulated device behind a pseudo-terminal at `path`. Throws CommandError for an unknown or HID driver. */
export async function startDevice(driver: string, path: string, around: Surroundings): Promise<RunningDevice> {
  const simulator = await findSimulator(driver)
  if (simulator.line === 'hid') {
    throw new CommandError(`${driver} is a USB-HID device: it has no serial line and so no pseudo-terminal`)
  }
  const { say, end } = attachDevice(simulator, (receive) => ptyCable(path, receive, around.now), around)
  return { pty: path, say, end }
}

export interface CommandLine {
  stdin: Readable
  stdout: Writable
  now(): number
  zone: string
  /** Aborted: ends as if stdin had. */
  signal?: AbortSignal
}

/**
 * `kiosk-sim device DRIVER --pty PATH`: a ready line, then one JSON answer for each JSON line on stdin, a live measurement's when
 * it is over. Ends when stdin does. Throws CommandError when the driver or path will not do.
 */
export async function runDevice(driver: string, path: string, line: CommandLine): Promise<void> {
  const device = await startDevice(driver, path, line)
  const print = (answer: object) => line.stdout.write(`${JSON.stringify(answer)}\n`)
  try {
    print({ ready: true, driver, pty: device.pty })
    const lines = createInterface({ input: line.stdin, ...(line.signal && { signal: line.signal }) })
    for await (const text of lines) if (text.trim()) void answer(device, text).then(print)
  } finally {
    device.end()
  }
}

/** What came is told with the command's `ref`, if it had one: answers of measurements come when they are over, not in turn. */
async function answer(device: RunningDevice, text: string): Promise<object> {
  let ref: { ref?: string } = {}
  try {
    const order = Line.parse(JSON.parse(text))
    if (order.ref !== undefined) ref = { ref: order.ref }
    delete order.ref
    return { ...ref, ...(await device.say(order)) }
  } catch (error) {
    if (error instanceof CommandError) return { ...ref, error: error.message }
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      return { error: `expected one JSON object a line, like {"plug":false}, got ${JSON.stringify(text.slice(0, 80))}` }
    }
    throw error
  }
}
const Line = z.looseObject({ ref: z.string().optional() })
