// A visit's mean is of its valid readings only, rounded and classified by the published rules.
import { describe, expect, it } from 'vitest'
import type { ApiObservation } from '../../../dashboard/web/api.ts'
import { figureOf, mmolOf, saidBy } from '../../../dashboard/web/figures.ts'
import { pressureGoal } from '../../../dashboard/web/goals.ts'
import { counts, gapsOf, meanOfVisits, visitsOf } from '../../../dashboard/web/visits.ts'

const AT = Date.parse('2026-03-02T08:00:00+08:00')
let made = 0

function reading(systolic: number, diastolic: number, changed: Partial<ApiObservation> = {}): ApiObservation {
  made += 1
  return {
    id: `r-${made}`,
    kind: 'blood-pressure',
    takenAt: new Date(AT + made * 60_000).toISOString(),
    timePending: false,
    deviceTime: null,
    receivedAt: new Date(AT).toISOString(),
    values: { systolic, diastolic, mean: null, pulse: 70 },
    unit: 'mm[Hg]',
    range: null,
    context: null,
    flags: [],
    device: { vendor: 'A&D', model: 'TM-2657', serial: null },
    hub: 'E1',
    site: 'east',
    visit: 'v',
    clock: { trusted: true, boot: 'b', uptimeMs: 1, deviceOffsetSeconds: null },
    assessment: null,
    retracted: false,
    assigned: null,
    ...changed,
  }
}
const group = (...readings: ApiObservation[]) => visitsOf(readings, '1954-03-08', () => 'Asia/Shanghai')
const one = (...readings: ApiObservation[]) => group(...readings)[0]!

describe('a visit', () => {
  it('is the mean of its readings, half-up: 150/90 and 141/85 are 146/88, grade 1', () => {
    const visit = one(reading(150, 90), reading(141, 85))
    expect([visit.systolic, visit.diastolic, visit.assessment?.band]).toEqual([146, 88, 'grade1'])
  })

  it('takes nothing into the mean that moved, waits for confirmation or was taken back', () => {
    const unsure = { ruleSet: 'x', rule: 'x', band: 'grade3', severity: 3 as const, flags: ['unconfirmed'] }
    const visit = one(
      reading(120, 80),
      reading(124, 82),
      reading(180, 100, { flags: ['movement'] }),
      reading(268, 100, { assessment: unsure }),
      reading(200, 100, { retracted: true }),
    )
    expect([visit.systolic, visit.diastolic, visit.valid]).toEqual([122, 81, 2])
  })

  it('with one reading keeps what the clinic said of it and enters no mean', () => {
    const assessment = { ruleSet: 'x', rule: 'x', band: 'grade1', severity: 2 as const, flags: [] }
    const single = one(reading(154, 90, { assessment, visit: 'alone' }))
    expect(single.assessment).toEqual(assessment)
    expect(counts(single)).toBe(false)
    expect(meanOfVisits([single])).toBeNull()
    expect(meanOfVisits([single, one(reading(140, 80), reading(142, 82))])).toEqual({
      systolic: 141,
      diastolic: 81,
      visits: 1,
      out: 1,
    })
  })

  it('is apart for readings without a visit, and has no place for undated ones', () => {
    expect(group(reading(120, 80, { visit: null }), reading(121, 81, { visit: null }))).toHaveLength(2)
    expect(group(reading(120, 80, { takenAt: null }))).toEqual([])
  })

  it('leaves a gap of more than a fortnight a gap', () => {
    const day = 86_400_000
    expect(gapsOf([0, 10 * day, 28 * day], 30 * day).map((gap) => gap.days)).toEqual([18])
    expect(gapsOf([], 90 * day)).toEqual([])
  })
})

describe('a figure', () => {
  const sugar = (value: number | null, unit: string, range: ApiObservation['range'] = null) =>
    reading(0, 0, { kind: 'glucose', values: { value }, unit, range })

  it('shows glucose in mmol/L with one decimal, and what the device said beside it', () => {
    expect(figureOf(sugar(71, 'mg/dL'))).toEqual({ number: '3.9', unit: 'mmol/L' })
    expect(figureOf(sugar(5, 'mmol/L'))).toEqual({ number: '5.0', unit: 'mmol/L' })
    expect(saidBy(sugar(71, 'mg/dL'), (key) => key)).toBe('71 mg/dL')
  })

  it('never makes a number of HI or LO', () => {
    expect(figureOf(sugar(null, 'mg/dL', 'above'))).toEqual({ number: 'HI', unit: null })
    expect(figureOf(sugar(null, 'mg/dL', 'below'))).toEqual({ number: 'LO', unit: null })
    expect(mmolOf(sugar(null, 'mg/dL', 'above'))).toBeNull()
  })
})

describe('the line of a pressure', () => {
  it('is 140/90, from 65 on 150/90, and none under age', () => {
    expect([pressureGoal(64)?.systolic, pressureGoal(65)?.systolic, pressureGoal(null)?.systolic]).toEqual([
      140, 150, 140,
    ])
    expect(pressureGoal(17)).toBeNull()
  })
})
