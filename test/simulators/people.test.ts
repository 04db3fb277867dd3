// Invented people: what the demo and every leak test lean on.
import { expect, test } from 'vitest'
import { checkDigit, type PlannedVisit, person, plannedVisits } from '../../simulators/people.ts'

const first = (seed: number, count: number): PlannedVisit[] => {
  const visits = plannedVisits(seed)
  return Array.from({ length: count }, () => visits.next().value)
}

test('the check digit agrees with the numbers of the field cases', () => {
  for (const number of ['11999919500101009X', '119999195001010030'])
    expect(checkDigit(number.slice(0, 17))).toBe(number[17])
})

test('a thousand people have different names and numbers, all of division 119999, with birth and sex as the number says', () => {
  const people = Array.from({ length: 1000 }, (_, n) => person(7, n))
  expect(new Set(people.map((p) => p.number)).size).toBe(1000)
  expect(new Set(people.map((p) => p.name)).size).toBe(1000)
  for (const { number, birthDate, sex } of people) {
    expect(number).toMatch(/^119999\d{11}[\dX]$/)
    expect(number[17]).toBe(checkDigit(number.slice(0, 17)))
    expect(number.slice(6, 14)).toBe(birthDate.replaceAll('-', ''))
    expect(Number(number[16]) % 2 === 1 ? 'male' : 'female').toBe(sex)
  }
  const elders = people.filter((p) => p.birthDate < '1976-01-01').length
  expect(elders).toBeGreaterThan(750)
})

test('the same seed gives the same visits, another seed others', () => {
  expect(first(7, 50)).toEqual(first(7, 50))
  expect(first(8, 50)).not.toEqual(first(7, 50))
})

test('forty visits hold guests, failures, HI and LO, and only blood pressures a person can have', () => {
  for (const seed of [1, 7, 42]) {
    const visits = first(seed, 40)
    expect(visits.some((v) => v.person === null)).toBe(true)
    expect(visits.some((v) => v.failures.length > 0)).toBe(true)
    for (const word of ['HI', 'LO']) expect(visits.some((v) => v.glucose?.value === word)).toBe(true)
    for (const { bloodPressure } of visits) {
      expect(bloodPressure.systolic - bloodPressure.diastolic).toBeGreaterThanOrEqual(22)
      expect(bloodPressure.diastolic).toBeGreaterThanOrEqual(40)
    }
  }
})
