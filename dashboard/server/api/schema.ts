// The clinic's HTTP API as zod schemas: the one source of its types, its checks and its OpenAPI document.
import { z } from 'zod'
import { Kind } from '../../../devices/kit/event.ts'
import { Clock, Instant, Observation, RecordId } from '../../../hub/contract/record.ts'
import { Status } from '../../../hub/contract/status.ts'
import { HubId } from '../../../hub/contract/topics.ts'

export const PAGE_SIZE = 50

/** Every error answers in this shape; `error` is a stable code, `message` says what came, what was expected, what to do. */
export const ApiError = z.object({ error: z.string(), message: z.string() })

/** `page` counts from 1; `before` is the anchor the first page gave: newcomers then shift nothing. */
export const PageQuery = z.object({
  page: z.coerce.number().int().min(1).max(100_000).default(1),
  before: z.string().max(200).optional(),
})

export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    /** The next page's number; null when this list is complete. */
    next: z.number().int().nullable(),
    before: z.string(),
    /** How many there are in all, under this anchor. */
    total: z.number().int(),
  })

const Text = z.object({ zh: z.string(), en: z.string() })

export const Site = z.object({ id: z.string(), name: Text, zone: z.string() })
export type Site = z.infer<typeof Site>

export const Role = z.enum(['doctor', 'county', 'admin'])

export const Credentials = z.object({ user: z.string().min(1).max(100), password: z.string().min(1).max(1000) })
/** The answer to POST /api/session, and to GET /api/session while the cookie holds: a reloaded page asks who is signed in. */
export const SessionUser = z.object({ user: z.string(), role: Role, sites: z.array(Site) })
export type SessionUser = z.infer<typeof SessionUser>

export const ResidentId = z.uuid()
export const Sex = z.enum(['male', 'female', 'unknown', 'not-stated'])

/** Severity and rule of one reading by the published table: never a diagnosis. */
export const Assessment = z.object({
  ruleSet: z.string(),
  rule: z.string(),
  band: z.string(),
  severity: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)]),
  flags: z.array(z.string()),
})

export const ApiObservation = z.object({
  id: RecordId,
  kind: Kind,
  /** With the site's offset; null while undated or while the hub's clock was not trusted ("time pending"). */
  takenAt: Instant.nullable(),
  timePending: z.boolean(),
  deviceTime: z.string().nullable(),
  receivedAt: Instant,
  values: z.record(z.string(), z.number().nullable()),
  unit: z.string(),
  range: z.enum(['above', 'below']).nullable(),
  context: Observation.shape.context,
  flags: z.array(z.string()),
  device: z.object({ vendor: z.string(), model: z.string(), serial: z.string().nullable() }),
  hub: HubId,
  site: z.string(),
  visit: RecordId.nullable(),
  clock: Clock,
  /** Null when no rule applies: under age, undated, retracted. */
  assessment: Assessment.nullable(),
  retracted: z.boolean(),
  /** Set when a named person gave this reading to the resident. */
  assigned: z.object({ by: z.string(), at: Instant, reason: z.string() }).nullable(),
})
export type ApiObservation = z.infer<typeof ApiObservation>

export const ResidentRow = z.object({
  id: ResidentId,
  name: z.string(),
  nameIncomplete: z.boolean(),
  sex: Sex,
  birthDate: z.string().nullable(),
  document: z.string(),
  /** First six and last four, the rest stars; of a number under 14 characters only the last two. */
  numberMasked: z.string(),
  homeSite: z.string(),
  latest: z.object({ bloodPressure: ApiObservation.nullable(), glucose: ApiObservation.nullable() }),
})
export type ResidentRow = z.infer<typeof ResidentRow>

export const Resident = ResidentRow.extend({
  counts: z.object({ bloodPressure: z.number().int(), glucose: z.number().int() }),
  firstVisit: Instant.nullable(),
})
export type Resident = z.infer<typeof Resident>

export const ResidentSearch = z.object({
  q: z.string().max(100),
  page: z.number().int().min(1).max(100_000).default(1),
  before: z.string().max(200).optional(),
})

/** With `from` or `to` undated readings are left out; without, they come first. */
export const ObservationQuery = PageQuery.extend({
  kind: Kind.optional(),
  from: Instant.optional(), // inclusive
  to: Instant.optional(), // exclusive
})

const Periods = z.object({ kind: Kind, by: z.enum(['day', 'week', 'month']), from: z.iso.date(), to: z.iso.date() })
const inTwoYears = ({ from, to }: z.infer<typeof Periods>) =>
  from < to && Date.parse(to) - Date.parse(from) <= 732 * 86_400_000
const IN_TWO_YEARS = { message: 'expected `from` before `to`, at most two years apart' }

/** By the calendar of the resident's home site; `to` is exclusive. Weeks begin on Monday, and are told whole. */
export const FiguresQuery = Periods.refine(inTwoYears, IN_TWO_YEARS)
/** The same of all residents at home at one site together. */
export const SiteFiguresQuery = Periods.extend({ site: z.string() }).refine(inTwoYears, IN_TWO_YEARS)

export const Figures = z.object({
  zone: z.string(),
  /** Oldest first; a period without a reading is left out. */
  items: z.array(
    z.object({
      from: z.iso.date(),
      to: z.iso.date(),
      unit: z.string(),
      readings: z.number().int(),
      /** HI and LO: readings that have no figure. */
      above: z.number().int(),
      below: z.number().int(),
      figures: z.record(
        z.string(),
        z.object({
          count: z.number().int(),
          mean: z.number(),
          min: z.number(),
          max: z.number(),
          latest: z.number(),
        }),
      ),
    }),
  ),
})

/** A reading with the resident it is shown under, if any. */
export const RecentObservation = ApiObservation.extend({
  resident: z.object({ id: ResidentId, name: z.string() }).nullable(),
})
export type RecentObservation = z.infer<typeof RecentObservation>

/** Who stood at the kiosk before and after: an aid to memory, never ranked as likely. */
export const Candidate = z.object({
  resident: z.object({ id: ResidentId, name: z.string(), numberMasked: z.string() }),
  visitOpenedAt: Instant,
  when: z.enum(['before', 'after']),
})

export const Unassigned = ApiObservation.extend({ candidates: z.array(Candidate) })
export type Unassigned = z.infer<typeof Unassigned>

export const Assign = z.object({ resident: ResidentId, reason: z.string().trim().min(1).max(200) })

export const QuarantineItem = z.object({
  id: z.string(),
  hub: z.string().nullable(),
  topic: z.string(),
  epoch: z.string().nullable(),
  seq: z.number().int().nullable(),
  receivedAt: Instant,
  /** A stable code, listed in `registry/quarantine.ts`: not-json, too-large, unknown-type, conflict, … */
  reason: z.string(),
  /** What came and what was expected. */
  detail: z.string(),
  /** What it is, or hex of it when it is no UTF-8. */
  encoding: z.enum(['text', 'hex']),
  bytes: z.number().int(),
  /** May it be read again after a repair? */
  retry: z.boolean(),
})
export type QuarantineItem = z.infer<typeof QuarantineItem>

/** The whole of it: opened one by one, and audited. */
export const QuarantineBody = z.object({ id: z.string(), body: z.string(), encoding: z.enum(['text', 'hex']) })
export const QuarantineQuery = PageQuery.extend({ hub: HubId.optional() })
export const QuarantineCounts = z.object({
  counts: z.array(z.object({ hub: z.string().nullable(), reason: z.string(), count: z.number().int() })),
})
export const Retried = z.object({ tried: z.number().int(), settled: z.number().int() })

export const Kiosk = z.object({
  hub: HubId,
  site: z.string(),
  /** By the clinic's own receipt time. `silent` differs from having no new reading. */
  presence: z.enum(['online', 'silent', 'offline', 'never', 'clone']),
  lastWord: Instant.nullable(),
  lastReading: Instant.nullable(),
  status: Status.nullable(),
  delivery: z.object({
    /** Each numbered sequence: `through` is the last that came, `missing` ranges at the hub only (the first 20), `gone` are nowhere. */
    epochs: z.array(
      z.object({
        epoch: z.string(),
        through: z.number().int(),
        kept: z.object({ first: z.number().int(), last: z.number().int() }).nullable(), // by the hub's own word
        stored: z.number().int(),
        missing: z.number().int(),
        ranges: z.array(z.tuple([z.number().int(), z.number().int()])),
        gone: z.number().int(),
      }),
    ),
    stored: z.number().int(), // rows of this hub kept here
    missing: z.number().int(), // rows the hub still keeps and we lack
    gone: z.number().int(), // rows no longer at the hub and never here
    quarantined: z.number().int(),
    conflicts: z.number().int(), // second, different versions of an id
  }),
})
export type Kiosk = z.infer<typeof Kiosk>

export const Health = z.object({
  status: z.enum(['ok', 'degraded']),
  version: z.string(),
  /** `standing`: it answers, but what arrived is not being kept. */
  registry: z.enum(['ok', 'away', 'standing']),
  /** `standing`: it answers, but what is kept is not being written. `incomplete`: the newest reading written is not in it. */
  series: z.enum(['ok', 'away', 'standing', 'incomplete']),
  broker: z.enum(['ok', 'away']),
  /** Observations kept whole but not yet in the series, and how long the oldest of them has waited. */
  waiting: z.number().int(),
  oldestWaitingSeconds: z.number().int().nullable(),
})
export type Health = z.infer<typeof Health>

/** Server-sent events of GET /api/live: `event` names the key, `data` is its value, `id` resumes. */
export const Live = {
  observation: RecentObservation,
  /** Something about a kiosk changed: fetch the list again. */
  kiosk: z.object({ hub: z.string() }),
  quarantine: z.object({ hub: z.string().nullable() }),
  /** A reading changed hands. */
  assigned: z.object({ id: RecordId, resident: ResidentId }),
  /** A backlog comes in: of its readings only those just taken are told one by one. Fetch anew what is shown. */
  many: z.object({}),
  /** Sent every 15 s: the page knows that the line lives, and how old its data are. */
  alive: z.object({ at: Instant }),
}
