// One reading by the published table: which band, how soon to act, and by which rule. Never a diagnosis.
import type { DeviceFlag, Kind, MealContext } from '../../devices/kit/event.ts'
import { divideHalfUp, toMmol } from './glucose.ts'
import {
  ADULT_FROM_YEARS,
  BLOOD_PRESSURE,
  CONFIRM_OUTSIDE,
  GLUCOSE,
  PULSE,
  type Row,
  RULE_SET,
  type Severity,
} from './rules.ts'

export interface AssessInput {
  kind: Kind
  /** `{ systolic, diastolic, mean, pulse }` in mm[Hg] and /min, or `{ value }` in `unit`. */
  values: Record<string, number | null>
  unit: string
  range: 'above' | 'below' | null
  meal: MealContext | null
  /** The device's own marks, if it set any. */
  flags?: readonly string[]
  /** Whole years, where known: below 18 no band is given. */
  ageYears?: number | null
}

export interface Assessment {
  ruleSet: string
  /** The row that gave the band, as `systolic [140,160)` or `glucose.fasting [6.1,7)`. */
  rule: string
  band: string
  /** As for somebody who is in no programme; the clinic knows who is. */
  severity: Severity
  flags: string[]
}

/** @returns null where the table has no answer: a figure or unit is missing, or the person is under age */
export function assess(input: AssessInput): Assessment | null {
  if (input.ageYears != null && input.ageYears < ADULT_FROM_YEARS) return null
  if (input.kind === 'blood-pressure') return bloodPressure(input)
  return input.kind === 'glucose' ? glucose(input) : null
}

function bloodPressure({ values, unit, flags: deviceFlags = [] }: AssessInput): Assessment | null {
  if (unit !== BLOOD_PRESSURE.unit || values.systolic == null || values.diastolic == null) return null
  const sys = divideHalfUp(values.systolic, 1, 0)
  const dia = divideHalfUp(values.diastolic, 1, 0)
  const components = [
    { name: 'systolic', row: rowOf(BLOOD_PRESSURE.systolic, sys) },
    { name: 'diastolic', row: rowOf(BLOOD_PRESSURE.diastolic, dia) },
  ]
  const order: readonly string[] = BLOOD_PRESSURE.bandOrder
  const height = ({ row }: Component) => order.indexOf(row.band) // low stands below the order: -1
  const severity = ({ row }: Component) => row.severity
  const highest = most(components, height)
  const lows = components.filter((one) => height(one) < 0)
  const deciding = height(highest) > 0 || lows.length === 0 ? highest : most(lows, severity)
  const band = deciding.row.band
  const highRisk = components.some(({ row }) => row.band === band && row.flag === 'programmeHighRisk')
  const pulse = values.pulse == null ? null : divideHalfUp(values.pulse, 1, 0)
  const pulseBand = pulse === null ? 'usual' : rowOf(PULSE, pulse).band
  const unsure =
    outside(sys, CONFIRM_OUTSIDE.systolic) ||
    outside(dia, CONFIRM_OUTSIDE.diastolic) ||
    outside(sys - dia, CONFIRM_OUTSIDE.pulsePressure) ||
    (pulse !== null && outside(pulse, CONFIRM_OUTSIDE.pulse)) ||
    (values.mean != null && (values.mean <= dia || values.mean >= sys))
  const irregular: DeviceFlag = 'irregular-pulse'
  return {
    ruleSet: RULE_SET,
    rule: `${deciding.name} ${interval(deciding.row)}`,
    band,
    severity: most(components, severity).row.severity,
    flags: [
      ...(highRisk ? ['programmeHighRisk'] : []),
      ...(sys >= 140 && dia < 90 ? ['isolatedSystolic'] : []),
      ...(sys < 140 && dia >= 90 ? ['isolatedDiastolic'] : []),
      ...(dia < 60 && sys >= 90 ? ['lowDiastolic'] : []),
      ...(sys - dia >= 60 ? ['widePulsePressure'] : []),
      ...(deviceFlags.includes(irregular) ? ['irregularPulse'] : []),
      ...(pulseBand === 'usual' ? [] : [`pulse${pulseBand[0]!.toUpperCase()}${pulseBand.slice(1)}`]),
      ...(unsure ? ['unconfirmed'] : []),
    ],
  }
}

function glucose({ values, unit, range, meal }: AssessInput): Assessment | null {
  if (range !== null) {
    const word = range === 'above' ? 'aboveRange' : 'belowRange'
    return { ruleSet: RULE_SET, rule: `glucose ${word}`, ...GLUCOSE[word], flags: [] }
  }
  if (values.value == null || (unit !== 'mg/dL' && unit !== 'mmol/L')) return null
  const shown = toMmol(values.value, unit)
  const any = GLUCOSE.any.find((row) => holds(row, shown))
  const context = meal ?? 'unknown'
  const row: Row = any ?? rowOf(GLUCOSE.meal[context], shown)
  return {
    ruleSet: RULE_SET,
    rule: `${any ? 'glucose' : `glucose.${context}`} ${interval(row)}`,
    band: row.band,
    severity: row.unlessEnrolled ?? row.severity,
    flags: outside(shown, CONFIRM_OUTSIDE.glucose) ? ['unconfirmed'] : [],
  }
}

interface Component {
  name: string
  row: Row
}

/** The first of those with the highest rank. */
const most = (components: readonly Component[], rank: (one: Component) => number) =>
  components.reduce((best, one) => (rank(one) > rank(best) ? one : best))

const holds = ({ from, to }: Row, value: number) => (from === null || value >= from) && (to === null || value < to)
const outside = (value: number, [low, high]: readonly [number, number]) => value < low || value > high

function rowOf(rows: readonly Row[], value: number): Row {
  const row = rows.find((one) => holds(one, value))
  if (!row) throw new RangeError(`no row of the table holds ${value}`)
  return row
}

const interval = ({ from, to }: Row) => (from === null ? `<${to}` : to === null ? `>=${from}` : `[${from},${to})`)
