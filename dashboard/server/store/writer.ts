// Copies readings from the registry to the series, and heals whichever of the two was restored (promises 1.6). Never from a message.
import { randomUUID } from 'node:crypto'
import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Change } from '../registry/intake.ts'
import { placeNs } from '../registry/place.ts'
import type { Registry } from '../registry/schema.ts'
import {
  beatsOf,
  completeFrom,
  forgetAll,
  forgetBeats,
  markStored,
  offerAgain,
  setAside,
  unwritten,
} from '../registry/series.ts'
import { emptied, emptyAllAgain, placesToEmpty } from '../registry/tombstones.ts'
import { BEATS_KEPT_MS, PointsRefused, type Store, StoreUnavailable } from './store.ts'

export interface WriterParts {
  registry: Registry
  store: Store
  log: Logger
  /** Milliseconds since 1970. */
  now(): number
  notify(change: Change): void
}

/** More at once holds the event loop for longer. */
const BATCH = 1000
const LOOK_MS = 60_000
/**
 * Each write leaves a beat for a month, so their number is bounded: on average one in 300 ms. A thousand of them may come as
 * fast as readings do, which is more than a village's morning; what comes one after the other then shares a beat.
 */
const BEAT_MS = 300
const BEATS_SAVED = 1000
const COMPARE_MS = 10 * 60_000

export interface Writer {
  /** Something was kept: look now, not within the minute. */
  wake(): void
  /** Runs until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

export function seriesWriter(parts: WriterParts): Writer {
  const { registry, store, log, now, notify } = parts
  let woken = false
  let wakeUp: (() => void) | undefined

  const rest = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (woken || signal.aborted) return resolve()
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        wakeUp = undefined
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done)
      wakeUp = done
    })

  /** One batch. @returns whether there may be more */
  async function write(): Promise<boolean> {
    await setImmediate() // others have their turn
    const points = await unwritten(registry, BATCH)
    if (points.length === 0) return false
    const beat = { id: randomUUID(), atMs: now() }
    try {
      await store.write(points, beat)
      await markStored(registry, points, beat)
      log.debug({ points: points.length, beat: beat.id }, 'written to the series')
      notify({ kind: 'written', points: points.length })
    } catch (error) {
      if (!(error instanceof PointsRefused)) throw error
      log.error({ points: error.ids.length, reason: error.message }, 'the series refuses readings: they are set aside')
      for (const hub of await setAside(registry, error.ids, error.message, now())) notify({ kind: 'quarantine', hub })
    }
    return true
  }

  return {
    wake() {
      woken = true
      wakeUp?.()
    },
    async run(signal) {
      let failures = 0
      let comparedAt = Number.NEGATIVE_INFINITY
      const fullMs = BEATS_SAVED * BEAT_MS
      let savedMs = fullMs
      let savedAt = now()
      await offerAgain(registry)
      while (!signal.aborted) {
        woken = false
        try {
          if (now() - comparedAt >= COMPARE_MS || now() < comparedAt) {
            await compareBeats(parts)
            comparedAt = now()
          }
          while (!signal.aborted && (await write())) savedMs -= BEAT_MS
          const at = now()
          savedMs = Math.min(fullMs, Math.max(0, savedMs) + Math.max(0, at - savedAt))
          savedAt = at
          await emptyErased(parts)
          if (failures > 0) log.info({ failures }, 'the series takes readings again')
          notify({ kind: 'part', part: 'series', state: 'ok' })
          failures = 0
          await rest(LOOK_MS, signal)
          if (savedMs < BEAT_MS) await delay(BEAT_MS, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
        } catch (error) {
          const known = error instanceof StoreUnavailable
          if (failures === 0) {
            const reason = known ? error.message : undefined
            log.error(
              { ...(known ? { reason } : { err: error }) },
              'the series is away: the registry keeps readings until it is back',
            )
          }
          notify({ kind: 'part', part: 'series', state: 'away' })
          failures++
          comparedAt = Number.NEGATIVE_INFINITY // after an error nobody knows what was written
          woken = false // new readings do not make it come back sooner
          await delay(backOffMs(failures), undefined, { signal }).catch(() => undefined) // aborted: the loop ends
        }
      }
    },
  }
}

const backOffMs = (failures: number) => Math.min(30_000, 250 * 2 ** failures) * (0.5 + Math.random() / 2)

/** What is missing in the series is written again; what the registry does not know completes its index. Repeating is harmless. */
export async function compareBeats({
  registry,
  store,
  log,
  now,
}: Pick<WriterParts, 'registry' | 'store' | 'log' | 'now'>) {
  const ours = await beatsOf(registry) // read first: a beat that comes meanwhile is not missing
  const theirs = await store.beats()
  const listed = new Set(theirs.map(({ id }) => id))
  const oldestMs = now() - BEATS_KEPT_MS // the series may have forgotten those from before
  const recent = ours.filter(({ atMs }) => atMs >= oldestMs)
  const missing = recent.filter(({ id }) => !listed.has(id))
  if (missing.length > 0) {
    log.warn({ beats: missing.length }, 'the series does not know what was written to it: it is written again')
    await forgetBeats(
      registry,
      missing.map(({ id }) => id),
    )
    await emptyAllAgain(registry)
  }
  // With none of a month's beats in it, it may lack what lies under older ones as well, which nobody lists any more.
  if (missing.length === recent.length && (await forgetAll(registry)))
    log.warn('the series knows no recent write of ours: all readings are written again')
  const known = new Set((await beatsOf(registry)).map(({ id }) => id))
  const unknown = theirs.filter(({ id }) => !known.has(id))
  for (const beat of unknown) {
    const points = await store.under(beat.id)
    await store.erase(await completeFrom(registry, beat, points, now()))
  }
  if (unknown.length > 0)
    log.warn({ beats: unknown.length }, 'the registry did not know what lies in the series: its index was completed')
}

const AT_ONCE = 500

/** Removes the points of whoever was erased; after the writing, since a batch under way may have put some back. */
export async function emptyErased({ registry, store, now }: Pick<WriterParts, 'registry' | 'store' | 'now'>) {
  for (;;) {
    const places = await placesToEmpty(registry, AT_ONCE)
    if (places.length === 0) return
    await store.erase(places.map((place) => ({ ...place, placeNs: placeNs(place) })))
    // A beat of its own: a series from before the erasure does not know it, and is emptied again.
    const beat = { id: randomUUID(), atMs: now() }
    await store.write([], beat)
    await markStored(registry, [], beat)
    await emptied(registry, places)
  }
}
