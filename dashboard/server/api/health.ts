// Is this clinic alive, and what of it is away: open to any monitor, so it says nothing of people or places.
import { waitingForSeries } from '../registry/delivery.ts'
import type { App, Deps } from './deps.ts'
import { Health } from './schema.ts'

/** Nobody's point: asking for it is the lightest question that reaches the store itself. */
const NOWHERE = { kind: 'blood-pressure', bucket: '-', unit: 'mm[Hg]', placeNs: 0n }
const PATIENCE_MS = 2000
/** Whoever asks more often gets the same answer: monitoring is no way to keep the stores busy. */
const KEEP_MS = 1000

export function health(app: App, { registry, store, broker, now, version }: Deps) {
  const ask = async (): Promise<Health> => {
    const [waiting, series] = await Promise.all([
      waitingForSeries(registry).catch(() => null),
      answers(store.get(NOWHERE)),
    ])
    const parts = {
      registry: waiting === null ? 'away' : 'ok',
      series: series ? 'ok' : 'away',
      broker: broker() ? 'ok' : 'away',
    } as const
    const status = Object.values(parts).includes('away') ? 'degraded' : 'ok'
    return { status, version, ...parts, waiting: waiting ?? 0 }
  }
  let last: { atMs: number; answer: Promise<Health> } | null = null
  app.get('/health', { schema: { response: { 200: Health } } }, () => {
    if (last === null || now() - last.atMs >= KEEP_MS) last = { atMs: now(), answer: ask() }
    return last.answer
  })
}

/** False when it fails, or takes longer than a monitor waits. */
async function answers(question: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE_MS)
  })
  const answered = question.then(
    () => true,
    () => false,
  )
  return Promise.race([answered, late]).finally(() => clearTimeout(timer))
}
