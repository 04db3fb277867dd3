// What a driver is: one value in one file that holds all we know about one model family; and how drivers are found.
import { readdir } from 'node:fs/promises'
import type { DeviceEvent, DeviceInfo } from './event.ts'
import type { Link } from './link.ts'

/** An open port: chunks as they come, bytes out. Chunks end when the port is gone; a port error is thrown there. */
export interface Transport {
  chunks: AsyncIterable<Uint8Array>
  write(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

export interface SerialLine {
  type: 'serial'
  /** Null: no source tells it, so the site must set it. */
  baud: number | null
  dataBits?: 7 | 8 // 8
  parity?: 'none' | 'even' | 'odd' // none
  stopBits?: 1 | 2 // 1
  /** Assert DTR on opening: some cables draw their power from it. */
  dtr?: true
  /** Known USB adapters or device ids of this model, where it has its own. */
  ids?: readonly UsbId[]
}

export interface HidLine {
  type: 'hid'
  ids: readonly UsbId[]
  /** Bytes of one report, both ways, without a report id unless `numbered`. */
  reportLength: number
  /** Reports begin with their own id: it is part of what `unwrap` gets and `wrap` gives. */
  numbered?: true
  /** Feature reports, id first, that make the line ready: sent each time it is opened. Never one that a device keeps. */
  setup?: readonly Uint8Array[]
  /** A frame begins where a report begins and fills whole reports; a refused report is stepped over whole. */
  aligned?: true
  /** The payload one input report carries; empty for noise. */
  unwrap(report: Uint8Array): Uint8Array
  /** Payload bytes as output reports of `reportLength`. */
  wrap(payload: Uint8Array): Uint8Array[]
}

export interface UsbId {
  vendorId: number
  productId: number
}

/** What stands at the start of the bytes so far. */
export type Cut =
  | { frame: number } // a whole, checksum-good frame of so many bytes
  | 'more' // could be a frame: wait
  | 'noise' // the first byte begins no frame: step over it
  | 'refused' // looked like a whole frame, but its check or shape is wrong: count it, step over one byte

/** Bytes that looked like a message but say nonsense. The record is refused, the conversation goes on. */
export class FrameError extends Error {
  override name = 'FrameError'
}

/** One thing a device said, with the bytes it said it in (private ranges blanked). */
export interface Told {
  event: DeviceEvent | DeviceInfo
  raw: Uint8Array | null
  /** The device's own subject id, if it sent one that is neither blank nor its default. Secret: it becomes an alias at once. */
  subject?: string
  /** How long the device says this measurement took, if the frame tells. */
  measuredSeconds?: number
}

/** Facts of one frame: every driver names its own, `kind` says which. */
export type Facts = { kind: string } & Record<string, unknown>

/** One record of a frame that holds many: its own bytes [from, to), and what it means, or why it is refused alone. */
export interface Part {
  kind: 'part'
  at: readonly [from: number, to: number]
  says: DeviceEvent | FrameError
}

export interface DriverDefinition {
  vendor: string
  /** As the fixtures spell them: without maker and without what stands in brackets. */
  models: readonly [string, ...string[]]
  kind: 'blood-pressure' | 'body' | 'glucose' | 'identity'
  transport: SerialLine | HidLine
  /** True when no frame tells which of the models it is and their memories differ: the site must set it. */
  modelIsSet?: true
  /** How a frame proves itself; 'none' when the protocol has no check. */
  check: 'xor' | 'sum' | 'crc8' | 'crc16' | 'none'
  /** The check stands over a whole answer of many frames: `read` tells nothing before it is proven; a frame alone has its shape. */
  checkCovers?: 'answer'
  /** `recorded`: from a public capture. `from notes`: from a description, never seen on a wire. */
  evidence: 'recorded' | 'from notes'
  /** True when readings come from the device's memory (asked), false when they are live (pushed). */
  memory: boolean
  /** Live, but it says nothing unasked. */
  polled?: true
  /** It says the same again and again while it lasts: what waited in a port before it was opened comes again, or is over. */
  repeats?: true
  /** What the host may say at any time; never a command that erases or sets. */
  commands?: { start?: Uint8Array; stop?: Uint8Array }
  /** How long a measurement takes, in seconds: fixed bounds, or as the reading's frame tells. */
  measuringSeconds?: { min: number; max: number; of?(facts: Facts): number | null }
  /** A device that repeats an unanswered frame: equal readings within this time are one. */
  resendsWithinMs?: number
  /** Pure: where the first frame lies. */
  cutFrame(bytes: Uint8Array): Cut
  /** Pure: all that one frame says. Throws FrameError on nonsense. */
  parse(frame: Uint8Array): Facts
  /** Pure: what those facts mean. `earlier`: the latest facts of each kind before them, oldest first. Throws FrameError. */
  events(facts: Facts, earlier: readonly Facts[]): (DeviceEvent | DeviceInfo | Part)[]
  /** Bytes of the longest frame, where it is a whole memory. */
  longestFrame?: number // 4096
  /** Byte ranges [from, to) of a frame that are private and are blanked before anything keeps it. */
  privateRanges?(frame: Uint8Array): [number, number][]
  /** The device's own subject id in these facts, if it is one. */
  subject?(facts: Facts): string | undefined
  /** The conversation: yields what the device tells; returns when a session is over (the watcher comes back). */
  read(link: Link, context: ReadContext): AsyncIterable<Told>
}

export interface ReadContext {
  /** Milliseconds since 1970 by the hub's clock. */
  now(): number
  signal: AbortSignal
  /** Which of the driver's models the site says it is. */
  model?: string
}

export interface Driver extends DriverDefinition {
  /** The file's name: `and-tm2657`. */
  id: string
}

export const defineDriver = (definition: DriverDefinition): DriverDefinition => definition

/** Every driver there is: one file each in `devices/<kind>/`, sorted by id. */
export async function allDrivers(): Promise<Driver[]> {
  const home = new URL('../', import.meta.url)
  const folders = (await readdir(home, { withFileTypes: true })).filter((f) => f.isDirectory() && f.name !== 'kit')
  const drivers: Driver[] = []
  for (const folder of folders)
    for (const file of await readdir(new URL(`${folder.name}/`, home))) {
      const id = /^([a-z0-9-]+)\.[jt]s$/.exec(file)?.[1] // .ts in the sources, .js once built; no capture, no source map
      if (id === undefined) continue
      const loaded: { default: DriverDefinition } = await import(new URL(`${folder.name}/${file}`, home).href)
      drivers.push({ ...loaded.default, id })
    }
  return drivers.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** The driver with that id; otherwise an error that lists those there are. */
export async function findDriver(id: string): Promise<Driver> {
  const drivers = await allDrivers()
  const driver = drivers.find((d) => d.id === id)
  if (!driver) throw new Error(`no driver "${id}"; there are: ${drivers.map((d) => d.id).join(', ')}`)
  return driver
}
