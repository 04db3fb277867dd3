// The pure side of a driver: chunks → whole frames → what they tell. The link and `kiosk-hub decode` share it.
import type { z } from 'zod'
import { type Driver, type DriverDefinition, type Facts, FrameError, type HidLine, type Told } from './driver.ts'
import {
  BloodPressure,
  BodyHeight,
  BodyWeight,
  CardRead,
  DeviceInfo,
  Failure,
  Glucose,
  isReading,
  OxygenSaturation,
  Progress,
} from './event.ts'

export interface Counts {
  /** Bytes stepped over: noise, and the bytes of refused frames. */
  discardedBytes: number
  /** Frames, or records of a frame of several, whose check or content was wrong. */
  refusedFrames: number
}

/** Hears what was refused, for support: never a byte of a card, private ranges blanked. */
export type OnRefused = (bytes: Uint8Array) => void

/** So much of what looked like a frame is told; its own length may be what is wrong with it. */
const REFUSED_BYTES = 512

/** No frame is longer, but where its driver says so; a "frame" that grows past this is noise. */
const LONGEST_FRAME = 4096

export interface FrameCutter {
  push(chunk: Uint8Array): Uint8Array[]
  /** Nothing more comes (silence, or the end): a partial frame is stepped over, whole ones behind its start are found. */
  end(): Uint8Array[]
  /** Bytes of a frame that is not whole yet. */
  pending(): number
}

/** Cuts chunks into frames however they were split. Work is linear, memory bounded by the longest frame. */
export function frameCutter(driver: DriverDefinition, counts: Counts, onRefused?: OnRefused): FrameCutter {
  const line = driver.transport
  const longest = driver.longestFrame ?? LONGEST_FRAME
  // In a damaged frame private bytes may lie anywhere.
  const tellRefused = driver.kind === 'identity' || driver.privateRanges ? undefined : onRefused
  let [passed, toldTo] = [0, 0] // bytes of the stream
  const known: boolean[] = [] // by byte: asked once, so that noise costs next to nothing
  const begins = (byte: number) => (known[byte] ??= driver.cutFrame(Uint8Array.of(byte)) !== 'noise')
  // Without a check, bytes of a refused report beside those of the next could pass for a frame.
  const aligned = line.type === 'hid' && line.aligned === true
  const step = aligned ? line.reportLength : 1
  let partial: Uint8Array = new Uint8Array(0)

  function cut(bytes: Uint8Array, ended: boolean): Uint8Array[] {
    const frames: Uint8Array[] = []
    let at = 0
    while (at < bytes.length) {
      if (aligned || begins(bytes[at]!)) {
        const window = bytes.subarray(at, at + longest)
        const found = driver.cutFrame(window)
        if (typeof found === 'object') {
          frames.push(window.slice(0, found.frame))
          at += found.frame
          continue
        }
        if (found === 'more' && !ended && window.length < longest) break
        if (found === 'refused') {
          counts.refusedFrames++
          if (passed + at >= toldTo) {
            const told = window.slice(0, REFUSED_BYTES)
            tellRefused?.(told)
            toldTo = passed + at + told.length // what is looked for inside it was told with it
          }
        }
      }
      counts.discardedBytes += step
      at += step // one byte only, unless frames are aligned: a good frame may begin inside a bad one
    }
    passed += at
    partial = bytes.slice(at)
    return frames
  }

  return {
    push(chunk) {
      const bytes = line.type === 'hid' ? payloads(line, chunk, counts) : chunk
      return cut(partial.length === 0 ? bytes : joined([partial, bytes]), false)
    },
    end: () => cut(partial, true),
    pending: () => partial.length,
  }
}

/** The payloads of the reports in a chunk; the last report is filled with zeros. */
function payloads(line: HidLine, chunk: Uint8Array, counts: Counts): Uint8Array {
  const parts: Uint8Array[] = []
  for (let at = 0; at < chunk.length; at += line.reportLength) {
    const report = new Uint8Array(line.reportLength)
    report.set(chunk.subarray(at, at + line.reportLength))
    const payload = line.unwrap(report)
    if (payload.length === 0) counts.discardedBytes += line.reportLength
    parts.push(payload)
  }
  return joined(parts)
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

const SCHEMAS: Record<string, z.ZodType<Told['event']>> = {
  'blood-pressure': BloodPressure,
  'body-height': BodyHeight,
  'body-weight': BodyWeight,
  glucose: Glucose,
  'oxygen-saturation': OxygenSaturation,
  failure: Failure,
  card: CardRead,
  progress: Progress,
  device: DeviceInfo,
}

/** Takes an event that cannot be, with its record's own bytes where it has some; what else the frame tells stands. */
export type Refuse = (error: FrameError, record: Uint8Array | null) => void

const raise: Refuse = (error) => {
  throw error
}

/**
 * What one frame tells, checked against the event schemas. Throws FrameError when it says nonsense; a single event that
 * cannot be goes to `refuse`, if there is one. The error's text never quotes the frame.
 */
export function tell(
  driver: DriverDefinition,
  frame: Uint8Array,
  earlier: readonly Facts[] = [],
  refuse: Refuse = raise,
): Told[] {
  return told(driver, frame, driver.parse(frame), earlier, refuse)
}

function told(
  driver: DriverDefinition,
  frame: Uint8Array,
  facts: Facts,
  earlier: readonly Facts[],
  refuse: Refuse,
): Told[] {
  const subject = driver.subject?.(facts)
  const seconds = driver.measuringSeconds?.of?.(facts) ?? undefined
  // A card is private whole.
  const raw = driver.kind === 'identity' ? null : blanked(frame, driver.privateRanges?.(frame) ?? [])
  return driver.events(facts, earlier).flatMap((said) => {
    const own = said.kind === 'part' && raw ? raw.slice(...said.at) : null
    const event = said.kind === 'part' ? said.says : said
    if (event instanceof FrameError) {
      refuse(event, own)
      return []
    }
    const checked = SCHEMAS[event.kind]?.safeParse(event)
    if (!checked?.success) {
      const why = checked?.error.issues[0]?.message ?? `unknown event ${event.kind}`
      refuse(new FrameError(`${driver.models[0]}: ${why}`), own)
      return []
    }
    return [
      {
        event: checked.data,
        raw: own ?? raw,
        ...(subject !== undefined && isReading(event) && { subject }),
        ...(seconds !== undefined && isReading(event) && { measuredSeconds: seconds }),
      },
    ]
  })
}

function blanked(frame: Uint8Array, ranges: readonly [number, number][]): Uint8Array {
  const copy = frame.slice()
  for (const [from, to] of ranges) copy.fill(0x20, from, to)
  return copy
}

/** A whole frame that says nonsense: its private ranges lie where they should. */
export function tellNonsense(driver: DriverDefinition, frame: Uint8Array, onRefused?: OnRefused) {
  if (driver.kind !== 'identity') onRefused?.(blanked(frame, driver.privateRanges?.(frame) ?? []))
}

export interface Decoder {
  push(chunk: Uint8Array): Told[]
  end(): Told[]
  counts: Counts
}

/** Frames and events of a stream without a conversation: a complete valid reading is told at once. */
export function decoder(driver: Driver, onRefused?: OnRefused): Decoder {
  const counts: Counts = { discardedBytes: 0, refusedFrames: 0 }
  const cutter = frameCutter(driver, counts, onRefused)
  const latest = new Map<string, Facts>()
  const refuse: Refuse = (_error, record) => {
    counts.refusedFrames++
    if (record) onRefused?.(record)
  }
  const decode = (frame: Uint8Array): Told[] => {
    try {
      const facts = driver.parse(frame)
      const events = told(driver, frame, facts, [...latest.values()], refuse)
      latest.delete(facts.kind) // so that the map stays in order of arrival
      latest.set(facts.kind, facts)
      return events
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      counts.refusedFrames++
      tellNonsense(driver, frame, onRefused)
      return []
    }
  }
  return {
    push: (chunk) => cutter.push(chunk).flatMap(decode),
    end: () => cutter.end().flatMap(decode),
    counts,
  }
}
