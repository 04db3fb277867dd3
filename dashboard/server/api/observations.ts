// Readings as they arrive, whoever they are of: the newest first.
import { recentObservations } from '../registry/observations.ts'
import { me } from './auth.ts'
import type { App, Deps } from './deps.ts'
import { answerOf, windowOf } from './paging.ts'
import { asRecent } from './reading.ts'
import { listOf, PageQuery, RecentObservation } from './schema.ts'
import { people, scope } from './scope.ts'

export function observations(app: App, { registry }: Deps) {
  app.get(
    '/api/observations/recent',
    { schema: { querystring: PageQuery, response: { 200: listOf(RecentObservation) } } },
    async (request) => {
      const seen = people(scope(me(request)))
      return answerOf(request.query, await recentObservations(registry, windowOf(seen, request.query)), asRecent)
    },
  )
}
