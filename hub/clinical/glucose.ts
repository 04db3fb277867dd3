// Glucose units: the one conversion constant, and decimal rounding that agrees with the meter in the visitor's hand.

/** What the meters themselves divide by; the exact 18.0156 would show another 0.1 for 87 of the integers 20…600. */
export const MG_DL_PER_MMOL_L = 18

/**
 * Glucose in mmol/L with one decimal, to show and to classify; what was measured stays in its own unit.
 * @throws RangeError when the value is no plain non-negative decimal
 */
export const toMmol = (value: number, unit: 'mg/dL' | 'mmol/L'): number =>
  divideHalfUp(value, unit === 'mg/dL' ? MG_DL_PER_MMOL_L : 1, 1)

/** `value / divisor`, rounded half-up on the decimal text: a binary float would round 2.675 down. `divisor` is a whole number. */
export function divideHalfUp(value: number, divisor: number, decimals: number): number {
  const text = /^(\d+)(?:\.(\d+))?$/.exec(String(value))
  if (!text) throw new RangeError(`cannot round ${value}: expected a plain decimal of 0 or more`)
  const fraction = text[2] ?? ''
  const scaled = BigInt(text[1] + fraction) * 10n ** BigInt(decimals)
  const whole = BigInt(divisor) * 10n ** BigInt(fraction.length)
  const rounded = (2n * scaled + whole) / (2n * whole)
  return Number(rounded) / 10 ** decimals
}
