// Days, weeks and months of a site's calendar as ranges of instants: never the process's own zone, nor a fixed offset.
import type { Range } from '../store/store.ts'
import { zoned } from './zoned.ts'

export type Step = 'day' | 'week' | 'month'

export interface Period {
  /** Local dates: from inclusive, to exclusive. */
  from: string
  to: string
  range: Range
}

const DAY_MS = 86_400_000
const utc = (date: string) => Date.parse(`${date}T00:00:00Z`)
const dateOf = (ms: number) => new Date(ms).toISOString().slice(0, 10)
const localDate = (ms: number, zone: string) => zoned(ms, zone).slice(0, 10)
const offsetOf = (ms: number, zone: string) => Date.parse(`${zoned(ms, zone).slice(0, 23)}Z`) - ms

/** The instant at which a local date begins; where a change of the clock skips midnight, the first of that date. */
export function startOf(date: string, zone: string): number {
  const at = utc(date)
  const [before, after] = [at - offsetOf(at - DAY_MS, zone), at - offsetOf(at + DAY_MS, zone)]
  if (before === after) return before
  let [low, high] = [at - DAY_MS, at + DAY_MS]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (localDate(middle, zone) >= date) high = middle
    else low = middle
  }
  return high
}

function nextOf(date: string, step: Step): string {
  if (step === 'day') return dateOf(utc(date) + DAY_MS)
  if (step === 'week') return dateOf(utc(date) + 7 * DAY_MS)
  const [year, month] = date.split('-').map(Number) as [number, number]
  return dateOf(Date.UTC(year, month, 1))
}

/** Weeks begin on Monday. */
function beginOf(date: string, step: Step): string {
  if (step === 'month') return `${date.slice(0, 7)}-01`
  if (step === 'day') return date
  return dateOf(utc(date) - ((new Date(utc(date)).getUTCDay() + 6) % 7) * DAY_MS)
}

/** Every period that holds a day of `from` to `to`, whole: a week is a week even if it began before. */
export function periods({ from, to, step, zone }: { from: string; to: string; step: Step; zone: string }): Period[] {
  const found: Period[] = []
  for (let date = beginOf(from, step); date < to; date = nextOf(date, step)) {
    const next = nextOf(date, step)
    found.push({ from: date, to: next, range: { fromMs: startOf(date, zone), toMs: startOf(next, zone) } })
  }
  return found
}
