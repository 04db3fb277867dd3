// The lines a resident's figures are drawn against: the public-health programme's control lines, until personal ones exist.
import type { Key } from './i18n.ts'

export interface PressureGoal {
  /** mm[Hg]; the figure is to stay below. */
  systolic: number
  diastolic: number
  whose: Key
}

/** Basic public health services, 3rd edition: 140/90, from 65 on 150/90. Under 18 no line is drawn. @param years null when unknown */
export function pressureGoal(years: number | null): PressureGoal | null {
  if (years !== null && years < 18) return null
  if (years !== null && years >= 65) return { systolic: 150, diastolic: 90, whose: 'goal.from65' }
  return { systolic: 140, diastolic: 90, whose: years === null ? 'goal.ageUnknown' : 'goal.below65' }
}

/** Fasting glucose in mmol/L: programme control below 7.0, lower end by the diabetes guideline. */
export const FASTING_GOAL = { from: 4.4, to: 7.0 } as const
/** From here on a pressure is urgent, whoever it is. */
export const URGENT = { systolic: 180, diastolic: 110 } as const
