// Times as the site's clock shows them, whatever the reader's own clock and zone.
import { describe, expect, it } from 'vitest'
import type { T } from '../../../dashboard/web/i18n.ts'
import { age, dayStart, drift, monthStarts, recent, stamp, yearsOld } from '../../../dashboard/web/time.ts'

const SHANGHAI = 'Asia/Shanghai'
const NOON = Date.parse('2026-03-02T12:00:00+08:00')
const t: T = (key, values) => `${key}${values ? JSON.stringify(values) : ''}`

describe('a time on the page', () => {
  it('is never of a negative age, though the kiosk’s clock is ahead', () => {
    expect(age(NOON + 600_000, SHANGHAI, NOON, t)).toBe('time.justNow')
  })

  it('is told in words up to a day, then as yesterday, then as a date, with its year when it is another', () => {
    const ago = (ms: number) => age(NOON - ms, SHANGHAI, NOON, t)
    expect(ago(31 * 60_000)).toBe('time.minutesAgo{"n":31}')
    expect(ago(3.5 * 3_600_000)).toBe('time.hoursAgo{"n":3}')
    expect(ago(25 * 3_600_000)).toBe('time.yesterday{"time":"11:00"}')
    expect(ago(50 * 3_600_000)).toBe('02-28 10:00')
    expect(ago(200 * 86_400_000)).toBe('2025-08-14 12:00')
  })

  it('belongs to the day of the site, not to that of UTC', () => {
    const early = Date.parse('2026-03-02T07:50:00+08:00') // still 1 March in UTC
    expect(recent(early, SHANGHAI, NOON, t)).toBe('07:50')
    expect(stamp(early, SHANGHAI, NOON)).toBe('03-02 07:50')
    expect(dayStart(early, SHANGHAI)).toBe(Date.parse('2026-03-02T00:00:00+08:00'))
    expect(dayStart(early, SHANGHAI, 2)).toBe(Date.parse('2026-02-28T00:00:00+08:00'))
  })

  it('keeps midnight at midnight through a change of summer time', () => {
    const after = Date.parse('2026-03-29T12:00:00+02:00')
    expect(dayStart(after, 'Europe/Berlin')).toBe(Date.parse('2026-03-29T00:00:00+01:00'))
    expect(monthStarts(dayStart(after, 'Europe/Berlin'), after + 5 * 86_400_000, 'Europe/Berlin')).toEqual([
      Date.parse('2026-04-01T00:00:00+02:00'),
    ])
  })
})

describe('an age and a drift', () => {
  it('counts the birthday itself as the new year of age', () => {
    expect(yearsOld('1954-03-02', NOON, SHANGHAI)).toBe(72)
    expect(yearsOld('1954-03-03', NOON, SHANGHAI)).toBe(71)
  })

  it('shows a clock’s error with its sign', () => {
    expect([drift(664), drift(-131), drift(0)]).toEqual(['+11:04', '−2:11', '+0:00'])
  })
})
