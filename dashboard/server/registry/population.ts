// The figures of everybody at home at a site in one question: from the registry's own index, for the series would be asked
// once a person (InfluxDB 1.x looks through every bucket for each subject). Reckoned at every asking, so that nothing
// late, retracted, erased or given away leaves them stale; a reading counts from when it is kept, the series away or not.
import { sql } from 'kysely'
import { byTime, type Counted, FIGURES, type Range, type Rollup, rollUp, spanOf } from '../store/store.ts'
import { placeNs } from './place.ts'
import type { ObservationTable, Registry } from './schema.ts'

/** A reading's numbers as the index keeps them: the kind's figures in their order, null where there is none. */
export const listNumbers = (kind: string, values: Readonly<Record<string, number | null | undefined>>): string =>
  JSON.stringify(FIGURES[kind as keyof typeof FIGURES].map((figure) => values[figure] ?? null))

type Row = Pick<ObservationTable, 'unit' | 'bucket' | 'place_ms' | 'place_ns' | 'taken_at_ms' | 'range' | 'numbers'>

/**
 * Count, mean, min, max and the newest of each figure of one kind, of all residents at home at a site together.
 * @param ranges days, weeks or months, oldest first
 * @returns for each range and unit that has a reading in it; ranges oldest first, units in alphabetic order
 */
export async function populationFigures(
  db: Registry,
  site: string,
  kind: keyof typeof FIGURES,
  ranges: readonly Range[],
): Promise<(Rollup & { unit: string })[]> {
  const span = spanOf(ranges)
  if (span === null) return []
  const within = sql`o.kind = ${kind} and o.taken_at_ms >= ${span.fromMs} and o.taken_at_ms < ${span.toMs} and o.retracted = 0`
  const columns = sql.raw('o.unit, o.bucket, o.place_ms, o.place_ns, o.taken_at_ms, o.range, o.numbers')
  // The order of the joins is ours (cross join): people first, then each one's stretch of the index.
  const { rows } = await sql<Row>`
    select ${columns} from residents p
      cross join subjects s on s.resident = p.id
      cross join observations o on o.subject = s.id
      where p.home_site = ${site} and ${within}
    union all
    select ${columns} from residents p
      cross join assignments a on a.resident = p.id
      cross join observations o on o.id = a.observation
      left join subjects s on s.id = o.subject
      where p.home_site = ${site} and ${within}
        and not exists (select 1 from residents own where own.id = s.resident and own.home_site = ${site})`.execute(db)
  const givenAway = await sql<Row>`
    select ${columns} from assignments a
      cross join residents p on p.id = a.resident
      cross join observations o on o.id = a.observation
      where p.home_site <> ${site} and ${within}`.execute(db)
  const left = new Set(givenAway.rows.map(keyOf))
  const counted = new Map<string, Counted[]>()
  for (const row of rows) {
    if (left.size > 0 && left.has(keyOf(row))) continue
    const of = counted.get(row.unit)
    const point = asCounted(kind, row)
    if (of) of.push(point)
    else counted.set(row.unit, [point])
  }
  const units = [...counted].sort(([a], [b]) => (a < b ? -1 : 1))
  const told = units.map(([unit, points]) => rollUp(points.sort(byTime), ranges, []).map((one) => ({ ...one, unit })))
  return ranges.flatMap((_, i) => told.flatMap((of) => (of[i]!.readings > 0 ? [of[i]!] : [])))
}

/** A place names one reading among those of a kind. */
const keyOf = ({ bucket, unit, place_ms, place_ns }: Row) => `${bucket} ${unit} ${place_ms} ${place_ns}`

function asCounted(kind: keyof typeof FIGURES, row: Row): Counted {
  const list = JSON.parse(row.numbers!) as (number | null)[]
  const numbers: Record<string, number> = {}
  for (const [i, figure] of FIGURES[kind].entries()) if (typeof list[i] === 'number') numbers[figure] = list[i]
  return {
    id: row.bucket,
    placeNs: placeNs({ place_ms: row.place_ms!, place_ns: row.place_ns! }),
    takenAtMs: row.taken_at_ms!,
    range: row.range,
    numbers,
  }
}
