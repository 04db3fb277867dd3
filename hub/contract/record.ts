// Everything a hub promises to deliver, as it travels and as the clinic keeps it.
import { z } from 'zod'
import { DeviceFlag, DeviceTime, FailureReason, GlucoseUnit, Kind, MealContext } from '../../devices/kit/event.ts'
import { HubId } from './topics.ts'

/** FHIR takes these as they are; promises 1.2. */
export const RecordId = z.string().regex(/^[A-Za-z0-9.-]{1,64}$/)
/** An instant: ISO 8601 with offset or Z. */
export const Instant = z.iso.datetime({ offset: true })

/** Who, as a hub may say it: a keyed hash of a document number, meaningful only together with the hub. */
export const Subject = z.strictObject({ hub: HubId, alias: z.string().regex(/^[0-9a-f]{64}$/) })
export type Subject = z.infer<typeof Subject>

export const DeviceName = z.strictObject({
  driver: z.string(),
  vendor: z.string(),
  model: z.string(),
  serial: z.string().nullable(),
})

/** How far the hub's own clock could be trusted when the record was made, and the device's against it. */
export const Clock = z.strictObject({
  trusted: z.boolean(),
  boot: z.string(), // one random id per start of the hub's machine clock
  uptimeMs: z.number().int().nonnegative(), // since that start, monotonic
  /** Device clock minus hub clock in seconds, if the device's clock was read in this session. */
  deviceOffsetSeconds: z.number().nullable(),
})

/** Marks the hub puts on a reading. */
export const HubFlag = z.enum([
  'unassigned-before-visit', // arrived too early in the visit to be its own
  'unassigned-other-visit', // another visit was open within the measuring time
  'unassigned-waiting', // waited in a port before it was opened
  'unassigned-subject', // the cuff's own subject id disagrees with the visit
  'unassigned-no-visit',
  'device-time-unknown',
  'device-clock-offset', // takenAt found by an offset read in this session
  'device-clock-unread', // takenAt found by the site's zone alone
  'doubtful-repeat', // from a memory without clock and counter: may be a repeat, kept twice rather than merged
])

const common = {
  id: RecordId,
  hub: HubId,
  visit: RecordId.nullable(),
}

/** A reading, kept for ever as it was said. Numbers and unit are the device's own. */
export const Observation = z
  .strictObject({
    ...common,
    type: z.literal('observation'),
    kind: Kind,
    subject: Subject.nullable(), // null: unassigned
    /** Fixed once, when the row was made; null: undated (promises 1.8). */
    takenAt: Instant.nullable(),
    /** How fine takenAt is. */
    resolution: z.enum(['millisecond', 'second', 'minute']),
    deviceTime: DeviceTime.nullable(),
    clock: Clock,
    values: z.record(z.string(), z.number().nullable()), // systolic, diastolic, mean, pulse | value | value, pulse
    unit: z.enum(['mm[Hg]', ...GlucoseUnit.options, 'kg', '[lb_av]', 'cm', '[in_i]', '%']),
    range: z.enum(['above', 'below']).nullable(),
    context: z.strictObject({ meal: MealContext, origin: z.enum(['device', 'visitor', 'staff']) }).nullable(),
    flags: z.array(z.union([DeviceFlag, HubFlag])),
    device: DeviceName,
    memory: z.boolean(),
    /** Hex of the bytes it came in, private ranges blanked; null when the device's bytes may not be kept. */
    raw: z
      .string()
      .regex(/^([0-9a-f]{2})*$/)
      .max(8192)
      .nullable(),
  })
  .refine((o) => o.kind !== 'glucose' || (o.values.value == null) === (o.range !== null), {
    message: 'a glucose observation has a value or a range',
  })
  .refine(
    (o) =>
      o.kind !== 'blood-pressure' || (typeof o.values.systolic === 'number' && typeof o.values.diastolic === 'number'),
    {
      message: 'a blood pressure has systolic and diastolic',
    },
  )
  .refine((o) => o.kind === 'blood-pressure' || o.kind === 'glucose' || typeof o.values.value === 'number', {
    message: 'a weight, a height and a saturation have a value',
  })
export type Observation = z.infer<typeof Observation>

/** One person's time at the kiosk. `sealed` is the identity, readable only with the clinic's key; null for a guest. */
export const Visit = z.strictObject({
  type: z.literal('visit'),
  id: RecordId,
  hub: HubId,
  openedAt: Instant,
  clock: Clock,
  subject: Subject.nullable(),
  sealed: z.string().nullable(), // compact JWE of an Identity
})
export type Visit = z.infer<typeof Visit>

/** It measured and failed: no value exists. */
export const FailureRecord = z.strictObject({
  ...common,
  type: z.literal('failure'),
  at: Instant,
  clock: Clock,
  of: z.enum(['blood-pressure', 'glucose', 'identity', 'outbox']),
  code: z.string(),
  reason: z.union([FailureReason, z.literal('unserialisable')]),
  device: DeviceName.nullable(),
})
export type FailureRecord = z.infer<typeof FailureRecord>

/** The true time of a boot whose clock was not trusted when its records were made (promises 1.8). */
export const ClockRecord = z.strictObject({
  type: z.literal('clock'),
  id: RecordId,
  hub: HubId,
  boot: z.string(),
  /** The instant at which that boot's monotonic clock read `uptimeMs`. */
  uptimeMs: z.number().int().nonnegative(),
  instant: Instant,
})
export type ClockRecord = z.infer<typeof ClockRecord>

/** Takes back a record that should not stand; the record itself stays, marked. */
export const Retraction = z.strictObject({
  type: z.literal('retraction'),
  id: RecordId,
  hub: HubId,
  of: RecordId,
  at: Instant,
  reason: z.string().max(200),
})
export type Retraction = z.infer<typeof Retraction>

/** Kinds this version understands; any other is quarantined and tried again after an upgrade. */
export const HubRecord = z.discriminatedUnion('type', [Observation, Visit, FailureRecord, ClockRecord, Retraction])
export type HubRecord = z.infer<typeof HubRecord>

/** What `sealed` holds once opened: only the clinic ever sees it. */
export const Identity = z.strictObject({
  authority: z.string(), // cn-resident, cn-permit-2017, passport:<country>, local:<site>
  document: z.string(),
  number: z.string(),
  name: z.string(),
  nameIncomplete: z.boolean(),
  birthDate: z.iso.date().nullable(),
  sex: z.enum(['male', 'female', 'unknown', 'not-stated']),
})
export type Identity = z.infer<typeof Identity>

export const MAX_RECORDS = 500
export const MAX_BYTES = 256 * 1024

/** The envelope never changes; each record inside is parsed alone and fails alone. */
export const RecordsMessage = z.object({
  v: z.literal(1),
  hub: HubId,
  epoch: RecordId,
  first: z.number().int().positive(), // the records are numbers first … first+n-1 of the epoch
  records: z.array(z.unknown()).min(1).max(MAX_RECORDS),
})
export type RecordsMessage = z.infer<typeof RecordsMessage>
