// One person's time at the kiosk, from card to leaving, and what it makes of events. Pure: state and moment in, state and records out.

import type { z } from 'zod'
import type { Told } from '../devices/kit/driver.ts'
import type { CardRead, Failure, Progress, Reading } from '../devices/kit/event.ts'
import { clockOf, isoAt, type Moment } from './clock.ts'
import type { Identity } from './contract/record.ts'
import { type Draft, failureOf, observationOf, type Place, type Session, type Source, spanOfMemory } from './observe.ts'
import {
  type Bounds,
  LONGEST_SECONDS,
  othersWithin,
  ownerOfLive,
  ownerOfMemory,
  type Started,
  type Stay,
  type Verdict,
} from './owner.ts'
import { personOf, sameSubject } from './person.ts'
import type { Action, ScreenResult, View } from './screen/view.ts'

export interface VisitSettings extends Place {
  /** The hub's own alias key. Secret. */
  key: Uint8Array
  idleEndMs: number
  goodbyeMs: number
  /** Bounds a site sets for a device in place of its driver's and of its frames'. */
  siteSeconds(device: string): Bounds | undefined
}

export interface OpenVisit extends Stay {
  openedAt: string
  who: NonNullable<View['visit']>['who']
  birthDate: string | null
  band: number
  step: NonNullable<View['visit']>['step']
  device: string | null
  pressure: number | null
  results: ScreenResult[]
  failure: Failure | null
  /** Uptime of the last sign of life; idling counts from here. */
  activeMs: number
  /** While measuring: uptime after which the device is thought to have given up. */
  busyUntilMs: number
}

export interface State {
  /** The open visit, or the last one while it says goodbye (`closedMs` set). */
  visit: OpenVisit | null
  past: readonly Stay[]
  /** When each person's card was last seen on a reader. */
  seen: Readonly<Record<string, number>>
  /** Measurements the hub started and no result came of yet, by device. */
  started: Readonly<Record<string, Started>>
  /** The last live reading of each device, for those that repeat an unanswered frame. */
  last: Readonly<Record<string, { print: string; atMs: number }>>
  band: number
  /** Uptime of a card that could not be read. */
  cardFailedMs: number | null
}

export interface Outcome {
  state: State
  drafts: Draft[]
  /** Goes sealed with the visit among the drafts. */
  identity?: z.infer<typeof Identity>
  command?: { device: string; send: 'start' | 'stop' }
}

const BANDS = 6
/** A resting card is reported again and again; within this time of its last sight it is the same placing (FC-18). */
const REST_MS = 5000
/** For a device whose driver states nothing: wide, so that a doubt stays a doubt. */
const UNKNOWN_SECONDS: Bounds = { min: 30, max: 300 }
const GIVEN_UP_MS = 10_000
const CARD_FAILURE_MS = 10_000

/** @param past visits the outbox still knows from before a restart: their people may have left a measurement running */
export const firstState = (past: readonly Stay[] = []): State => ({
  visit: null,
  past,
  seen: {},
  started: {},
  last: {},
  band: BANDS - 1,
  cardFailedMs: null,
})

const isOpen = (visit: OpenVisit | null): visit is OpenVisit => visit !== null && visit.closedMs === null
export const openVisit = (state: State): OpenVisit | null => (isOpen(state.visit) ? state.visit : null)

const stays = (state: State): readonly Stay[] => (state.visit ? [...state.past, state.visit] : state.past)
const without = <T>(record: Readonly<Record<string, T>>, key: string): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([k]) => k !== key))

export function secondsOf(source: Source, settings: VisitSettings): Bounds {
  return settings.siteSeconds(source.id) ?? source.driver.measuringSeconds ?? UNKNOWN_SECONDS
}

// ---- The visit's life

/** A card on a reader: the same placing again, or a new visit which ends any other. */
export function layCard(
  state: State,
  card: CardRead,
  now: Moment,
  settings: VisitSettings,
  newId: () => string,
): Outcome {
  const person = personOf(card, settings.key)
  if (!person) return { state: { ...state, cardFailedMs: now.uptimeMs }, drafts: [] }
  const lastSeen = state.seen[person.alias]
  const fresh = Object.entries(state.seen).filter(([, atMs]) => now.uptimeMs - atMs <= REST_MS)
  const seen = { ...Object.fromEntries(fresh), [person.alias]: now.uptimeMs }
  const next = { ...state, seen, cardFailedMs: null }
  if (lastSeen !== undefined && now.uptimeMs - lastSeen <= REST_MS) return { state: next, drafts: [] }
  const subject = { hub: settings.hub, alias: person.alias }
  const who = { subject, person: person.alias, who: person.masked, birthDate: person.birthDate }
  return { ...open(next, who, now, settings, newId()), identity: person.identity }
}

function open(
  state: State,
  who: Pick<OpenVisit, 'subject' | 'person' | 'who' | 'birthDate'>,
  now: Moment,
  settings: VisitSettings,
  id: string,
): Outcome {
  const band = (state.band + 1) % BANDS // in turn, so never one of the last two
  const openedAt = isoAt(now.wallMs, settings.zone)
  const visit: OpenVisit = {
    ...who,
    visit: id,
    openedMs: now.uptimeMs,
    closedMs: null,
    openedAt,
    band,
    step: 'ready',
    device: null,
    pressure: null,
    results: [],
    failure: null,
    activeMs: now.uptimeMs,
    busyUntilMs: 0,
  }
  const { hub } = settings
  const record = { type: 'visit', id, hub, openedAt, clock: clockOf(now), subject: who.subject, sealed: null } as const
  return { state: { ...state, past: pastAfter(state, now), visit, band }, drafts: [record] }
}

/** Everybody who was here, the present one closed now; who left longer ago than any measurement takes is forgotten. */
function pastAfter({ past, visit }: State, now: Moment): Stay[] {
  const kept = past.filter((stay) => now.uptimeMs - (stay.closedMs ?? now.uptimeMs) <= LONGEST_SECONDS * 1000)
  if (!visit) return kept
  const { visit: id, person, subject, openedMs, closedMs } = visit
  return [...kept, { visit: id, person, subject, openedMs, closedMs: closedMs ?? now.uptimeMs }]
}

/** The visit is over for the rule at once; the page says goodbye to nobody in particular for a moment. */
function close(state: State, now: Moment): State {
  if (!isOpen(state.visit)) return state
  const gone = { who: null, results: [], failure: null, pressure: null, device: null, birthDate: null }
  return { ...state, visit: { ...state.visit, ...gone, closedMs: now.uptimeMs, step: 'goodbye' } }
}

/** Somebody else who was just here may have left a measurement running on this device, and it would ignore a start. */
export function mayBeBusy(state: State, source: Source, now: Moment, settings: VisitSettings): boolean {
  const person = openVisit(state)?.person ?? ''
  return othersWithin(stays(state), person, now.uptimeMs, secondsOf(source, settings).max)
}

/**
 * What a visitor did on the page. Repeating is harmless; what makes no sense now changes nothing.
 * @param stopFirst the device was stopped before it is started: whatever ran on it does not any more
 */
export function act(
  state: State,
  action: Action,
  now: Moment,
  settings: VisitSettings,
  newId: () => string,
  sources: ReadonlyMap<string, Source>,
  stopFirst = false,
): Outcome {
  const nothing = { state, drafts: [] }
  const { visit } = state
  if (action.do === 'guest') {
    if (isOpen(visit)) return nothing
    const id = newId()
    return open(state, { subject: null, person: `guest ${id}`, who: null, birthDate: null }, now, settings, id)
  }
  if (!isOpen(visit)) return nothing
  const active = { ...visit, activeMs: now.uptimeMs }
  switch (action.do) {
    case 'start': {
      const source = sources.get(action.device)
      if (!source?.driver.commands?.start || visit.step === 'measuring') return nothing
      const busyUntilMs = now.uptimeMs + secondsOf(source, settings).max * 1000 + GIVEN_UP_MS
      const measuring = { ...active, step: 'measuring' as const, device: source.id, pressure: null, busyUntilMs }
      const sure = stopFirst || !mayBeBusy(state, source, now, settings)
      const started = { ...state.started, [source.id]: { visit: visit.visit, atMs: now.uptimeMs, sure } }
      const command = { device: source.id, send: 'start' as const }
      return { state: { ...state, visit: { ...measuring, failure: null }, started }, drafts: [], command }
    }
    case 'stop':
      return stopped({ ...state, visit: { ...active, ...atRest(visit) } }, action.device, sources)
    case 'again':
      return { state: { ...state, visit: { ...active, ...atRest(visit), failure: null } }, drafts: [] }
    case 'stay':
      return { state: { ...state, visit: active }, drafts: [] }
    case 'leave': {
      const closed = close(state, now)
      return visit.step === 'measuring' && visit.device
        ? stopped(closed, visit.device, sources)
        : { state: closed, drafts: [] }
    }
  }
}

const atRest = ({ step }: OpenVisit) =>
  step === 'goodbye' ? { step } : { step: 'ready' as const, device: null, pressure: null }

function stopped(state: State, device: string, sources: ReadonlyMap<string, Source>): Outcome {
  const stops = sources.get(device)?.driver.commands?.stop !== undefined
  const next = { ...state, started: without(state.started, device) }
  return stops ? { state: next, drafts: [], command: { device, send: 'stop' } } : { state: next, drafts: [] }
}

/** Time goes by: idle visits end, goodbyes vanish, a device that never answered is no longer waited for. */
export function pass(state: State, now: Moment, settings: VisitSettings): State {
  let next = state
  if (next.cardFailedMs !== null && now.uptimeMs - next.cardFailedMs > CARD_FAILURE_MS)
    next = { ...next, cardFailedMs: null }
  const { visit } = next
  if (!visit) return next
  if (visit.closedMs !== null)
    return now.uptimeMs - visit.closedMs > settings.goodbyeMs
      ? { ...next, past: pastAfter(next, now), visit: null }
      : next
  if (visit.step === 'measuring') {
    if (now.uptimeMs <= visit.busyUntilMs) return next
    return { ...next, visit: { ...visit, ...atRest(visit), activeMs: now.uptimeMs } }
  }
  return now.uptimeMs - visit.activeMs >= settings.idleEndMs ? close(next, now) : next
}

// ---- What devices say

/** Live cuff pressure: shown, never a result. */
export function progress(state: State, { pressure }: Progress, source: Source, now: Moment): State {
  const { visit } = state
  if (!isOpen(visit)) return state
  const busyUntilMs = Math.max(visit.busyUntilMs, now.uptimeMs + GIVEN_UP_MS)
  const measuring = { step: 'measuring' as const, device: source.id, pressure, busyUntilMs, activeMs: now.uptimeMs }
  return { ...state, visit: { ...visit, ...measuring, failure: null } }
}

/** @param waited it lay in the port before we opened it: nobody's (FC-30) */
export function reading(
  state: State,
  told: Told & { event: Reading },
  source: Source,
  session: Session,
  now: Moment,
  settings: VisitSettings,
  waited = false,
): Outcome {
  const { driver } = source
  const print = JSON.stringify(told.event)
  const last = state.last[source.id]
  const repeated = last?.print === print && now.uptimeMs - last.atMs <= (driver.resendsWithinMs ?? -1)
  if (!driver.memory && repeated) return { state, drafts: [] }
  const verdict = waited
    ? ({ flag: 'unassigned-waiting' } as const)
    : verdictOn(state, told, source, session, now, settings)
  const draft = observationOf(told, source, session, verdict, now, settings)
  if (driver.memory) return { state, drafts: [draft] }
  return {
    state: {
      ...state,
      started: waited ? state.started : without(state.started, source.id),
      last: { ...state.last, [source.id]: { print, atMs: now.uptimeMs } },
    },
    drafts: [draft],
  }
}

function verdictOn(
  state: State,
  { event, subject, measuredSeconds }: Pick<Told, 'subject' | 'measuredSeconds'> & { event: Reading },
  source: Source,
  session: Session,
  now: Moment,
  settings: VisitSettings,
): Verdict {
  const verdict = source.driver.memory
    ? ownerOfMemory(stays(state), spanOfMemory(event, session, now))
    : ownerOfLive(stays(state), {
        arrivedMs: now.uptimeMs,
        seconds: secondsOf(source, settings),
        measuredSeconds: settings.siteSeconds(source.id) ? null : (measuredSeconds ?? null),
        started: state.started[source.id] ?? null,
      })
  if (!('stay' in verdict) || subject === undefined) return verdict
  const alias = verdict.stay.subject?.alias
  return alias && sameSubject(subject, alias, settings.key) ? verdict : { flag: 'unassigned-subject' }
}

/** It measured and failed, or a card could not be read (told once per try, however often the reader repeats it). */
export function failure(
  state: State,
  event: Failure,
  source: Source,
  session: Session,
  now: Moment,
  settings: VisitSettings,
): Outcome {
  if (event.of === 'identity') {
    const draft = failureOf(event, source, session, null, now, settings)
    const known = state.cardFailedMs !== null
    return { state: { ...state, cardFailedMs: now.uptimeMs }, drafts: known ? [] : [draft] }
  }
  const verdict = ownerOfLive(stays(state), {
    arrivedMs: now.uptimeMs,
    // A failure may come in the first second of a measurement.
    seconds: { ...secondsOf(source, settings), min: 0 },
    measuredSeconds: null,
    started: state.started[source.id] ?? null,
  })
  const visit = 'stay' in verdict ? verdict.stay.visit : null
  const next = { ...state, started: without(state.started, source.id) }
  return { state: next, drafts: [failureOf(event, source, session, visit, now, settings)] }
}
