// How a reading is written: its figure with its unit, as shown and as the device said it, and the words beside it.
import { toMmol } from '../../hub/clinical/glucose.ts'
import type { ApiObservation } from './api.ts'
import type { Key, T } from './i18n.ts'

/** HI and LO are words and stand without a unit; every number has one. */
export type Figure = { number: string; unit: string } | { number: 'HI' | 'LO'; unit: null }

const UNIT = {
  ...{ 'mm[Hg]': 'mmHg', 'mmol/L': 'mmol/L', 'mg/dL': 'mg/dL' },
  ...{ kg: 'kg', '[lb_av]': 'lb', cm: 'cm', '[in_i]': 'in', '%': '%' },
} as const
const isGlucoseUnit = (unit: string): unit is 'mmol/L' | 'mg/dL' => unit === 'mmol/L' || unit === 'mg/dL'

/** Glucose in mmol/L to compare and draw; null for HI and LO, which have no number. */
export function mmolOf(o: ApiObservation): number | null {
  const value = o.values.value ?? null
  return value === null || !isGlucoseUnit(o.unit) ? null : toMmol(value, o.unit)
}

export function figureOf(o: ApiObservation): Figure {
  if (o.range !== null) return { number: o.range === 'above' ? 'HI' : 'LO', unit: null }
  if (o.kind === 'blood-pressure')
    return { number: pressure(o.values.systolic, o.values.diastolic), unit: UNIT['mm[Hg]'] }
  if (o.kind === 'glucose') return { number: mmolOf(o)?.toFixed(1) ?? '—', unit: UNIT['mmol/L'] }
  return { number: String(o.values.value ?? '—'), unit: unitOf(o) }
}

const unitOf = ({ unit }: ApiObservation) => (unit in UNIT ? UNIT[unit as keyof typeof UNIT] : unit)

export const pressure = (systolic: number | null | undefined, diastolic: number | null | undefined) =>
  `${systolic ?? '—'}/${diastolic ?? '—'}`

/** What the device itself said, value and unit. */
export function saidBy(o: ApiObservation, t: T): string {
  if (o.range !== null) return t(o.range === 'above' ? 'value.hi' : 'value.lo')
  const figure = o.kind === 'blood-pressure' ? pressure(o.values.systolic, o.values.diastolic) : String(o.values.value)
  return `${figure} ${unitOf(o)}`
}

export function mealOf(o: ApiObservation, t: T): string | null {
  if (o.kind !== 'glucose') return null
  return t(`meal.${o.context?.meal ?? 'unknown'}` as Key)
}

/** The meal context with who said so. */
export function mealBy(o: ApiObservation, t: T): string {
  const meal = mealOf(o, t)
  if (meal === null) return '—'
  return o.context === null ? meal : t('meal.by', { meal, origin: t(`origin.${o.context.origin}` as Key) })
}

/** `K01 · A&D TM-2657`: where a value comes from. */
export const sourceOf = (o: ApiObservation) => `${o.hub} · ${o.device.vendor} ${o.device.model}`

/** Band of the table in words: raised, low, in the usual range… */
export const bandOf = (band: string, kind: ApiObservation['kind']) =>
  `band.${kind === 'glucose' ? 'glucose' : 'bp'}.${band}` as Key

/** How soon to act, in a word; where the table draws no conclusion, that, and not that all is well. */
export const urgencyOf = ({ band, severity }: NonNullable<ApiObservation['assessment']>) =>
  (band === 'noConclusion' ? bandOf(band, 'glucose') : `severity.${severity}`) as Key

/** `systolic ≥ 180`: the table's row as people write it. */
export const ruleOf = ({ rule }: { rule: string }) => rule.replace('>=', '≥ ').replace('<', '< ')

/** May it enter a mean: measured without a fault, and not waiting for somebody's confirmation (rules 1.4, section 4). */
export const isValid = (o: ApiObservation) =>
  !o.retracted && !o.flags.includes('movement') && !o.assessment?.flags.includes('unconfirmed')
