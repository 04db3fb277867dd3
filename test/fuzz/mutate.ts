// Damage as lines and devices do it to a frame, made by fast-check from a seed; and the verdict over what a driver makes of it.
import fc from 'fast-check'
import { frameCutter, joined, tell } from '../../devices/kit/decode.ts'
import { type Driver, FrameError } from '../../devices/kit/driver.ts'
import { DeviceEvent, PLAUSIBLE } from '../../devices/kit/event.ts'
import { chunks, decode, goodFrames, step } from '../devices/wire.ts'

export interface Case {
  bytes: Uint8Array
  /** No more than eight bits of one byte are wrong: every check there is must see it. */
  local: boolean
}

const DAMAGE = ['flip', 'byte', 'delete', 'insert', 'repeat', 'cut', 'splice', 'digit', 'swap'] as const
/** A sum cannot see bytes that changed places, so they are left where they are. */
const BLIND: Partial<Record<Driver['check'], readonly string[]>> = { xor: ['swap'], sum: ['swap'] }

interface Place {
  at: number
  length: number
  byte: number
}

function damaged(frame: Uint8Array, other: Uint8Array, how: (typeof DAMAGE)[number], { at, length, byte }: Place) {
  const from = at % frame.length
  const to = Math.min(frame.length, from + 1 + (length % 8))
  const [before, middle, after] = [frame.subarray(0, from), frame.subarray(from, to), frame.subarray(to)]
  switch (how) {
    case 'flip':
      return frame.with(from, frame[from]! ^ (1 << (byte & 7)))
    case 'byte':
      return frame.with(from, byte)
    case 'digit':
      return frame.with(from, 0x30 + (byte % 10))
    case 'delete':
      return joined([before, after])
    case 'insert':
      return joined([before, Uint8Array.of(byte), frame.subarray(from)])
    case 'repeat':
      return joined([before, middle, middle, after])
    case 'cut':
      return joined([before, other])
    case 'splice':
      return joined([before, other.subarray(length % other.length)])
    case 'swap':
      return joined([before, middle.toReversed(), after])
  }
}

/** Damaged frames of a driver: one damage where a check stands against it, up to four where none does. */
export function cases(driver: Driver): fc.Arbitrary<Case> {
  const frames = framesOf(driver)
  const blind = BLIND[driver.check] ?? []
  const how = fc.constantFrom(...DAMAGE.filter((one) => !blind.includes(one)))
  const place = fc.record({ at: fc.nat(8192), length: fc.nat(255), byte: fc.nat(255) })
  const most = proven(driver) ? 1 : 4
  const damage = fc.array(fc.tuple(how, place), { minLength: 1, maxLength: most })
  const frame = fc.constantFrom(...frames)
  return fc.tuple(frame, frame, damage).map(([first, other, all]) => ({
    bytes: all.reduce((bytes, [kind, where]) => damaged(bytes.length > 0 ? bytes : first, other, kind, where), first),
    local: all.length === 1 && ['flip', 'byte', 'digit'].includes(all[0]![0]),
  }))
}

const framesOf = (driver: Driver) => {
  const unique = new Map(goodFrames(driver).map(({ frame }) => [frame.join(), frame]))
  return [...unique.values()]
}

/** Whether each frame carries its own check. */
export const proven = (driver: Driver) => driver.check !== 'none' && !driver.checkCovers

/** What the good frames of a driver mean, as texts. */
export const meanings = (driver: Driver): ReadonlySet<string> =>
  new Set(framesOf(driver).flatMap((frame) => decode(driver, [frame]).events.map((event) => JSON.stringify(event))))

/**
 * Throws when a driver crashes, tells what cannot be, or misses what its check must see.
 * @returns how many wrong events got past the check: a chance of 1 in 256 or 65,536 is what a sum is
 */
export function judge(driver: Driver, { bytes, local }: Case, known: ReadonlySet<string>): number {
  const { events, counts } = decode(driver, [bytes])
  for (const event of events) if (!plausible(event)) throw new Error(`implausible: ${JSON.stringify(event)}`)
  // The last report is filled up, so a little more may be stepped over than came.
  const most = Math.ceil(bytes.length / step(driver)) * step(driver)
  if (counts.discardedBytes > Math.max(most, chunks(driver, bytes).length * 64))
    throw new Error(`stepped over ${counts.discardedBytes} of ${bytes.length} bytes`)
  if (!proven(driver)) return 0
  const wrong = events.filter((event) => !sameMeaning(event, known))
  // A damaged length makes another frame of it, whose sum may fit by chance; at its full length nothing may get by.
  const cut = driver.cutFrame(bytes)
  const whole = typeof cut === 'object' && cut.frame === bytes.length
  if (local && whole && wrong.length > 0)
    throw new Error(`a wrong value in spite of the check: ${JSON.stringify(wrong[0])}`)
  return wrong.length
}

/** A value whose time was lost with another frame is no wrong value. */
const sameMeaning = (event: DeviceEvent, known: ReadonlySet<string>) =>
  known.has(JSON.stringify(event)) ||
  ('deviceTime' in event &&
    event.deviceTime === null &&
    [...known].some((text) => JSON.stringify({ ...JSON.parse(text), deviceTime: null }) === JSON.stringify(event)))

function plausible(event: DeviceEvent): boolean {
  if (!DeviceEvent.safeParse(event).success) return false
  if (event.kind !== 'glucose' || event.value === null) return true
  const [low, high] = PLAUSIBLE[event.unit]
  return event.value >= low && event.value <= high
}

/** What became of a case, in words: the corpus keeps one case of each. */
export function outcome(driver: Driver, { bytes }: Case): string {
  const counts = { discardedBytes: 0, refusedFrames: 0 }
  const cutter = frameCutter(driver, counts)
  const frames = [...chunks(driver, bytes).flatMap((chunk) => cutter.push(chunk)), ...cutter.end()]
  const words = frames.map((frame) => {
    try {
      return tell(driver, frame).map(({ event }) => event.kind)
    } catch (error) {
      if (error instanceof FrameError) return error.message.replaceAll(/\d+/g, 'n')
      throw error
    }
  })
  return [...new Set(words.flat()), counts.refusedFrames > 0 ? 'refused' : ''].join(' · ')
}

/** Wrong events a check may let through in so many cases by chance, with room. */
export const chance = ({ check }: Driver, runs: number) => 20 + runs / (check === 'crc16' ? 5000 : 40)
