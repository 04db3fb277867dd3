// What a device said becomes a record: its id, its instant and how that was found (promises 1.2, 1.8). Pure.
import { createHash } from 'node:crypto'
import type { Driver, Told } from '../devices/kit/driver.ts'
import type { DeviceInfo, Failure, Reading } from '../devices/kit/event.ts'
import {
  clockOf,
  type DeviceClock,
  deviceOffsetSeconds,
  instantOf,
  isoAt,
  type Moment,
  type Stamp,
  spanOf,
  stampOf,
} from './clock.ts'
import type { FailureRecord, HubRecord, Observation } from './contract/record.ts'
import type { Verdict } from './owner.ts'

/** A device as the records name it. */
export interface Source {
  /** Its name in the hub's config. */
  id: string
  driver: Driver
  /** Where it is plugged in: stands in for a serial number that a device does not tell. */
  place: string
}

/** A record on its way into the outbox; a live or undated one gets its id there, in the transaction that keeps it. */
export type Draft = HubRecord | (Omit<Observation, 'id'> & { id: null }) | (Omit<FailureRecord, 'id'> & { id: null })

export interface Place {
  hub: string
  zone: string
}

/** What one conversation with a device has told so far: who it is, its clock, and how often each record came. */
export class Session {
  #info: DeviceInfo | null = null
  #clock: DeviceClock | null = null
  #equals = new Map<string, number>()
  #pass = 0

  /** A device introduces itself before each pass through its memory, so equal records are counted anew. */
  learn(info: DeviceInfo, at: Moment) {
    this.#info = info
    this.#equals.clear()
    this.#pass++
    const stamp = info.clock === null ? null : stampOf(info.clock)
    if (stamp) this.#clock = { stamp, at }
  }

  get info() {
    return this.#info
  }

  get clock() {
    return this.#clock
  }

  /** How often the device has introduced itself. */
  get pass() {
    return this.#pass
  }

  /** Which of several equal records this is, counted from 1. */
  nth(record: string): number {
    const n = (this.#equals.get(record) ?? 0) + 1
    this.#equals.set(record, n)
    return n
  }
}

/** When a record from memory was made, on the hub's uptime; null when its device told no usable clock or stamp. */
export function spanOfMemory(reading: Reading, session: Session, now: Moment) {
  const stamp = reading.deviceTime === null ? null : stampOf(reading.deviceTime)
  const { clock } = session
  return stamp && clock && clock.at.boot === now.boot ? spanOf(stamp, clock, now.uptimeMs) : null
}

/** The observation of a reading, owned as `verdict` says. Numbers, unit and device time are the device's own. */
export function observationOf(
  told: Told & { event: Reading },
  source: Source,
  session: Session,
  verdict: Verdict,
  now: Moment,
  place: Place,
): Draft {
  const { event: reading, raw } = told
  const stamp = reading.deviceTime === null ? null : stampOf(reading.deviceTime)
  const memory = source.driver.memory
  // Against a clock of ours that is wrong itself, an offset says nothing.
  const clock = now.trusted && session.clock?.at.trusted ? session.clock : null
  const offset = clock ? deviceOffsetSeconds(clock, place.zone) : null
  const stay = 'stay' in verdict ? verdict.stay : null
  const glucose = reading.kind === 'glucose'
  const { flags: timeFlags, ...time } = memory
    ? timeOfMemory(stamp, offset, place.zone)
    : timeOfLive(stamp, now, place.zone)
  return {
    type: 'observation',
    id: memory && reading.deviceTime !== null ? memoryId(reading, source, session, place.hub) : null,
    kind: reading.kind,
    hub: place.hub,
    visit: stay?.visit ?? null,
    subject: stay?.subject ?? null,
    ...time,
    deviceTime: stamp ? reading.deviceTime : null,
    clock: clockOf(now, offset),
    values: valuesOf(reading),
    unit: reading.unit,
    range: glucose ? reading.range : null,
    context: glucose && reading.context !== 'unknown' ? { meal: reading.context, origin: 'device' } : null,
    flags: [
      ...(('flags' in reading && reading.flags) || []),
      ...('flag' in verdict ? [verdict.flag] : []),
      ...timeFlags,
    ],
    device: nameOf(source, session),
    memory,
    raw: raw === null ? null : Buffer.from(raw).toString('hex'),
  }
}

type Time = Pick<Observation, 'takenAt' | 'resolution' | 'flags'>

const timeOfLive = (stamp: Stamp | null, now: Moment, zone: string): Time => ({
  takenAt: isoAt(now.wallMs, zone),
  resolution: 'millisecond',
  flags: stamp ? [] : ['device-time-unknown'],
})

function timeOfMemory(stamp: Stamp | null, offset: number | null, zone: string): Time {
  if (!stamp) return { takenAt: null, resolution: 'minute', flags: ['device-time-unknown'] }
  return {
    takenAt: isoAt(instantOf(stamp.localMs - (offset ?? 0) * 1000, zone), zone),
    resolution: stamp.resolution,
    flags: [offset === null ? 'device-clock-unread' : 'device-clock-offset'],
  }
}

function valuesOf(reading: Reading): Observation['values'] {
  if (reading.kind === 'oxygen-saturation') return { value: reading.value, pulse: reading.pulse }
  if (reading.kind !== 'blood-pressure') return { value: reading.value }
  return { systolic: reading.systolic, diastolic: reading.diastolic, mean: reading.mean, pulse: reading.pulse }
}

const nameOf = ({ driver }: Source, { info }: Session): Observation['device'] => ({
  driver: driver.id,
  vendor: driver.vendor,
  model: info?.model ?? driver.models[0],
  serial: info?.serial ?? null,
})

/** Whose memory it is: the device by its serial number, else by where it is plugged in. */
const ownerOfRecords = ({ driver, place }: Source, { info }: Session, hub: string) =>
  [driver.id, info?.serial ?? [hub, place]] as const

export const memoryOf = (source: Source, session: Session, hub: string): string =>
  JSON.stringify(ownerOfRecords(source, session, hub))

/**
 * The same dated record read again, here or at another kiosk, has the same id. Not in it: raw bytes, index, context,
 * flags.
 */
function memoryId(reading: Reading, source: Source, session: Session, hub: string): string {
  const value = reading.kind === 'glucose' ? [reading.value ?? reading.range] : Object.values(valuesOf(reading))
  const device = ownerOfRecords(source, session, hub)
  const record = [...device, reading.kind, reading.deviceTime, value, reading.unit]
  const key = JSON.stringify(record)
  return createHash('sha256')
    .update(JSON.stringify([...record, session.nth(key)]))
    .digest('hex')
}

export function failureOf(
  failure: Failure,
  source: Source,
  session: Session,
  visit: string | null,
  now: Moment,
  place: Place,
): Draft {
  return {
    type: 'failure',
    id: null,
    hub: place.hub,
    visit,
    at: isoAt(now.wallMs, place.zone),
    clock: clockOf(now),
    of: failure.of,
    code: failure.code,
    reason: failure.reason,
    device: nameOf(source, session),
  }
}
