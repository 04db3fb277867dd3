// Kiosks with their devices, queue, gaps and last word.
import { kioskStates } from '../registry/delivery.ts'
import { me } from './auth.ts'
import type { App, Deps } from './deps.ts'
import { answerOf, windowOf } from './paging.ts'
import { Kiosk, listOf, PAGE_SIZE, PageQuery } from './schema.ts'
import { scope } from './scope.ts'
import { zoned } from './zoned.ts'

export function machines(app: App, { registry, now, presenceMs }: Deps) {
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
}
