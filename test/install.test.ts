// What is left out where a Debian package cannot be installed: the tests that need it, and no others.
import { describe, expect, it } from 'vitest'
import { testsThatNeed } from './install.mjs'

describe('without InfluxDB and Mosquitto', () => {
  const left = testsThatNeed(['influxdb', 'mosquitto'])

  it('the journeys and the store on servers are left out', () => {
    expect(left).toContain('test/journeys/kills.test.ts')
    expect(left).toContain('test/dashboard/store/store.test.ts')
  })

  it('drivers, hub and pages are tested all the same', () => {
    for (const still of ['devices/captures', 'hub/visit', 'hub/uplink', 'dashboard/web/page'])
      expect(left).not.toContain(`test/${still}.test.ts`)
  })
})

it('without Chromium the pages are left out, and nothing is when all is there', () => {
  expect(testsThatNeed(['chromium'])).toContain('test/dashboard/web/page.test.ts')
  expect(testsThatNeed([])).toEqual([])
})
