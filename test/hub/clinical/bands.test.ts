// The check values of the decision table, section 5 of the clinical rules, and the shape of the table itself.
import { describe, expect, test } from 'vitest'
import type { MealContext } from '../../../devices/kit/event.ts'
import { assess } from '../../../hub/clinical/bands.ts'
import { divideHalfUp, toMmol } from '../../../hub/clinical/glucose.ts'
import { BLOOD_PRESSURE, GLUCOSE, PULSE, type Row } from '../../../hub/clinical/rules.ts'

const pressure = (systolic: number, diastolic: number, more: object = {}) =>
  assess({
    kind: 'blood-pressure',
    values: { systolic, diastolic, mean: null, pulse: null },
    unit: 'mm[Hg]',
    range: null,
    meal: null,
    ...more,
  })

const sugar = (
  value: number | null,
  unit = 'mg/dL',
  meal: MealContext | null = null,
  range: 'above' | 'below' | null = null,
) => assess({ kind: 'glucose', values: { value }, unit, range, meal })

describe('blood pressure', () => {
  test.each([
    [119, 79, 'normal', 0, []],
    [120, 79, 'highNormal', 0, []],
    [119, 80, 'highNormal', 0, []],
    [139, 89, 'highNormal', 1, ['programmeHighRisk']],
    [140, 89, 'grade1', 2, ['isolatedSystolic']],
    [139, 90, 'grade1', 2, ['isolatedDiastolic']],
    [159, 99, 'grade1', 2, ['widePulsePressure']],
    [160, 99, 'grade2', 2, ['widePulsePressure']],
    [159, 100, 'grade2', 2, []],
    [179, 109, 'grade2', 2, ['widePulsePressure']],
    [180, 109, 'grade3', 3, ['widePulsePressure']],
    [179, 110, 'grade3', 3, ['widePulsePressure']],
    [165, 55, 'grade2', 2, ['isolatedSystolic', 'lowDiastolic', 'widePulsePressure']],
    [89, 60, 'low', 1, []],
    [90, 59, 'low', 1, ['lowDiastolic']],
    [79, 50, 'low', 3, []],
    [85, 35, 'low', 2, []],
    [130, 38, 'highNormal', 2, ['programmeHighRisk', 'lowDiastolic', 'widePulsePressure']],
    [145, 39, 'grade1', 2, ['isolatedSystolic', 'lowDiastolic', 'widePulsePressure']],
    [78, 95, 'grade1', 3, ['isolatedDiastolic', 'unconfirmed']],
    [146, 88, 'grade1', 2, ['isolatedSystolic']],
  ] as const)('%i/%i is %s with severity %i', (systolic, diastolic, band, severity, flags) => {
    expect(pressure(systolic, diastolic)).toMatchObject({ ruleSet: 'cn-kiosk-2026.1', band, severity, flags })
  })

  test('the rule named is the component that gave the band, the systolic one on a tie', () => {
    expect(pressure(146, 88)?.rule).toBe('systolic [140,160)')
    expect(pressure(139, 90)?.rule).toBe('diastolic [90,100)')
    expect(pressure(150, 95)?.rule).toBe('systolic [140,160)')
    expect(pressure(90, 59)?.rule).toBe('diastolic [40,60)')
    expect(pressure(79, 50)?.rule).toBe('systolic <80')
    expect(pressure(85, 35)?.rule).toBe('diastolic <40')
    expect(pressure(180, 70)?.rule).toBe('systolic >=180')
  })

  test('a mean of 145.5/87.5 is judged as 146/88 and 139.5 as 140', () => {
    expect(pressure(145.5, 87.5)).toEqual(pressure(146, 88))
    expect(pressure(139.5, 70)?.band).toBe('grade1')
    expect(pressure(139.4, 70)?.band).toBe('highNormal')
  })

  test('the pulse is a flag beside the band and never changes its severity', () => {
    const withPulse = (pulse: number) =>
      pressure(118, 76, { values: { systolic: 118, diastolic: 76, mean: null, pulse } })
    expect(withPulse(72)).toMatchObject({ severity: 0, flags: [] })
    expect(withPulse(40)).toMatchObject({ severity: 0, flags: ['pulseVerySlow'] })
    expect(withPulse(41)).toMatchObject({ flags: ['pulseSlow'] })
    expect(withPulse(101)).toMatchObject({ flags: ['pulseFast'] })
    expect(withPulse(131)).toMatchObject({ severity: 0, flags: ['pulseVeryFast'] })
    expect(withPulse(205)).toMatchObject({ flags: ['pulseVeryFast', 'unconfirmed'] })
  })

  test('an uneven pulse is the word of the device alone', () => {
    expect(pressure(118, 76, { flags: ['movement'] })?.flags).toEqual([])
    expect(pressure(118, 76, { flags: ['irregular-pulse'] })?.flags).toEqual(['irregularPulse'])
  })

  test('what lies outside the fences of doubt is marked unconfirmed', () => {
    expect(pressure(262, 130)?.flags).toContain('unconfirmed')
    expect(pressure(100, 86)?.flags).toContain('unconfirmed')
    expect(pressure(100, 85)?.flags).not.toContain('unconfirmed')
    expect(pressure(132, 84, { values: { systolic: 132, diastolic: 84, mean: 84, pulse: null } })?.flags).toContain(
      'unconfirmed',
    )
    expect(pressure(132, 84, { values: { systolic: 132, diastolic: 84, mean: 100, pulse: null } })?.flags).toEqual([
      'programmeHighRisk',
    ])
  })

  test('no band is given under 18, without a figure, or in a unit the table does not speak', () => {
    expect(pressure(150, 90, { ageYears: 17 })).toBeNull()
    expect(pressure(150, 90, { ageYears: 18 })).not.toBeNull()
    expect(pressure(150, 90, { unit: 'kPa' })).toBeNull()
    expect(pressure(150, 90, { values: { systolic: 150, diastolic: null } })).toBeNull()
  })
})

describe('glucose', () => {
  test.each([
    [71, null, 3.9, 'low', 2],
    [70, null, 3.9, 'low', 2],
    [72, null, 4.0, 'noConclusion', 0],
    [109, 'fasting', 6.1, 'raisedFasting', 1],
    [108, 'fasting', 6.0, 'usual', 0],
    [126, 'fasting', 7.0, 'high', 2],
    [125, 'fasting', 6.9, 'raisedFasting', 1],
    [127, 'fasting', 7.1, 'high', 2],
    [199, 'random', 11.1, 'high', 2],
    [200, 'random', 11.1, 'high', 2],
    [198, 'random', 11.0, 'noConclusion', 0],
    [140, 'postMeal2h', 7.8, 'raisedAfterMeal', 1],
    [139, 'postMeal2h', 7.7, 'usual', 0],
    [299, null, 16.6, 'high', 2],
    [300, null, 16.7, 'veryHigh', 3],
    [53, null, 2.9, 'veryLow', 3],
    [54, null, 3.0, 'low', 2],
  ] as const)('%i mg/dL, %s, is shown as %f and judged %s with severity %i', (value, meal, shown, band, severity) => {
    expect(toMmol(value, 'mg/dL')).toBe(shown)
    expect(sugar(value, 'mg/dL', meal)).toMatchObject({ band, severity })
    expect(sugar(shown, 'mmol/L', meal)).toMatchObject({ band, severity })
  })

  test('HI and LO are very high and very low, in either unit, without a number', () => {
    expect(sugar(null, 'mg/dL', null, 'above')).toEqual({
      ruleSet: 'cn-kiosk-2026.1',
      rule: 'glucose aboveRange',
      band: 'veryHigh',
      severity: 3,
      flags: [],
    })
    expect(sugar(null, 'mmol/L', 'fasting', 'below')).toMatchObject({ band: 'veryLow', severity: 3 })
  })

  test.each(['unknown', 'preMeal', 'postMeal', 'bedtime', 'random', null] as const)(
    '6.5 with context %s gives no conclusion',
    (meal) => {
      expect(sugar(6.5, 'mmol/L', meal)).toMatchObject({ band: 'noConclusion', severity: 0 })
    },
  )

  test('a value without a unit is not judged', () => {
    expect(sugar(99, '')).toBeNull()
  })
})

describe('units and rounding', () => {
  test('a limit in mg/dL and its twin in mmol/L sort alike', () => {
    const pairs = [
      [20, 1.1],
      [54, 3.0],
      [70, 3.9],
      [100, 5.6],
      [110, 6.1],
      [126, 7.0],
      [140, 7.8],
      [200, 11.1],
      [250, 13.9],
      [300, 16.7],
      [600, 33.3],
    ] as const
    for (const [mgdl, mmol] of pairs) expect(toMmol(mgdl, 'mg/dL')).toBe(mmol)
  })

  test('rounding is half-up on the decimals written, where a binary float would fall short', () => {
    expect(divideHalfUp(1.005, 1, 2)).toBe(1.01)
    expect(toMmol(8.35, 'mmol/L')).toBe(8.4)
    expect(toMmol(6.95, 'mmol/L')).toBe(7)
    expect(toMmol(99, 'mg/dL')).toBe(5.5)
  })

  test('what is no plain decimal is refused by name', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e21])
      expect(() => toMmol(bad, 'mmol/L')).toThrow(RangeError)
  })
})

test('every table covers its whole line without gap or overlap', () => {
  const covers = (rows: readonly Row[], from: number | null, to: number | null) => {
    expect(rows[0]?.from).toBe(from)
    expect(rows.at(-1)?.to).toBe(to)
    for (const [i, row] of rows.slice(1).entries()) expect(row.from).toBe(rows[i]?.to)
  }
  covers(BLOOD_PRESSURE.systolic, null, null)
  covers(BLOOD_PRESSURE.diastolic, null, null)
  covers(PULSE, null, null)
  for (const rows of Object.values(GLUCOSE.meal)) covers(rows, 4, 16.7)
})
