// Times as the site's own clock shows them, ages in words, and days cut at the site's midnight.
import type { T } from './i18n.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

interface Wall {
  year: string
  month: string
  day: string
  hour: string
  minute: string
  second: string
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** The wall clock of a zone at an instant, each part two (the year four) digits. */
export function wall(ms: number, zone: string): Wall {
  let format = formats.get(zone)
  if (!format) {
    const two = '2-digit'
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      year: 'numeric',
      month: two,
      day: two,
      hour: two,
      minute: two,
      second: two,
      hourCycle: 'h23',
    })
    formats.set(zone, format)
  }
  return Object.fromEntries(format.formatToParts(ms).map((part) => [part.type, part.value])) as unknown as Wall
}

/** Milliseconds the zone is ahead of UTC at an instant. */
export function offsetMs(ms: number, zone: string): number {
  const w = wall(ms, zone)
  return Date.UTC(+w.year, +w.month - 1, +w.day, +w.hour, +w.minute, +w.second) - Math.floor(ms / 1000) * 1000
}

/** The instant at which the zone's clock shows this wall time, given as if it were UTC. */
function instantOf(wallMs: number, zone: string): number {
  const guess = wallMs - offsetMs(wallMs, zone)
  return wallMs - offsetMs(guess, zone) // once more: the guess may lie beyond a change of summer time
}

/** Midnight at the site that begins the day `daysBack` before the one of `ms`. */
export function dayStart(ms: number, zone: string, daysBack = 0): number {
  const w = wall(ms, zone)
  return instantOf(Date.UTC(+w.year, +w.month - 1, +w.day - daysBack), zone)
}

/** First days of the months that begin within a range. */
export function monthStarts(fromMs: number, toMs: number, zone: string): number[] {
  const w = wall(fromMs, zone)
  const starts = Array.from({ length: 15 }, (_, i) => instantOf(Date.UTC(+w.year, +w.month - 1 + i, 1), zone))
  return starts.filter((start) => start >= fromMs && start <= toMs)
}

export const clock = (ms: number, zone: string) => `${wall(ms, zone).hour}:${wall(ms, zone).minute}`
export const monthDay = (ms: number, zone: string) => `${wall(ms, zone).month}-${wall(ms, zone).day}`

/** `11-25`; with its year when that is not this one. */
export function date(ms: number, zone: string, now: number): string {
  const year = wall(ms, zone).year
  return year === wall(now, zone).year ? monthDay(ms, zone) : `${year}-${monthDay(ms, zone)}`
}

/** `11-25 09:12`; with its year when that is not this one. */
export const stamp = (ms: number, zone: string, now: number) => `${date(ms, zone, now)} ${clock(ms, zone)}`

/** `09:12` today, `昨天 17:02` yesterday, else the date with its time. */
export function recent(ms: number, zone: string, now: number, t: T): string {
  if (ms >= dayStart(now, zone)) return clock(ms, zone)
  if (ms >= dayStart(now, zone, 1)) return t('time.yesterday', { time: clock(ms, zone) })
  return stamp(ms, zone, now)
}

/** Age in words up to a day, then the day. Never negative: clocks may differ. */
export function age(ms: number, zone: string, now: number, t: T): string {
  const since = Math.max(0, now - ms)
  if (since < MINUTE) return t('time.justNow')
  if (since < HOUR) return t('time.minutesAgo', { n: Math.floor(since / MINUTE) })
  if (since < DAY) return t('time.hoursAgo', { n: Math.floor(since / HOUR) })
  return recent(ms, zone, now, t)
}

/** `16 小时 23 分`, `3 天`. */
export function duration(ms: number, t: T): string {
  const minutes = Math.max(0, Math.floor(ms / MINUTE))
  if (minutes < 60) return t('time.minutes', { n: minutes })
  if (minutes < 48 * 60) return t('time.hoursMinutes', { h: Math.floor(minutes / 60), m: minutes % 60 })
  return t('time.days', { n: Math.floor(minutes / (24 * 60)) })
}

/** `+11:04` minutes and seconds, with a true minus. */
export function drift(seconds: number): string {
  const whole = Math.abs(Math.round(seconds))
  return `${seconds < 0 ? '−' : '+'}${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

/** `UTC+8` when the viewer's own clock shows another time than the site's; else null. */
export function foreignZone(zone: string, now: number): string | null {
  const offset = offsetMs(now, zone)
  if (offset === -new Date(now).getTimezoneOffset() * MINUTE) return null
  const minutes = Math.abs(offset / MINUTE)
  const half = minutes % 60 === 0 ? '' : `:${String(minutes % 60).padStart(2, '0')}`
  return `UTC${offset < 0 ? '−' : '+'}${Math.floor(minutes / 60)}${half}`
}

/** Whole years at an instant, by the site's calendar. */
export function yearsOld(birthDate: string, ms: number, zone: string): number {
  const w = wall(ms, zone)
  const had = `${w.month}-${w.day}` >= birthDate.slice(5)
  return +w.year - +birthDate.slice(0, 4) - (had ? 0 : 1)
}
