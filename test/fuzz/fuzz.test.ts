// Every driver against damaged frames, seeded, 20,000 in all, and against the saved ones. `npm run fuzz` takes a million each.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allDrivers } from '../../devices/kit/driver.ts'
import { saved } from './corpus.ts'
import { cases, chance, judge, meanings } from './mutate.ts'

const ALL = 20_000
const SEED = 20_261_128
const drivers = await allDrivers()

describe.each(drivers.map((driver) => [driver.id, driver] as const))('%s', (_, driver) => {
  test('tells no wrong value, nothing implausible, and falls over nothing', () => {
    const known = meanings(driver)
    const runs = Math.ceil(ALL / drivers.length)
    let passed = 0
    const property = fc.property(cases(driver), (one) => {
      passed += judge(driver, one, known)
    })
    fc.assert(property, { seed: SEED, numRuns: runs })
    expect(passed).toBeLessThanOrEqual(chance(driver, runs))
  })

  test('stands its saved cases', () => {
    const known = meanings(driver)
    for (const one of saved(driver)) expect(() => judge(driver, one, known)).not.toThrow()
  })
})
