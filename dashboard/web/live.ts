// The live line: server-sent events into the query cache, and the truth about how old what is shown has become.
import type { QueryClient } from '@tanstack/react-query'
import type { z } from 'zod'
import type { Live as Events } from '../server/api/schema.ts'
import { ApiFailure, api, type RecentObservation } from './api.ts'
import { takeIn } from './queries.ts'

/** The server speaks every 15 s; after this long without a word the line counts as silent. */
export const SILENT_AFTER_MS = 40_000
const RETRY_MS = 5_000

export interface Line {
  /** The clinic's clock at its last word to this page; null before the first. */
  dataAt: number | null
  /** Why nothing can be refreshed now; null while the line lives. */
  failure: ApiFailure | null
  /** The clinic's clock minus this machine's, so that ages are right on a wrong clock. */
  skewMs: number
}

export interface LiveLine {
  snapshot(): Line
  subscribe(changed: () => void): () => void
  /** A query said that it could not, or could again. */
  failed(failure: ApiFailure): void
  succeeded(): void
  /** Opens the line (again) and fetches what is shown. */
  open(): void
  close(): void
}

type Parsed<K extends keyof typeof Events> = z.infer<(typeof Events)[K]>

/** @param signedOut called when the server no longer knows the session */
export function makeLive(client: QueryClient, now: () => number, signedOut: () => void): LiveLine {
  let line: Line = { dataAt: null, failure: null, skewMs: 0 }
  let source: EventSource | null = null
  let retry: ReturnType<typeof setTimeout> | undefined
  let watch: ReturnType<typeof setInterval> | undefined
  let heardAt = 0
  /** What was told while no line was open is not known here; so it is before the first, too. */
  let gap = true
  const listeners = new Set<() => void>()
  const set = (next: Partial<Line>) => {
    line = { ...line, ...next }
    for (const changed of listeners) changed()
  }
  const heard = (at?: string) => {
    heardAt = now()
    const skewMs = at === undefined ? line.skewMs : Date.parse(at) - heardAt
    set({ dataAt: heardAt + skewMs, skewMs })
    if (line.failure?.code === 'no-answer') set({ failure: null })
    // What failed is asked for again at each word of the server, so the page heals by itself.
    void client.refetchQueries({ predicate: (query) => query.state.status === 'error' || query.state.error !== null })
    if (gap) {
      gap = false
      void client.invalidateQueries()
    }
  }
  const lost = (failure: ApiFailure) => {
    if (failure.status === 401) return signedOut()
    gap ||= failure.code === 'no-answer'
    set({ failure })
  }
  const connect = () => {
    clearTimeout(retry)
    source?.close()
    heardAt = now()
    source = new EventSource('api/live')
    const on = <K extends keyof typeof Events>(name: K, take: (value: Parsed<K>) => void) =>
      source?.addEventListener(name, (event: MessageEvent<string>) => {
        heard(name === 'alive' ? (JSON.parse(event.data) as Parsed<'alive'>).at : undefined)
        take(JSON.parse(event.data) as Parsed<K>)
      })
    on('alive', () => undefined)
    on('observation', (observation: RecentObservation) => takeIn(client, observation))
    on('many', () => void client.invalidateQueries())
    on('kiosk', () => void client.invalidateQueries({ queryKey: ['kiosks'] }))
    on('quarantine', () => {
      void client.invalidateQueries({ queryKey: ['quarantine'] })
      void client.invalidateQueries({ queryKey: ['kiosks'] })
    })
    on('assigned', ({ resident }) => {
      void client.invalidateQueries({ queryKey: ['unassigned'] })
      void client.invalidateQueries({ queryKey: ['residents'] })
      void client.invalidateQueries({ queryKey: ['resident', resident] })
    })
    source.onopen = () => heard()
    source.onerror = () => void again()
  }
  /** An event source hides why it failed, so the session is asked; the browser's own retry gives up on any HTTP error. */
  const again = async () => {
    source?.close()
    source = null
    clearTimeout(retry)
    retry = setTimeout(connect, RETRY_MS)
    await api.session().then(
      () => lost(new ApiFailure('no-answer', 0, 'the live line broke')),
      (failure: ApiFailure) => lost(failure),
    )
  }
  return {
    snapshot: () => line,
    subscribe(changed) {
      listeners.add(changed)
      return () => listeners.delete(changed)
    },
    failed: lost,
    succeeded: () => {
      if (line.failure && line.failure.code !== 'no-answer') set({ failure: null })
      if (line.dataAt === null) set({ dataAt: now() + line.skewMs })
    },
    open() {
      connect()
      clearInterval(watch)
      // A line can die without a word (sleep, a dropped route): then it is opened anew.
      watch = setInterval(() => {
        if (source && now() - heardAt > SILENT_AFTER_MS) void again()
      }, RETRY_MS)
    },
    close() {
      source?.close()
      source = null
      clearTimeout(retry)
      clearInterval(watch)
      line = { dataAt: null, failure: null, skewMs: line.skewMs }
    },
  }
}
