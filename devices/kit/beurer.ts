// One record of a Beurer BM55, BM58 or BM65: eight bytes, the same over HID and over the older serial cable.
import type { Facts } from './driver.ts'
import { type BloodPressure, deviceTime } from './event.ts'

export const RECORD = 8
const OFFSET = 25 // of both pressures, to fit a byte
const HIGH = 0x80

export interface BeurerRecord extends Facts {
  kind: 'measurement'
  user: number
  deviceTime: string | null
  systolic: number
  diastolic: number
  pulse: number
  irregularHeartbeat: boolean
  movement: boolean
}

/** For want of a check: a clock's fields within their bounds; letters and fillers have bits that no month or day has. */
export function isBeurerRecord(bytes: Uint8Array): boolean {
  const [month, day, hour, minute] = [bytes[3]!, bytes[4]!, bytes[5]!, bytes[6]!]
  return (month & 0x70) === 0 && (month & 0x0f) <= 12 && (day & 0x60) === 0 && hour < 24 && minute < 60
}

export function beurerRecord(bytes: Uint8Array): BeurerRecord {
  const [systolic = 0, diastolic = 0, pulse = 0, month = 0, day = 0, hour = 0, minute = 0, year = 0] = bytes
  return {
    kind: 'measurement',
    user: day & HIGH ? 2 : 1,
    deviceTime: deviceTime([2000 + (year & 0x7f), month & 0x0f, day & 0x1f], [hour, minute]),
    systolic: systolic + OFFSET,
    diastolic: diastolic + OFFSET,
    pulse,
    irregularHeartbeat: (year & HIGH) !== 0,
    movement: (month & HIGH) !== 0,
  }
}

/** What a record means; null for other facts. */
export function beurerReading(facts: Facts): BloodPressure | null {
  if (facts.kind !== 'measurement') return null
  const { systolic, diastolic, pulse, deviceTime, irregularHeartbeat, movement } = facts as BeurerRecord
  return {
    ...{ kind: 'blood-pressure', systolic, diastolic, mean: null, pulse: pulse || null, unit: 'mm[Hg]', deviceTime },
    flags: [
      ...(irregularHeartbeat ? (['irregular-pulse'] as const) : []),
      ...(movement ? (['movement'] as const) : []),
    ],
  }
}
