// The live line: server-sent events of what this user may see, resumed by the number of the last reading received.
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import type { Change as Kept } from '../registry/intake.ts'
import { getObservation, justTaken, observationsAfter } from '../registry/observations.ts'
import { lastNumber } from '../registry/registry.ts'
import { COOKIE, whoIs } from './auth.ts'
import type { App, Deps } from './deps.ts'
import { asRecent } from './reading.ts'
import type { Live } from './schema.ts'
import { type Scope, scope } from './scope.ts'
import { zoned } from './zoned.ts'

/** What happened. It only wakes the lines: what they send is read from the registry. */
export type Change = Kept | { kind: 'assigned'; id: string; resident: string } | { kind: 'session' } // one ended

/** Where changes are told and heard. */
export interface Changes {
  tell(change: Change): void
  /** @returns how to stop listening */
  listen(heard: (change: Change) => void): () => void
}

export function makeChanges(): Changes {
  const listeners = new Set<(change: Change) => void>()
  return {
    tell: (change) => {
      for (const heard of listeners) heard(change)
    },
    listen: (heard) => {
      listeners.add(heard)
      return () => listeners.delete(heard)
    },
  }
}

export const ALIVE_MS = 15_000
const BATCH = 100
/** A page that takes nothing for so long is gone: it comes back and resumes. */
const STUCK_MS = 30_000
/** Further behind than this, a backlog comes in: a page could not show its readings one by one. */
const MOST_BEHIND = 500
const JUST_TAKEN_MS = 10 * 60_000
/** A page fetches everything anew no more often while a backlog comes in. */
const MANY_MS = 2000
/** More changes of hands than this between two wakings: the page is sent away, to fetch everything anew. */
const MOST_WAITING = 1000

export function live(app: App, deps: Deps) {
  const closing = new AbortController()
  app.addHook('preClose', async () => closing.abort())

  // An empty header is what a browser sends before it has received an id.
  const headers = z.object({
    'last-event-id': z
      .string()
      .regex(/^\d{0,15}$/, 'expected the id of a live event')
      .optional(),
  })

  app.get('/api/live', { schema: { headers } }, async (request, reply) => {
    const newest = await lastNumber(deps.registry, 'observations')
    const last = request.headers['last-event-id']
    // A registry restored from a backup counts from lower numbers again: a page from before begins anew.
    const from = last ? Math.min(Number(last), newest) : newest
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), 'content-type': 'text/event-stream' })
    const gone = new AbortController()
    raw.on('close', () => gone.abort())
    const ended = AbortSignal.any([gone.signal, closing.signal])
    try {
      await follow(raw, request.cookies[COOKIE], from, deps, ended)
    } catch (error) {
      if (!ended.aborted) request.log.warn({ err: error }, 'a live line ended early')
    }
    raw.end()
  })
}

async function follow(raw: ServerResponse, token: string | undefined, from: number, deps: Deps, ended: AbortSignal) {
  const { registry, sites, now, changes } = deps
  let n = from
  const waiting = {
    again: new Set<string>(), // readings sent before, whose owner has become known
    kiosks: new Set<string>(),
    quarantine: new Set<string | null>(),
    assigned: new Map<string, string>(),
  }
  let wake = () => {}
  let woken = false
  const stop = changes.listen((change) => {
    if (change.kind === 'observation' && change.owner && change.n <= n) waiting.again.add(change.id)
    if (change.kind === 'kiosk') waiting.kiosks.add(change.hub)
    if (change.kind === 'quarantine') waiting.quarantine.add(change.hub)
    if (change.kind === 'assigned') waiting.assigned.set(change.id, change.resident)
    woken = true
    wake()
  })
  const send = async <K extends keyof typeof Live>(event: K, data: z.infer<(typeof Live)[K]>) => {
    if (raw.write(`event: ${event}\nid: ${n}\ndata: ${JSON.stringify(data)}\n\n`)) return
    await once(raw, 'drain', { signal: AbortSignal.any([ended, AbortSignal.timeout(STUCK_MS)]) })
  }
  try {
    let aliveAt = Number.NEGATIVE_INFINITY
    let manyAt = Number.NEGATIVE_INFINITY
    let untold = false
    while (!ended.aborted && waiting.assigned.size + waiting.again.size <= MOST_WAITING) {
      woken = false
      const user = await whoIs(registry, sites, token, now())
      if (!user) return
      const seen = scope(user)
      const newest = await lastNumber(registry, 'observations')
      if (newest - n > MOST_BEHIND) {
        const fromMs = now() - JUST_TAKEN_MS
        const some = await justTaken(registry, seen.people, { n, last: newest, fromMs, limit: MOST_BEHIND })
        n = newest
        for (const shown of some) await send('observation', asRecent(shown))
        untold = true
      }
      for (let more = true; more; ) {
        const batch = await observationsAfter(registry, seen.people, n, BATCH)
        for (const shown of batch) {
          n = shown.n
          await send('observation', asRecent(shown))
        }
        more = batch.length === BATCH
      }
      n = Math.max(n, newest)
      for (const id of taken(waiting.again)) {
        const shown = await getObservation(registry, seen.people, id)
        if (shown) await send('observation', asRecent(shown))
      }
      for (const hub of taken(waiting.kiosks)) if (await seesHub(deps, seen, hub)) await send('kiosk', { hub })
      for (const hub of taken(waiting.quarantine)) if (await seesHub(deps, seen, hub)) await send('quarantine', { hub })
      for (const [id, resident] of taken(waiting.assigned)) {
        if (await getObservation(registry, seen.people, id)) await send('assigned', { id, resident })
      }
      if (untold && now() - manyAt >= MANY_MS) {
        untold = false
        manyAt = now()
        await send('many', {})
      }
      if (now() - aliveAt >= deps.aliveMs) {
        aliveAt = now()
        await send('alive', { at: zoned(aliveAt, user.sites[0]?.zone ?? 'UTC') })
      }
      const restMs = Math.min(deps.aliveMs - (now() - aliveAt), untold ? MANY_MS - (now() - manyAt) : deps.aliveMs)
      if (!woken) await pause(restMs, ended, (awake) => (wake = awake))
    }
  } finally {
    stop()
  }
}

function taken<T>(waiting: Set<T>): T[]
function taken<K, V>(waiting: Map<K, V>): [K, V][]
function taken(waiting: Set<unknown> | Map<unknown, unknown>): unknown[] {
  const all = [...waiting]
  waiting.clear()
  return all
}

/** Until woken, or the time is over, or the line ended. */
const pause = (ms: number, ended: AbortSignal, wakeBy: (wake: () => void) => void) =>
  new Promise<void>((resolve) => {
    const awake = () => {
      clearTimeout(timer)
      ended.removeEventListener('abort', awake)
      resolve()
    }
    const timer = setTimeout(awake, Math.max(1, ms))
    ended.addEventListener('abort', awake, { once: true })
    if (ended.aborted) awake()
    wakeBy(awake)
  })

async function seesHub({ registry }: Deps, { machines }: Scope, hub: string | null): Promise<boolean> {
  if (machines === 'all') return true
  if (hub === null) return false
  const row = await registry.selectFrom('hubs').select('site').where('id', '=', hub).executeTakeFirst()
  return row !== undefined && machines.includes(row.site)
}
