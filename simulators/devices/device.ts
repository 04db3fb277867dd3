// What a simulated device is: bytes in, bytes out, and commands a person or a script may give it; its own wall clock.
import { z } from 'zod'
import type { CardRead, Failure, Reading } from '../../devices/kit/event.ts'

/** One thing the device says on the wire, in the words of the event it means. A failure's plain reason is the driver's to find. */
export type Spoken = Reading | CardRead | Omit<Failure, 'reason'>

/** Answer to a command. A live device answers when it has spoken, a device with a memory at once. */
export interface Said {
  /** What the wire carries because of this command, now or when the host asks; empty when it carries nothing. */
  said: Spoken[]
  /** Somebody stopped the measurement or pulled the cable, so nothing was said. */
  stopped?: true
  /** The device spoke while nobody had its port open: as on a real line, the bytes are gone. */
  unheard?: true
}

/** What a device is given to live in. */
export interface World {
  /** Puts bytes on the wire; false when nobody has the port open. */
  send(bytes: Uint8Array): boolean
  /** Milliseconds since 1970. */
  now(): number
  /** IANA zone in which the device's wall clock was set. */
  zone: string
  /** Runs `act` after `ms`; the function returned calls it off. All are called off when the simulation ends. */
  later(ms: number, act: () => void): () => void
}

export interface SimulatedDevice {
  /** Bytes from the host, cut anyhow. */
  receive(bytes: Uint8Array): void
  commands: Commands
  /** The cable was put in: a meter that speaks first does so now. */
  plugged?(): void
  unplugged?(): void
}

/** One file in this folder exports one of these as `simulator`; the file's name is the driver's id. */
export interface Simulator {
  /** `hid` devices send and take whole reports and have no pseudo-terminal. */
  line: 'serial' | 'hid'
  make(world: World): SimulatedDevice
}

export interface Command {
  example: string
  obey(raw: unknown): Said | Promise<Said>
}
export type Commands = Readonly<Record<string, Command>>

/** The command was wrong; the message says what came and what is possible. */
export class CommandError extends Error {
  override name = 'CommandError'
}

/** A command whose JSON has this shape; `example` stands in every error about it. */
export const command = <S>(shape: z.ZodType<S>, example: string, act: (order: S) => Said | Promise<Said>): Command => ({
  example,
  obey(raw) {
    const parsed = shape.safeParse(raw)
    if (parsed.success) return act(parsed.data)
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'command'}: ${issue.message}`)
    throw new CommandError(`${faults.join('; ')}. Expected for example ${example}`)
  },
})

/** Finds the command by its key and obeys it. Throws CommandError. */
export async function obey(commands: Commands, raw: unknown): Promise<Said> {
  const keys = typeof raw === 'object' && raw !== null ? Object.keys(raw) : []
  const found = keys.map((key) => (Object.hasOwn(commands, key) ? commands[key] : undefined)).find((c) => c)
  if (found) return found.obey(raw)
  const possible = Object.values(commands).map((c) => c.example)
  throw new CommandError(`no such command: ${JSON.stringify(raw)?.slice(0, 80)}. Possible: ${possible.join(' · ')}`)
}

/** A wall clock's reading, without zone: `2026-11-25T08:15` or with seconds. */
export const WallTime = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/, 'expected a wall-clock time like 2026-11-25T08:15:00')
  .refine(isWallTime, 'no such date')

/** Date.parse rolls 30 February over into March; a device's clock shows no such day. */
function isWallTime(text: string): boolean {
  const ms = Date.parse(`${text}Z`)
  return Number.isFinite(ms) && wallText(ms).startsWith(text)
}

/** The device's own clock: right at first, wrong once somebody sets it so. */
export class DeviceClock {
  #world: Pick<World, 'now' | 'zone'>
  #offsetMs = 0

  constructor(world: Pick<World, 'now' | 'zone'>) {
    this.#world = world
  }

  /** Sets the clock; from then on it runs. */
  set(wall: string) {
    this.#offsetMs = Date.parse(`${wall}Z`) - wallMs(this.#world.now(), this.#world.zone)
  }

  /** What it shows: `2026-11-25T08:15:00`. */
  read(): string {
    return wallText(wallMs(this.#world.now(), this.#world.zone) + this.#offsetMs)
  }
}

/** The command that sets a device's clock. */
export const clockCommand = (clock: DeviceClock): Command =>
  command(z.strictObject({ clock: WallTime }), '{"clock":"2026-11-25T08:15:00"}', (order) => {
    clock.set(order.clock)
    return { said: [] }
  })

/** Wall-clock digits as if they were UTC, in milliseconds: what meters mean by "seconds since 1970, local". */
export function wallMs(at: number, zone: string): number {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' })
  const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  return Date.UTC(part.year!, part.month! - 1, part.day!, part.hour!, part.minute!, part.second!)
}

export const wallText = (ms: number) => new Date(ms).toISOString().slice(0, 19)

/** `2026-11-25T08:15` → its fields as two- or four-digit text. */
export const wallFields = (wall: string) => ({
  year: wall.slice(0, 4),
  month: wall.slice(5, 7),
  day: wall.slice(8, 10),
  hour: wall.slice(11, 13),
  minute: wall.slice(14, 16),
  second: wall.slice(17, 19) || '00',
})

export const toMinute = (wall: string) => wall.slice(0, 16)

export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

export const joined = (...parts: (Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]))
