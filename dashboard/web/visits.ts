// Blood pressures grouped by visit: the mean of a visit's valid readings, a single one kept apart, a doubtful one marked.
import { type Assessment, assess } from '../../hub/clinical/bands.ts'
import { divideHalfUp } from '../../hub/clinical/glucose.ts'
import type { ApiObservation } from './api.ts'
import { isValid } from './figures.ts'
import { DAY, yearsOld } from './time.ts'

export interface PressureVisit {
  key: string
  /** Milliseconds since 1970, of the visit's first reading. */
  at: number
  site: string
  /** mm[Hg]: the mean over `valid`, or the one reading there is. */
  systolic: number
  diastolic: number
  /** Beats a minute, the mean of those that were sent. */
  pulse: number | null
  readings: readonly ApiObservation[]
  valid: number
  /** By the table, of the figures above; of a single reading what the clinic said of it. */
  assessment: Assessment | null
  irregular: boolean
}

/** A visit without two valid readings enters no mean. */
export const counts = (visit: PressureVisit) => visit.valid >= 2

/** @param readings of blood pressure, dated; @returns oldest first */
export function visitsOf(
  readings: readonly ApiObservation[],
  birthDate: string | null,
  zoneOf: (site: string) => string,
): PressureVisit[] {
  const groups = new Map<string, ApiObservation[]>()
  for (const reading of readings) {
    if (reading.kind !== 'blood-pressure' || reading.takenAt === null || reading.retracted) continue
    // Without a visit (found in a memory, given by hand) a reading stands alone.
    const key = reading.visit ?? reading.id
    groups.set(key, [...(groups.get(key) ?? []), reading])
  }
  return [...groups].map(([key, group]) => visitOf(key, group, birthDate, zoneOf)).sort((a, b) => a.at - b.at)
}

function visitOf(
  key: string,
  group: ApiObservation[],
  birthDate: string | null,
  zoneOf: (site: string) => string,
): PressureVisit {
  const readings = group.toSorted((a, b) => taken(a) - taken(b))
  const valid = readings.filter(isValid)
  const last = readings.at(-1)!
  const used = valid.length > 0 ? valid : [last]
  const systolic = meanOf(used, 'systolic')!
  const diastolic = meanOf(used, 'diastolic')!
  const pulse = meanOf(used, 'pulse')
  const at = taken(readings[0]!)
  const irregular = readings.some((reading) => reading.flags.includes('irregular-pulse'))
  const ageYears = birthDate === null ? null : yearsOld(birthDate, at, zoneOf(last.site))
  const ofMean = () =>
    assess({
      kind: 'blood-pressure',
      values: { systolic, diastolic, mean: null, pulse },
      unit: 'mm[Hg]',
      range: null,
      meal: null,
      flags: irregular ? ['irregular-pulse'] : [],
      ageYears,
    })
  const assessment = used.length > 1 ? ofMean() : (used[0]!.assessment ?? null)
  return { key, at, site: last.site, systolic, diastolic, pulse, readings, valid: valid.length, assessment, irregular }
}

const taken = (reading: ApiObservation) => Date.parse(reading.takenAt!)

/** Half-up to a whole number (rules 1.4); null when no reading has the figure. */
function meanOf(readings: readonly ApiObservation[], figure: string): number | null {
  const figures = readings.flatMap((reading) => reading.values[figure] ?? [])
  return figures.length === 0 ? null : divideHalfUp(sum(figures), figures.length, 0)
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)

/** Mean of the visits' means as shown, with how many it is of and how many single ones stayed out; null without any. */
export function meanOfVisits(visits: readonly PressureVisit[]) {
  const counted = visits.filter(counts)
  if (counted.length === 0) return null
  const of = (figure: 'systolic' | 'diastolic') => divideHalfUp(sum(counted.map((v) => v[figure])), counted.length, 0)
  return {
    systolic: of('systolic'),
    diastolic: of('diastolic'),
    visits: counted.length,
    out: visits.length - counted.length,
  }
}

/** Stretches without a reading that are longer than a fortnight, up to `until`. */
export function gapsOf(times: readonly number[], until: number): { from: number; to: number; days: number }[] {
  return times.flatMap((from, i) => {
    const to = times[i + 1] ?? until
    const days = Math.floor((to - from) / DAY)
    return days > 14 ? [{ from, to, days }] : []
  })
}
