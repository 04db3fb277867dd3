// The decision table as data: bands and severities, with the published sources they come from. Change it only with a new ruleSet.
import type { MealContext } from '../../devices/kit/event.ts'

/** 0 fine · 1 watch · 2 review (a task with a date) · 3 urgent (now). */
export type Severity = 0 | 1 | 2 | 3

/** A half-open interval `[from, to)`; null is an open end. `unlessEnrolled` replaces `severity` while nobody says that the person is. */
export interface Row {
  from: number | null
  to: number | null
  band: string
  severity: Severity
  unlessEnrolled?: Severity
  flag?: string
}

export const RULE_SET = 'cn-kiosk-2026.1'

/** Chinese hypertension guideline 2024, basic public health services 3rd edition, diabetes guideline 2024, WS/T 428. */
export const BASIS = ['CN-HTN-2024', 'CN-BPHS-3', 'CN-CDS-2024', 'WS/T 428'] as const

/** The table speaks of adults; below this age no band is given. */
export const ADULT_FROM_YEARS = 18

export const BLOOD_PRESSURE = {
  unit: 'mm[Hg]',
  /** From below upwards: the higher of the two components decides. */
  bandOrder: ['normal', 'highNormal', 'grade1', 'grade2', 'grade3'],
  systolic: [
    { from: null, to: 80, band: 'low', severity: 3 }, // ours: no guideline draws this line
    { from: 80, to: 90, band: 'low', severity: 1 },
    { from: 90, to: 120, band: 'normal', severity: 0 },
    { from: 120, to: 130, band: 'highNormal', severity: 0 },
    { from: 130, to: 140, band: 'highNormal', severity: 1, flag: 'programmeHighRisk' },
    { from: 140, to: 160, band: 'grade1', severity: 2 },
    { from: 160, to: 180, band: 'grade2', severity: 2 },
    { from: 180, to: null, band: 'grade3', severity: 3 },
  ],
  diastolic: [
    { from: null, to: 40, band: 'low', severity: 2 }, // ours
    { from: 40, to: 60, band: 'low', severity: 1 },
    { from: 60, to: 80, band: 'normal', severity: 0 },
    { from: 80, to: 85, band: 'highNormal', severity: 0 },
    { from: 85, to: 90, band: 'highNormal', severity: 1, flag: 'programmeHighRisk' },
    { from: 90, to: 100, band: 'grade1', severity: 2 },
    { from: 100, to: 110, band: 'grade2', severity: 2 },
    { from: 110, to: null, band: 'grade3', severity: 3 },
  ],
} as const satisfies { unit: string; bandOrder: readonly string[]; systolic: readonly Row[]; diastolic: readonly Row[] }

/** Beats a minute. A pulse alone raises no alert before it is repeated, so it is a flag beside the pressure's band. */
export const PULSE = [
  { from: null, to: 41, band: 'verySlow', severity: 3 },
  { from: 41, to: 50, band: 'slow', severity: 2 },
  { from: 50, to: 60, band: 'slow', severity: 1 },
  { from: 60, to: 101, band: 'usual', severity: 0 },
  { from: 101, to: 111, band: 'fast', severity: 1 },
  { from: 111, to: 131, band: 'fast', severity: 2 },
  { from: 131, to: null, band: 'veryFast', severity: 3 },
] as const satisfies readonly Row[]

const RANDOM = [
  { from: 4.0, to: 11.1, band: 'noConclusion', severity: 0 }, // a random value does not define prediabetes
  { from: 11.1, to: 16.7, band: 'high', severity: 2 },
] as const satisfies readonly Row[]

/** mmol/L as shown. `any` is asked first, whatever was eaten; only then the table of the meal context. */
export const GLUCOSE = {
  unit: 'mmol/L',
  belowRange: { band: 'veryLow', severity: 3 },
  aboveRange: { band: 'veryHigh', severity: 3 },
  any: [
    { from: null, to: 3.0, band: 'veryLow', severity: 3 },
    { from: 3.0, to: 4.0, band: 'low', severity: 3, unlessEnrolled: 2 }, // 3.9 itself is low in the programme
    { from: 16.7, to: null, band: 'veryHigh', severity: 3 },
  ],
  meal: {
    fasting: [
      { from: 4.0, to: 6.1, band: 'usual', severity: 0 },
      { from: 6.1, to: 7.0, band: 'raisedFasting', severity: 1 },
      { from: 7.0, to: 16.7, band: 'high', severity: 2 },
    ],
    postMeal2h: [
      { from: 4.0, to: 7.8, band: 'usual', severity: 0 },
      { from: 7.8, to: 11.1, band: 'raisedAfterMeal', severity: 1 },
      { from: 11.1, to: 16.7, band: 'high', severity: 2 },
    ],
    random: RANDOM,
    preMeal: RANDOM,
    postMeal: RANDOM,
    bedtime: RANDOM,
    unknown: RANDOM, // never turned into fasting because it is morning
  },
} as const satisfies {
  unit: string
  belowRange: { band: string; severity: Severity }
  aboveRange: { band: string; severity: Severity }
  any: readonly Row[]
  meal: Record<MealContext, readonly Row[]>
}

/** Outside these a reading is shown with a mark until a person confirms it (ours). Units as above. */
export const CONFIRM_OUTSIDE = {
  systolic: [60, 260],
  diastolic: [30, 200],
  pulsePressure: [15, 130],
  pulse: [30, 200],
  glucose: [1.1, 33.3],
} as const
