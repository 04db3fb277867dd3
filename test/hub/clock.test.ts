// Clocks: when ours is believed, and what a device's wall clock means, whatever zone the process runs in.
import { describe, expect, it } from 'vitest'
import {
  deviceOffsetSeconds,
  instantOf,
  isoAt,
  lookAgain,
  type Moment,
  NO_TRUST,
  spanOf,
  stampOf,
} from '../../hub/clock.ts'

const at = (text: string) => Date.parse(text)
const takenAt = (deviceTime: string, zone: string) => isoAt(instantOf(stampOf(deviceTime)!.localMs, zone), zone)

describe('a device’s wall clock', () => {
  it('is an instant by the site’s zone (FC-14)', () => {
    expect(takenAt('2026-03-02T08:15:00', 'Asia/Shanghai')).toBe('2026-03-02T08:15:00+08:00')
  })

  it('means the same in every zone the process may run in (FC-14)', () => {
    const answers = ['UTC', 'Asia/Shanghai', 'America/Los_Angeles'].map((zone) => {
      const before = process.env.TZ
      process.env.TZ = zone // Node reads it anew
      try {
        expect(new Date('2026-03-02T00:15:00Z').getHours()).toBe({ UTC: 0, 'Asia/Shanghai': 8 }[zone] ?? 16)
        return takenAt('2026-03-02T08:15:00', 'Asia/Shanghai')
      } finally {
        if (before === undefined) delete process.env.TZ
        else process.env.TZ = before
      }
    })
    expect(new Set(answers)).toEqual(new Set(['2026-03-02T08:15:00+08:00']))
  })

  it('that comes twice is the earlier one, and one that never comes is read by the offset before the gap', () => {
    expect(takenAt('2026-10-25T02:30', 'Europe/Berlin')).toBe('2026-10-25T02:30:00+02:00')
    expect(takenAt('2026-03-29T02:30', 'Europe/Berlin')).toBe('2026-03-29T03:30:00+02:00')
  })

  it('with a day that no calendar has is no time, and does not roll over (FC-12)', () => {
    expect(stampOf('2026-02-30T10:14')).toBeNull()
    expect(stampOf('2026-02-28T10:14')?.resolution).toBe('minute')
    expect(stampOf('2026-02-28T10:14:05')?.resolution).toBe('second')
  })
})

const moment = (wallMs: number, uptimeMs: number): Moment => ({ wallMs, uptimeMs, boot: 'b', trusted: true })

describe('a device’s clock against ours', () => {
  const now = moment(at('2026-03-02T21:54:23+08:00'), 1_000_000)
  const clock = (text: string) => ({ stamp: stampOf(text)!, at: now })

  it('is off by what it says', () => {
    expect(deviceOffsetSeconds(clock('2026-03-02T21:52:06'), 'Asia/Shanghai')).toBe(-137)
    expect(deviceOffsetSeconds(clock('2026-03-02T21:54:23'), 'Asia/Shanghai')).toBe(0)
    expect(deviceOffsetSeconds(clock('2026-03-02T21:54'), 'Asia/Shanghai')).toBe(0)
  })

  it('tells when a record was made by our uptime, as wide as both stamps are coarse', () => {
    const span = spanOf(stampOf('2026-03-02T21:50')!, clock('2026-03-02T21:54'), now.uptimeMs)
    expect(span).toEqual({ fromMs: 1_000_000 - 240_000 - 60_150, untilMs: 1_000_000 - 240_000 + 60_000 })
  })

  it('cannot have made a record after it was read', () => {
    expect(spanOf(stampOf('2026-03-02T21:54:23')!, clock('2026-03-02T21:54:23'), now.uptimeMs).untilMs).toBe(1_000_000)
  })
})

describe('our own clock', () => {
  const START = at('2026-03-02T00:00:00Z')
  const HOUR = 3_600_000
  const look = (wallMs: number, uptimeMs: number) => ({ wallMs, uptimeMs })

  it('of 1970 is not trusted until somebody sets it', () => {
    const first = lookAgain(NO_TRUST, look(5000, 1000), 0)
    expect(first.trusted).toBe(false)
    expect(lookAgain(first, look(START, 6000), 0).trusted).toBe(true)
  })

  it('is not trusted before the newest time this hub has kept', () => {
    expect(lookAgain(NO_TRUST, look(START, 1000), START + HOUR).trusted).toBe(false)
    expect(lookAgain(NO_TRUST, look(START, 1000), START + 60_000).trusted).toBe(true)
  })

  it('that jumps is not trusted until it jumps back', () => {
    const first = lookAgain(NO_TRUST, look(START, 1000), 0)
    const back = lookAgain(first, look(START - HOUR + 1000, 2000), START - 2 * HOUR)
    expect(back.trusted).toBe(false)
    expect(lookAgain(back, look(START - HOUR + 2000, 3000), START - 2 * HOUR).trusted).toBe(false)
    expect(lookAgain(back, look(START + 2000, 3000), START - 2 * HOUR).trusted).toBe(true)
  })

  it('that is slewed slowly stays trusted', () => {
    let trust = lookAgain(NO_TRUST, look(START, 0), 0)
    for (let i = 1; i <= 100; i++) trust = lookAgain(trust, look(START + i * 11_000, i * 10_000), 0)
    expect(trust.trusted).toBe(true)
  })

  it('ten years ahead is found out by the clinic’s clock, and right again when it agrees', () => {
    const ahead = START + 10 * 365 * 24 * HOUR
    const first = lookAgain(NO_TRUST, look(ahead, 0), 0)
    expect(first.trusted).toBe(true)
    const told = lookAgain(first, look(ahead + 1000, 1000), 0, START + 1000)
    expect(told.trusted).toBe(false)
    expect(lookAgain(told, look(START + 9000, 9000), 0).trusted).toBe(true)
  })
})
