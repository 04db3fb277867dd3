// Are readings being stored, and if not, which part stands: open to any monitor, so it says nothing of people or places.
import { oldestUnwritten, waitingForSeries } from '../registry/delivery.ts'
import { newestWritten } from '../registry/series.ts'
import type { App, Deps } from './deps.ts'
import { Health } from './schema.ts'

/** Nobody's point: while nothing is written, asking for it is the lightest question that reaches the store itself. */
const NOWHERE = { id: '', kind: 'blood-pressure', bucket: '-', unit: 'mm[Hg]', placeNs: 0n }
const PATIENCE_MS = 2000
/** Whoever asks more often gets the same answer: monitoring is no way to keep the stores busy. */
const KEEP_MS = 1000
/** A commit takes milliseconds. */
const UNKEPT_MS = 10_000
/** The writer looks at least each minute. */
const UNWRITTEN_MS = 150_000

export function health(app: App, { registry, store, broker, unkeptSinceMs, now, version }: Deps) {
  /** A part may answer every question and yet store nothing: what arrives must be kept, and what is kept be written. */
  async function ask(): Promise<Health> {
    const kept = await Promise.all([
      waitingForSeries(registry),
      oldestUnwritten(registry),
      newestWritten(registry),
    ]).catch(() => null)
    const [waiting, oldestMs, written] = kept ?? [0, null, null]
    const canary = written ?? NOWHERE
    const found = await answer(store.get(canary))
    const waitedMs = oldestMs === null ? null : now() - oldestMs
    const unkeptMs = now() - (unkeptSinceMs() ?? now())
    const parts = {
      registry: kept === null ? 'away' : unkeptMs > UNKEPT_MS ? 'standing' : 'ok',
      series:
        found === undefined
          ? 'away'
          : written !== null && found?.id !== written.id
            ? 'incomplete'
            : (waitedMs ?? 0) > UNWRITTEN_MS
              ? 'standing'
              : 'ok',
      broker: broker() ? 'ok' : 'away',
    } as const
    const status = Object.values(parts).every((part) => part === 'ok') ? 'ok' : 'degraded'
    const oldestWaitingSeconds = waitedMs === null ? null : Math.max(0, Math.round(waitedMs / 1000))
    return { status, version, ...parts, waiting, oldestWaitingSeconds }
  }
  let last: { atMs: number; answer: Promise<Health> } | null = null
  app.get('/health', { schema: { response: { 200: Health } } }, () => {
    if (last === null || now() - last.atMs >= KEEP_MS) last = { atMs: now(), answer: ask() }
    return last.answer
  })
}

/** Undefined when it fails, or takes longer than a monitor waits. */
async function answer<T>(question: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PATIENCE_MS)
  })
  return Promise.race([question.catch(() => undefined), late]).finally(() => clearTimeout(timer))
}
