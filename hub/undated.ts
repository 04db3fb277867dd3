// Which records of a device's memory are new when they carry neither a date nor a counter: its reads laid over each other (promises 1.2).
import type { Moment } from './clock.ts'
import type { Draft, Session } from './observe.ts'

/** What is known of a device's memory, in the order in which it tells its records. */
export interface Known {
  prints: readonly string[]
  /** Records that the read told from which this is known: a shorter one may have been cut. */
  read: number
  /** Records that may have been kept in all; more than `prints` when a doubt left some of them out. */
  kept: number
}

export type Mark = 'new' | 'doubtful' | 'known'

/** Beyond what any such device holds; what a full memory has overwritten need not be known for ever. */
const MOST_KNOWN = 5000

/** A dated record's id says which it is; an undated one is only what it says. */
export const printOf = (draft: Draft): string =>
  draft.type === 'observation' && draft.id === null
    ? JSON.stringify([draft.kind, Object.values(draft.values), draft.unit, draft.range])
    : (draft.id ?? '')

const isDated = (print: string) => !print.startsWith('[')

/** One way in which a read may continue what is known: `read[from, to)` is known, `after` is known afterwards. */
interface Fit {
  from: number
  to: number
  /** Null: nothing of the read is known, so it says nothing of how the two lie together. */
  after: readonly string[] | null
}

const same = (a: readonly string[], atA: number, b: readonly string[], atB: number, length: number) => {
  for (let i = 0; i < length; i++) if (a[atA + i] !== b[atB + i]) return false
  return true
}

function fitsOf({ prints, read: before }: Known, read: readonly string[]): Fit[] {
  const fits: Fit[] = []
  for (let from = 0; from < read.length; from++) {
    // Told newest first: new ones, then what was told before, as far as it is not overwritten.
    const both = Math.min(prints.length, read.length - from)
    if (!same(read, from, prints, 0, both)) continue
    const to = from + both
    const after = [...read.slice(0, from), ...prints, ...read.slice(to)].slice(0, MOST_KNOWN)
    fits.push({ from, to, after })
  }
  for (let gone = 0; gone < prints.length; gone++) {
    // Told oldest first: what was told before without its overwritten beginning, then new ones.
    const to = Math.min(prints.length - gone, read.length)
    if (same(read, 0, prints, gone, to)) fits.push({ from: 0, to, after: [...prints.slice(gone), ...read.slice(to)] })
  }
  // Cut before it came to anything known.
  if (read.length < before) fits.push({ from: 0, to: 0, after: null })
  const dated = new Set(prints.filter(isDated))
  const firstKnown = read.findIndex((print) => dated.has(print))
  const lastKnown = read.findLastIndex((print) => dated.has(print))
  return fits.filter(({ from, to }) => firstKnown < 0 || (from <= firstKnown && lastKnown < to))
}

/**
 * Marks each record of one read of a memory. Nothing new is ever marked known, and nothing is marked new twice, as long
 * as fewer records are made since the read behind `known` than it told: a memory wholly overwritten by its like looks as
 * if nothing had happened.
 * @param read prints in the order told; it may have been cut short
 */
export function align(known: Known | null, read: readonly string[]): { marks: Mark[]; known: Known } {
  if (!known) return { marks: read.map(() => 'new'), known: { prints: read, read: read.length, kept: read.length } }
  const fits = fitsOf(known, read)
  const [first] = fits
  const after = first?.after ?? null
  const clear = after !== null && fits.every((fit) => fit.after && String(fit.after) === String(after))
  const cut = !clear && read.length < known.read
  const doubted = cut || fits.length === 0 || known.prints.length < known.kept
  const marks = read.map((_, i): Mark => {
    if (fits.length > 0 && fits.every(({ from, to }) => from <= i && i < to)) return 'known'
    return doubted || fits.some(({ from, to }) => from <= i && i < to) ? 'doubtful' : 'new'
  })
  if (clear) {
    const kept = known.prints.length < known.kept ? Math.max(known.kept, after.length) : after.length
    return { marks, known: { prints: after, read: read.length, kept } }
  }
  // A cut read that fits nowhere for certain teaches nothing; a whole one is where the next begins.
  if (cut) return { marks, known }
  return { marks, known: { prints: read, read: read.length, kept: known.kept + read.length } }
}

interface MemoryRead {
  memory: string
  session: Session
  pass: number
  drafts: Draft[]
  at: Moment
  ended: boolean
}

/** Longer than any driver waits for an answer within one read of a memory. */
const QUIET_MS = 15_000

/** Gathers each device's read of its memory until the next begins, the device falls silent or the hub ends. */
export class MemoryReads {
  #reads = new Map<string, MemoryRead>()
  #ended: (memory: string, drafts: readonly Draft[], at: Moment) => void

  constructor(ended: (memory: string, drafts: readonly Draft[], at: Moment) => void) {
    this.#ended = ended
  }

  tell(device: string, memory: string, session: Session, drafts: readonly Draft[], at: Moment) {
    let read = this.#reads.get(device)
    if (read?.session !== session || read.pass !== session.pass) {
      if (read) this.#end(read)
      read = { memory, session, pass: session.pass, drafts: [], at, ended: false }
      this.#reads.set(device, read)
    }
    // What comes after all begins in the middle of the memory: the whole read is laid over it once more.
    read.ended = false
    read.drafts.push(...drafts)
    read.at = at
  }

  endQuiet(now: Moment) {
    for (const read of this.#reads.values()) if (now.uptimeMs - read.at.uptimeMs > QUIET_MS) this.#end(read)
  }

  endAll() {
    for (const read of this.#reads.values()) this.#end(read)
    this.#reads.clear()
  }

  #end(read: MemoryRead) {
    if (!read.ended) this.#ended(read.memory, [...read.drafts], read.at)
    read.ended = true
  }
}
