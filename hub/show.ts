// What the visitor's page shows of a visit: results only once they are kept, names masked, bands by the published table. Pure.
import { assess } from './clinical/bands.ts'
import { isoAt, type Moment } from './clock.ts'
import type { HubRecord, Observation } from './contract/record.ts'
import { ageOn } from './person.ts'
import type { ScreenResult, View } from './screen/view.ts'
import { openVisit, type State } from './visit.ts'

const MOST_RESULTS = 20

/** The tick: a record that the outbox has kept becomes visible to the visitor it concerns. */
export function keptOnDisk(state: State, record: HubRecord, now: Moment, zone: string): State {
  const visit = openVisit(state)
  if (!visit) return state
  const rested = { device: null, pressure: null, activeMs: now.uptimeMs }
  if (
    record.type === 'failure' &&
    record.of !== 'identity' &&
    record.of !== 'outbox' &&
    record.reason !== 'unserialisable'
  ) {
    const failure = { kind: 'failure' as const, of: record.of, code: record.code, reason: record.reason }
    return { ...state, visit: { ...visit, ...rested, step: 'failure', failure } }
  }
  if (record.type !== 'observation') return state
  const yours = record.visit === visit.visit
  // A meter's old records and what waited in a port were not measured here and now: the visitor has no business with them.
  if (!yours && (record.memory || record.flags.includes('unassigned-waiting'))) return state
  const age = ageOn(isoAt(now.wallMs, zone).slice(0, 10), visit.birthDate)
  const results = [...visit.results, resultOf(record, yours, age)].slice(-MOST_RESULTS)
  return { ...state, visit: { ...visit, ...rested, step: 'result', results, failure: null } }
}

/** Somebody else's figures may be in a reading that is nobody's: of those only the fact is shown. */
function resultOf(record: Observation, yours: boolean, ageYears: number | null): ScreenResult {
  const { kind, unit, range, values, takenAt, flags } = record
  const meal = record.context?.meal ?? null
  const found = yours ? assess({ kind, values, unit, range, meal, flags, ageYears }) : null
  return {
    kind,
    values: yours ? values : Object.fromEntries(Object.keys(values).map((name) => [name, null])),
    unit,
    range: yours ? range : null,
    meal: yours ? meal : null,
    takenAt,
    assessment: found && { band: found.band, severity: found.severity, flags: found.flags },
    yours,
  }
}

/** What the page knows beside the visit. */
export interface Surroundings {
  site: View['site']
  zone: string
  online: boolean
  queued: number
  notice: View['notice']
  aside: string | null
  full: boolean
  damaged: boolean
  devices: View['devices']
  idleWarnMs: number
  idleEndMs: number
}

export function viewOf(state: State, now: Moment, around: Surroundings): View {
  const { idleWarnMs, idleEndMs, ...shown } = around
  return { ...shown, visit: visitOf(state, now, around), cardFailure: state.cardFailedMs !== null }
}

function visitOf({ visit }: State, now: Moment, { zone, idleWarnMs, idleEndMs }: Surroundings): View['visit'] {
  if (!visit) return null
  const idleMs = now.uptimeMs - visit.activeMs
  const warned = visit.closedMs === null && visit.step !== 'measuring' && idleMs >= idleWarnMs
  return {
    id: visit.visit,
    band: visit.band,
    who: visit.who,
    openedAt: visit.openedAt,
    step: visit.step,
    device: visit.device,
    pressure: visit.pressure,
    results: visit.results,
    failure: visit.failure && { of: visit.failure.of, code: visit.failure.code, reason: visit.failure.reason },
    // To the second: the page counts down by itself, and a view that has not changed is not sent again.
    endsAt: warned ? isoAt(Math.round((now.wallMs + idleEndMs - idleMs) / 1000) * 1000, zone) : null,
  }
}
