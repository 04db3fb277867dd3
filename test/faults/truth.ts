// The truth of a case, what the devices said and the hub ticked, and its comparison with what the clinic's API and the series hold.
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { type ClinicApi, recent } from '../journeys/clinic-api.ts'
import type { House } from '../journeys/house.ts'
import type { Counts } from './case.ts'

export interface Figures {
  systolic: number
  diastolic: number
  pulse: number
}

export interface Spoken {
  figures: Figures
  saidMs: number
  /** By the clock of the test; null: no tick was seen. */
  tickedMs: number | null
}

export interface Truth {
  spoken: readonly Spoken[]
  /** Figures that differ from all before. */
  next(): Figures
  /** A device says them now; the tick is the caller's to add. */
  says(figures: Figures): Spoken
}

export function makeTruth(): Truth {
  const spoken: Spoken[] = []
  let n = 0
  return {
    spoken,
    next() {
      const [systolic, diastolic] = [110 + (n % 90), 50 + (Math.floor(n / 90) % 50)]
      const pulse = 60 + (Math.floor(n / 4500) % 90)
      n++
      return { systolic, diastolic, pulse }
    },
    says(figures) {
      const one: Spoken = { figures, saidMs: Date.now(), tickedMs: null }
      spoken.push(one)
      return one
    },
  }
}

const textOf = ({ systolic, diastolic, pulse }: Figures) => `${systolic}/${diastolic} ${pulse}`
const figuresIn = (values: Readonly<Record<string, number | null | undefined>>) =>
  textOf(values as Record<string, number> & Figures)

/** A clock read in another process, and a moment's way. */
const TIME_MS = 5000

interface Held {
  id: string
  text: string
  takenAtMs: number | null
}

async function heldByApi(api: ClinicApi): Promise<Held[]> {
  return (await recent(api)).map(({ id, values, takenAt }) => ({
    id,
    text: figuresIn(values),
    takenAtMs: takenAt === null ? null : Date.parse(takenAt),
  }))
}

/** Every point there is, read past our own code. */
async function heldBySeries({ influx, paths }: House): Promise<Held[]> {
  if (!influx) {
    const db = new Database(join(paths.clinic.data, 'series.sqlite'), { readonly: true })
    try {
      const points = db
        .prepare<[], { id: string; numbers: string; taken_at_ms: number }>(
          'select id, numbers, taken_at_ms from points',
        )
        .all()
      return points.map(({ id, numbers, taken_at_ms }) => ({
        id,
        text: figuresIn(JSON.parse(numbers)),
        takenAtMs: taken_at_ms,
      }))
    } finally {
      db.close()
    }
  }
  const query = encodeURIComponent('SELECT * FROM "blood-pressure"')
  const answer = await fetch(`http://127.0.0.1:${influx.port}/query?db=kiosk&q=${query}`)
  const { results } = (await answer.json()) as {
    results: { series?: { columns: string[]; values: (string | number | null)[][] }[] }[]
  }
  return (results[0]?.series ?? []).flatMap(({ columns, values }) =>
    values.map((row) => {
      const point = Object.fromEntries(columns.map((name, i) => [name, row[i]]))
      const figures = { systolic: point.systolic, diastolic: point.diastolic, pulse: point.pulse }
      return {
        id: String(point.id),
        text: figuresIn(figures as Record<string, number>),
        takenAtMs: Number(point.takenAtMs),
      }
    }),
  )
}

const timesHeld = (held: readonly Held[]) => {
  const counts = new Map<string, number>()
  for (const { text } of held) counts.set(text, (counts.get(text) ?? 0) + 1)
  return counts
}

/** @param destroyed readings of which the hub said aloud that it lost them with its file */
export async function compare(
  house: House,
  api: ClinicApi,
  spoken: readonly Spoken[],
  destroyed: number,
): Promise<Omit<Counts, 'seconds'>> {
  const [shown, points] = [await heldByApi(api), await heldBySeries(house)]
  const [inApi, inSeries] = [timesHeld(shown), timesHeld(points)]
  const ticked = spoken.filter(({ tickedMs }) => tickedMs !== null)
  const stored = ticked.filter(({ figures }) => inApi.has(textOf(figures)) && inSeries.has(textOf(figures)))
  const several = new Set([...inApi, ...inSeries].filter(([, count]) => count > 1).map(([text]) => text))
  const said = new Map(spoken.map((one) => [textOf(one.figures), one]))
  const byId = new Map(shown.map((one) => [one.id, one]))
  const strange = new Set<string>()
  for (const one of [...shown, ...points]) {
    const truth = said.get(one.text)
    const until = (truth?.tickedMs ?? Number.POSITIVE_INFINITY) + TIME_MS
    const early = truth && one.takenAtMs !== null && one.takenAtMs < truth.saidMs - TIME_MS
    const late = truth && one.takenAtMs !== null && one.takenAtMs > until
    const other = byId.get(one.id)
    if (!truth || early || late || (other && other.text !== one.text)) strange.add(`${one.id} ${one.text}`)
  }
  return {
    sent: ticked.length,
    stored: stored.length,
    lost: Math.max(0, ticked.length - stored.length - destroyed),
    doubled: several.size,
    changed: strange.size,
    unticked: spoken.length - ticked.length,
    destroyed,
  }
}
