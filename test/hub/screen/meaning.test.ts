// Which words a result gets: every band of the table has its own, and a mark on a reading comes before the band's advice.
import { expect, test } from 'vitest'
import { BLOOD_PRESSURE, GLUCOSE } from '../../../hub/clinical/rules.ts'
import type { ScreenResult } from '../../../hub/screen/view.ts'
import { meaningOf } from '../../../hub/screen/web/meaning.ts'
import { en } from '../../../hub/screen/web/words.en.ts'
import { zh } from '../../../hub/screen/web/words.zh.ts'
import { glucose, pressure } from './scenes.ts'

const words = ({ next }: { next: { word: string }[] }) => next.map(({ word }) => word)

test('every band of the table has words of its own', () => {
  const judged = (result: ScreenResult, band: string) =>
    meaningOf({ ...result, meal: 'fasting', assessment: { band, severity: 2, flags: [] } }, []).title
  for (const { band } of [...BLOOD_PRESSURE.systolic, ...BLOOD_PRESSURE.diastolic])
    expect(judged(pressure(120, 80), band)).not.toBe('any.askStaff')
  for (const { band } of [...GLUCOSE.any, ...Object.values(GLUCOSE.meal).flat()])
    expect(judged(glucose(5, 'mmol/L', 'fasting'), band)).not.toBe('any.askStaff')
})

test('a weight is told without any judgement, and a saturation is left to staff', () => {
  const plain = { range: null, meal: null, takenAt: null, assessment: null, yours: true }
  const weight = meaningOf({ ...plain, kind: 'body-weight', values: { value: 61.3 }, unit: 'kg' }, [])
  expect(weight).toMatchObject({ title: 'any.plain', severity: null, urgent: null })
  const oxygen = meaningOf({ ...plain, kind: 'oxygen-saturation', values: { value: 84, pulse: 71 }, unit: '%' }, [])
  expect(oxygen).toMatchObject({ title: 'any.askStaff', severity: null })
})

test('what the table does not judge, and a band that this page does not know, is left to staff', () => {
  expect(meaningOf(pressure(120, 80, { assessment: null }), [])).toMatchObject({
    title: 'any.askStaff',
    severity: null,
  })
  const newer = { band: 'grade9', severity: 1, flags: [] }
  expect(meaningOf(pressure(120, 80, { assessment: newer }), [])).toMatchObject({
    title: 'any.askStaff',
    severity: null,
  })
})

test('124/78 is severity 0 and still a little above ideal', () => {
  expect(meaningOf(pressure(124, 78), [])).toMatchObject({ severity: 0, title: 'bp.highNormal' })
})

test('a second very high pressure is said to be still high, and no longer asks for a rest first', () => {
  expect(meaningOf(pressure(186, 112), []).urgent?.first).toBe('bp.severe.first')
  const second = meaningOf(pressure(182, 108), [pressure(186, 112)])
  expect(second).toMatchObject({ title: 'bp.severe.still', urgent: { first: null, calm: 'bp.severe.calm' } })
})

test('an uneven pulse asks for a repeat before anything else, and never more than two things are asked', () => {
  const uneven = { band: 'grade1', severity: 2, flags: ['irregularPulse', 'unconfirmed'] }
  expect(words(meaningOf(pressure(146, 88, { assessment: uneven }), []))).toEqual(['next.irregular', 'next.listen'])
  const rare = { band: 'grade1', severity: 2, flags: ['unconfirmed'] }
  expect(words(meaningOf(pressure(146, 88, { assessment: rare }), []))).toEqual(['next.unusual', 'next.anotherDay'])
  expect(words(meaningOf(pressure(130, 38), []))).toEqual(['next.tellDoctor', 'next.lessSalt'])
})

test('a value without meal context is kept without saying high or low', () => {
  expect(meaningOf(glucose(6.5, 'mmol/L', null), [])).toMatchObject({ severity: null, note: 'glu.noContext.note' })
  expect(meaningOf(glucose(6.5, 'mmol/L', 'random'), [])).toMatchObject({ severity: null, note: 'glu.random.note' })
})

test('no word names a disease or a medicine, alarms, or is empty', () => {
  for (const text of Object.values(zh)) expect(text).not.toMatch(/高血压|糖尿病|危险|吃药|停药|！|^$/)
  for (const text of Object.values(en)) expect(text).not.toMatch(/hypertension|diabetes|danger|medicine|tablet|!|^$/i)
})

test('both languages fill in the same places', () => {
  const places = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort()
  for (const [word, text] of Object.entries(zh))
    expect([word, places(en[word as keyof typeof zh])]).toEqual([word, places(text)])
})
