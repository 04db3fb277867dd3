// The registry's tables as types: people and work, the records as they came, and where each point of the series lies.
// Instants are milliseconds since 1970; truths are 0 or 1; `subject` is '<hub>/<alias>': SQLite and PostgreSQL read it alike.
import type { Kysely } from 'kysely'

/** One row a counter: `n` comes from here, under the row's lock, so it grows in commit order. */
export interface CounterTable {
  name: 'residents' | 'observations' | 'quarantine'
  value: number
}

export interface SiteTable {
  id: string
  name_zh: string
  name_en: string
  zone: string
}

/** Credentials of an enrolled hub for the embedded broker; a revoked hub is neither let in nor believed. */
export interface HubTable {
  id: string
  site: string
  password_hash: string // as secret.ts makes it; '-' when it signs in by certificate
  certificate: string | null // the user name that its certificate carries
  created_at_ms: number
  revoked_at_ms: number | null
}

/** Every start of a hub the clinic has heard of (promises 2.5). */
export interface HubSessionTable {
  hub: string
  session: string
  status: string // Status as JSON
  online: number // what its last status said: 0 after its will
  first_heard_ms: number | null // by the clinic's clock; null while only a retained word from before is known
  last_heard_ms: number | null
  received_at_ms: number // of the last word that was no will, retained ones too; 0 when only a will is known
}

export interface UserTable {
  id: string
  name: string
  role: 'doctor' | 'county' | 'admin'
  password_hash: string
  created_at_ms: number
}

export interface UserSiteTable {
  user: string
  site: string
}

export interface SessionTable {
  id_hash: string
  user: string
  created_at_ms: number
  expires_at_ms: number
}

export interface ResidentTable {
  id: string // random UUID
  n: number
  number_key: string // HMAC of authority|number with the clinic's own key
  authority: string
  document: string
  number: string
  name: string
  name_search: string
  name_incomplete: number
  sex: string
  birth_date: string | null
  home_site: string
  /** 1 once staff have set it: no visit changes it any more. */
  home_site_fixed: number
  first_visit_ms: number | null
  created_at_ms: number
}

/** Who stands behind a hub's alias. Disputed: its visits carried two different numbers, so it is nobody's. */
export interface SubjectTable {
  id: string // '<hub>/<alias>'
  hub: string
  resident: string | null
  disputed: number
}

export interface VisitTable {
  id: string
  hub: string
  subject: string | null
  opened_at_ms: number | null // null while the hub's clock was not trusted and its true time is not known
  boot: string
  uptime_ms: number
  trusted: number
  sealed: string | null
  /** none: a guest; sealed: no key fits yet; open: `identity` holds it. */
  identity_state: 'none' | 'sealed' | 'open'
  identity: string | null // Identity as JSON, its number canonical
  number_key: string | null
}

/** Every accepted record, whole, in its first version. */
export interface RecordTable {
  id: string
  type: string
  hub: string
  body: string // JSON
  received_at_ms: number
}

/** Every (hub, epoch, seq) a record came by. One of the two is set, or none: it was of somebody who was erased. */
export interface ArrivalTable {
  hub: string
  epoch: string
  seq: number
  record: string | null
  quarantine: string | null
}

/** Merged closed intervals of the numbers that arrived: what the mark is made of. */
export interface CoverageTable {
  hub: string
  epoch: string
  from_seq: number
  to_seq: number
}

export interface EpochTable {
  hub: string
  epoch: string
  last_arrival_ms: number
}

/** The current stored mark of each hub. */
export interface MarkTable {
  hub: string
  rev: number
  id: string
  at_ms: number
}

/** The index of observations. Placed: it has its point, for ever. */
export interface ObservationTable {
  id: string
  n: number // grows in commit order: pages anchor on it, live events resume by it
  kind: string
  unit: string
  hub: string
  subject: string | null
  visit: string | null
  /** placed; undated: from a memory without date; pending: the hub's clock was not trusted, or said what cannot be. */
  state: 'placed' | 'undated' | 'pending'
  taken_at_ms: number | null
  boot: string
  uptime_ms: number
  bucket: string
  place_ms: number | null
  place_ns: number | null // 0–999,999 within the millisecond
  /** 1: in the series, under `beat`; 2: the store refused it, which stands in the quarantine. */
  stored: number
  beat: string | null
  retracted: number
  received_at_ms: number
  /** Set while only the series knows this reading (the registry was restored): the point as JSON, until its record comes again. */
  point: string | null
  range: 'above' | 'below' | null
  /** The figures of its kind in their order, as a JSON list with null where there is none. */
  numbers: string | null
}

/** Beats the registry believes to be in the series. */
export interface BeatTable {
  id: string
  at_ms: number
}

export interface ClockTable {
  hub: string
  boot: string
  uptime_ms: number
  instant_ms: number
}

export interface RetractionTable {
  id: string
  hub: string
  of: string
  at_ms: number
  reason: string
}

/** What could not be accepted, whole; and, with reason conflict, a second different version of an id. */
export interface QuarantineTable {
  id: string // hash of what came
  n: number
  hub: string | null
  topic: string
  epoch: string | null
  seq: number | null
  reason: string
  detail: string
  body: string
  encoding: 'text' | 'hex'
  bytes: number
  received_at_ms: number
}

/** A named person gave this reading to a resident; the history is in the audit. */
export interface AssignmentTable {
  observation: string
  resident: string
  user: string
  at_ms: number
  reason: string
}

/** Asked of a hub. The hub may answer more than once: only `done` ends it, and then `command` is emptied. */
export interface CommandTable {
  key: string
  hub: string
  command: string // JSON, by hub/contract/command.ts
  made_at_ms: number
  outcome: 'done' | 'refused' | 'late' | null
  outcome_at_ms: number | null
}

export interface AuditTable {
  id: string
  at_ms: number
  user: string
  action: string
  target: string // random ids only, never a name or a number
  detail: string
}

/** These three lie in a file of their own beside the registry (registry/tombstones.ts). */
export interface TombstoneTable {
  hash: string
  at_ms: number
}

export interface ErasureKeyTable {
  hex: string
}

export interface ErasedPlaceTable {
  kind: string
  bucket: string
  unit: string
  place_ms: number
  place_ns: number
  done: number // 1: the series holds nothing there
}

export interface Tables {
  counters: CounterTable
  sites: SiteTable
  hubs: HubTable
  hub_sessions: HubSessionTable
  users: UserTable
  user_sites: UserSiteTable
  sessions: SessionTable
  residents: ResidentTable
  subjects: SubjectTable
  visits: VisitTable
  records: RecordTable
  arrivals: ArrivalTable
  coverage: CoverageTable
  epochs: EpochTable
  marks: MarkTable
  observations: ObservationTable
  beats: BeatTable
  clocks: ClockTable
  retractions: RetractionTable
  quarantine: QuarantineTable
  assignments: AssignmentTable
  commands: CommandTable
  audit: AuditTable
  tombstones: TombstoneTable
  erasure_key: ErasureKeyTable
  erased_places: ErasedPlaceTable
}

/** The registry, or a transaction of it: every query function takes either. */
export type Registry = Kysely<Tables>
