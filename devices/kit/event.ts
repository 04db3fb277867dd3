// What a device said: the one vocabulary of readings, cards and failures, with units (UCUM) and plausible ranges.
import { z } from 'zod'

/** A device's own wall clock as it sent it, without zone: to the minute or to the second. Never an instant. */
export const DeviceTime = z
  .string()
  .regex(/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/)

/**
 * Reject fences: outside these nobody's reading can lie, so the bytes are not a reading.
 * Source: clinical rules, section 4 ("Reject outside"). A driver may be narrower, never wider.
 */
export const PLAUSIBLE = {
  systolic: [40, 300],
  diastolic: [20, 220],
  pulsePressureAtLeast: 5,
  pulse: [20, 250],
  'mmol/L': [0.5, 50],
  'mg/dL': [10, 900],
  '%': [50, 100],
  kg: [10, 350],
  '[lb_av]': [22, 772], // the same in pounds, and below in inches
  cm: [50, 250],
  '[in_i]': [19.5, 98.5],
} as const

const within = ([low, high]: readonly [number, number]) => z.number().min(low).max(high)

/** Marks a device puts on a reading of its own accord. */
export const DeviceFlag = z.enum(['irregular-pulse', 'movement', 'remeasured', 'temperature', 'cuff-fit'])
export type DeviceFlag = z.infer<typeof DeviceFlag>

/** Pressures in mm[Hg], pulse in beats a minute; a figure the device did not send is null, never 0. */
export const BloodPressure = z
  .strictObject({
    kind: z.literal('blood-pressure'),
    systolic: within(PLAUSIBLE.systolic),
    diastolic: within(PLAUSIBLE.diastolic),
    mean: z.number().positive().nullable(),
    pulse: within(PLAUSIBLE.pulse).nullable(),
    unit: z.literal('mm[Hg]'),
    deviceTime: DeviceTime.nullable(),
    flags: z.array(DeviceFlag),
  })
  .refine((r) => r.systolic - r.diastolic >= PLAUSIBLE.pulsePressureAtLeast, {
    message: `systolic must exceed diastolic by at least ${PLAUSIBLE.pulsePressureAtLeast} mm[Hg]`,
  })
export type BloodPressure = z.infer<typeof BloodPressure>

export const GlucoseUnit = z.enum(['mg/dL', 'mmol/L'])

/** When the person last ate, as the device (or later the visitor or staff) said; clinical rules 2.3. */
export const MealContext = z.enum(['fasting', 'preMeal', 'postMeal2h', 'postMeal', 'random', 'bedtime', 'unknown'])
export type MealContext = z.infer<typeof MealContext>

/** Blood glucose in the unit the wire carried. HI and LO are `value: null` with a range, never a number. */
export const Glucose = z
  .strictObject({
    kind: z.literal('glucose'),
    value: z.number().nullable(),
    unit: GlucoseUnit,
    range: z.enum(['above', 'below']).nullable(),
    context: MealContext,
    deviceTime: DeviceTime.nullable(),
    /** Absent unless the device marked the reading. */
    flags: z.array(DeviceFlag).min(1).optional(),
  })
  .refine((r) => (r.value === null) !== (r.range === null), {
    message: 'either a value or a range, not both, not neither',
  })
  .refine((r) => r.value === null || (r.value >= PLAUSIBLE[r.unit][0] && r.value <= PLAUSIBLE[r.unit][1]), {
    message: 'no person has this value in this unit',
  })
export type Glucose = z.infer<typeof Glucose>

/** Weight as the scale sent it, in its own unit. */
export const BodyWeight = z
  .strictObject({
    kind: z.literal('body-weight'),
    value: z.number(),
    unit: z.enum(['kg', '[lb_av]']),
    deviceTime: DeviceTime.nullable(),
  })
  .refine(isPlausible, { message: 'nobody has this weight in this unit' })
export type BodyWeight = z.infer<typeof BodyWeight>

export const BodyHeight = z
  .strictObject({
    kind: z.literal('body-height'),
    value: z.number(),
    unit: z.enum(['cm', '[in_i]']),
    deviceTime: DeviceTime.nullable(),
  })
  .refine(isPlausible, { message: 'nobody has this height in this unit' })
export type BodyHeight = z.infer<typeof BodyHeight>

/** Oxygen saturation by a pulse oximeter, and the pulse it counted. */
export const OxygenSaturation = z
  .strictObject({
    kind: z.literal('oxygen-saturation'),
    value: z.number(),
    unit: z.literal('%'),
    pulse: within(PLAUSIBLE.pulse).nullable(),
    deviceTime: DeviceTime.nullable(),
  })
  .refine(isPlausible, { message: 'nobody has this saturation' })
export type OxygenSaturation = z.infer<typeof OxygenSaturation>

function isPlausible({ value, unit }: { value: number; unit: 'kg' | '[lb_av]' | 'cm' | '[in_i]' | '%' }): boolean {
  const [low, high] = PLAUSIBLE[unit]
  return value >= low && value <= high
}

export const Reading = z.union([BloodPressure, BodyHeight, BodyWeight, Glucose, OxygenSaturation])
export type Reading = z.infer<typeof Reading>

export const Kind = z.enum(['blood-pressure', 'body-height', 'body-weight', 'glucose', 'oxygen-saturation'])
export type Kind = z.infer<typeof Kind>

/** Why a measurement failed, as plainly as the device's own code allows. */
export const FailureReason = z.enum([
  'movement',
  'cuff', // loose, leaking, or no pressure
  'over-pressure',
  'too-long',
  'no-pulse',
  'not-determined', // measured, but a figure could not be worked out
  'out-of-range',
  'stopped', // somebody stopped it
  'card-unreadable',
  'unknown',
])
export type FailureReason = z.infer<typeof FailureReason>

/** The device tried and failed; `code` is its own, as sent. */
export const Failure = z.strictObject({
  kind: z.literal('failure'),
  of: z.enum(['blood-pressure', 'glucose', 'identity']),
  code: z.string(),
  reason: FailureReason,
})
export type Failure = z.infer<typeof Failure>

/** Identity document kinds; `id-card.md` section 2. Which authority gives the number is the hub's business. */
export const DocumentKind = z.enum(['citizen', 'hk-macao-taiwan', 'foreigner-2017', 'foreigner-2023'])
export type DocumentKind = z.infer<typeof DocumentKind>

/** A card laid on a reader. Secret from here on: it lives in memory until it is sealed, and is never logged. */
export const CardRead = z.strictObject({
  kind: z.literal('card'),
  document: DocumentKind,
  number: z.string().min(1), // text always: leading zeros and a final X are part of it
  name: z.string(),
  birthDate: z.iso.date().nullable(),
  sex: z.enum(['male', 'female', 'unknown', 'not-stated']),
  /** Present, and true, when characters of the name could not be read. */
  nameIncomplete: z.literal(true).optional(),
})
export type CardRead = z.infer<typeof CardRead>

/** Live cuff pressure: never a result. */
export const Progress = z.strictObject({
  kind: z.literal('progress'),
  of: z.literal('blood-pressure'),
  pressure: z.number().min(0).max(400),
  unit: z.literal('mm[Hg]'),
})
export type Progress = z.infer<typeof Progress>

export const DeviceEvent = z.union([Reading, Failure, CardRead, Progress])
export type DeviceEvent = z.infer<typeof DeviceEvent>

/** What a device said of itself in this session: needed for ids and clocks, no event of its own. */
export const DeviceInfo = z.strictObject({
  kind: z.literal('device'),
  model: z.string().nullable(),
  serial: z.string().nullable(),
  /** Its clock at the moment it answered; null when it did not say or said nonsense (month 0, 255). */
  clock: DeviceTime.nullable(),
})
export type DeviceInfo = z.infer<typeof DeviceInfo>

export const isReading = (event: { kind: string }): event is Reading => Kind.safeParse(event.kind).success

/** A wall clock as `DeviceTime`, to the second if one is given; null when there is no such date: never rolled over. */
export function deviceTime(
  [year, month, day]: readonly [number, number, number],
  [hour, minute, second]: readonly [number, number, (number | undefined)?],
): string | null {
  const pad = (n: number, width = 2) => String(n).padStart(width, '0')
  const date = `${pad(year, 4)}-${pad(month)}-${pad(day)}`
  const text = `${date}T${pad(hour)}:${pad(minute)}${second === undefined ? '' : `:${pad(second)}`}`
  return DeviceTime.safeParse(text).success && z.iso.date().safeParse(date).success ? text : null
}
