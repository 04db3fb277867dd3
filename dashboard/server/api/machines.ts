// Kiosks with their devices, queue and last word; and what came from them that could not be accepted.
import { kioskStates } from '../registry/delivery.ts'
import { listQuarantine } from '../registry/quarantine.ts'
import { me } from './auth.ts'
import type { App, Deps } from './deps.ts'
import { answerOf, windowOf } from './paging.ts'
import { Kiosk, listOf, PAGE_SIZE, PageQuery, QuarantineItem } from './schema.ts'
import { scope } from './scope.ts'
import { zoned } from './zoned.ts'

export function machines(app: App, { registry, sites, now, presenceMs }: Deps) {
  app.get('/api/kiosks', { schema: { querystring: PageQuery, response: { 200: listOf(Kiosk) } } }, async (request) => {
    const { machines } = scope(me(request))
    const { offset } = windowOf(machines, request.query)
    const states = await kioskStates(registry, machines, now(), presenceMs)
    const listed = { items: states.slice(offset, offset + PAGE_SIZE), total: states.length, before: 0 }
    return answerOf(request.query, listed, ({ zone, lastWordMs, lastReadingMs, ...state }) => ({
      ...state,
      lastWord: lastWordMs === null ? null : zoned(lastWordMs, zone),
      lastReading: lastReadingMs === null ? null : zoned(lastReadingMs, zone),
    }))
  })

  app.get(
    '/api/quarantine',
    { schema: { querystring: PageQuery, response: { 200: listOf(QuarantineItem) } } },
    async (request) => {
      const { machines } = scope(me(request))
      const listed = await listQuarantine(registry, windowOf(machines, request.query))
      return answerOf(request.query, listed, ({ received_at_ms, ...item }) => ({
        ...item,
        receivedAt: zoned(received_at_ms, sites[0]?.zone ?? 'UTC'),
      }))
    },
  )
}
