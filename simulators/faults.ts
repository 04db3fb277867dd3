// Wire faults: what a bad cable does to bytes on their way to the host.
import { z } from 'zod'

export const Fault = z.strictObject({
  /** Cut every write into pieces of so many bytes, or of random lengths. */
  split: z.union([z.int().min(1), z.literal('random')]).optional(),
  /** Milliseconds between pieces. */
  gapMs: z.int().min(0).default(2),
  /** So many random bytes before and after every write. */
  noise: z.strictObject({ before: z.int().min(0).default(0), after: z.int().min(0).default(0) }).optional(),
  /** Flip this bit (counted from the first byte's lowest), or a random one, of every write. */
  flip: z.union([z.int().min(0), z.literal('random')]).optional(),
  /** Drop everything of a write after so many bytes, or after half of it. */
  cut: z.union([z.int().min(0), z.literal('half')]).optional(),
  /** Say nothing at all. */
  silence: z.literal(true).optional(),
  /** Heal by itself after so many writes. */
  times: z.int().min(1).optional(),
})
export type Fault = z.infer<typeof Fault>

export interface FaultyWire {
  /** Null heals the wire. */
  set(fault: Fault | null): void
  /** False when nobody has the port open. */
  send(bytes: Uint8Array): boolean
}

/**
 * A wire over `send`. `random` gives 0 ≤ x < 1; `later` runs something after so many milliseconds.
 * Writes keep their order: one that comes while pieces of an earlier one are waiting goes behind them.
 */
export function faultyWire(
  send: (bytes: Uint8Array) => boolean,
  random: () => number,
  later: (ms: number, act: () => void) => void,
): FaultyWire {
  let fault: Fault | null = null
  const queue: Uint8Array[] = []
  let draining = false

  const drain = (gapMs: number) => {
    const piece = queue.shift()
    draining = piece !== undefined
    if (!piece) return
    send(piece)
    later(gapMs, () => drain(gapMs))
  }

  return {
    set(next) {
      fault = next
    },
    send(bytes) {
      const now = fault
      if (now?.times !== undefined) fault = now.times > 1 ? { ...now, times: now.times - 1 } : null
      if (!now && !draining) return send(bytes)
      if (now?.silence) return true
      const damaged = now ? damage(bytes, now, random) : bytes
      if (now?.split === undefined && !draining) return damaged.length === 0 || send(damaged)
      queue.push(...pieces(damaged, now?.split ?? damaged.length, random))
      if (draining) return true
      const first = queue.shift()
      if (!first) return true
      draining = true
      const heard = send(first)
      later(now?.gapMs ?? 0, () => drain(now?.gapMs ?? 0))
      return heard
    },
  }
}

function damage(bytes: Uint8Array, fault: Fault, random: () => number): Uint8Array {
  const under = (limit: number) => Math.floor(random() * limit)
  const noise = (length: number) => Uint8Array.from({ length }, () => under(256))
  let out = Uint8Array.from(bytes)
  if (fault.flip !== undefined && out.length > 0) {
    const bit = fault.flip === 'random' ? under(out.length * 8) : fault.flip % (out.length * 8)
    out[bit >> 3] = out[bit >> 3]! ^ (1 << (bit & 7))
  }
  if (fault.cut !== undefined) out = out.slice(0, fault.cut === 'half' ? out.length >> 1 : fault.cut)
  if (fault.noise) out = Uint8Array.of(...noise(fault.noise.before), ...out, ...noise(fault.noise.after))
  return out
}

function pieces(bytes: Uint8Array, size: number | 'random', random: () => number): Uint8Array[] {
  const out: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = size === 'random' ? 1 + Math.floor(random() * 8) : Math.max(1, size)
    out.push(bytes.slice(at, at + length))
    at += length
  }
  return out
}
