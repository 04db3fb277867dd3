// What came in and could not be accepted: the list, the whole of one thing, and the asking to read it again after a repair.
import { z } from 'zod'
import { audit, auditOpening } from '../registry/audit.ts'
import { listQuarantine, quarantineCounts, quarantineOf, RETRIED } from '../registry/quarantine.ts'
import type { Sites } from '../registry/scope.ts'
import { type Retry, retryRefused } from '../retry.ts'
import { me } from './auth.ts'
import type { App, Deps } from './deps.ts'
import { ApiFault } from './errors.ts'
import { answerOf, windowOf } from './paging.ts'
import {
  ApiError,
  listOf,
  QuarantineBody,
  QuarantineCounts,
  QuarantineItem,
  QuarantineQuery,
  Retried,
  type SessionUser,
} from './schema.ts'
import { scope } from './scope.ts'
import { zoned } from './zoned.ts'

/** Readings lie in it, under an alias: county staff see that there is something, and not what it says. */
function opens(user: SessionUser): Sites {
  if (user.role !== 'county') return scope(user).machines
  throw new ApiFault(
    'not-allowed',
    'This account may not open what lies in the quarantine. Ask the doctor of the site.',
  )
}

const Id = z.object({ id: z.string().regex(/^[0-9a-f]{32}$/, 'expected the id of a kept record') })
const missing = () => new ApiFault('not-found', 'Nothing with this id is in the quarantine you may see.')

export function quarantine(app: App, { registry, keys, sites, now, changes }: Deps) {
  app.get(
    '/api/quarantine',
    { schema: { querystring: QuarantineQuery, response: { 200: listOf(QuarantineItem) } } },
    async (request) => {
      const { machines } = scope(me(request))
      const listed = await listQuarantine(registry, windowOf(machines, request.query), request.query.hub)
      return answerOf(request.query, listed, ({ received_at_ms, ...item }) => ({
        ...item,
        receivedAt: zoned(received_at_ms, sites[0]?.zone ?? 'UTC'),
        retry: RETRIED.some((reason) => reason === item.reason),
      }))
    },
  )

  app.get('/api/quarantine/counts', { schema: { response: { 200: QuarantineCounts } } }, async (request) => ({
    counts: await quarantineCounts(registry, scope(me(request)).machines),
  }))

  app.get(
    '/api/quarantine/:id',
    { schema: { params: Id, response: { 200: QuarantineBody, 403: ApiError, 404: ApiError } } },
    async (request) => {
      const user = me(request)
      const { id } = request.params
      const [row] = await quarantineOf(registry, opens(user), { id, limit: 1 })
      if (!row) throw missing()
      await auditOpening(registry, now(), user.user, id, 'quarantine-opened')
      return row
    },
  )

  const again = async (user: SessionUser, which: Retry) => {
    const { tried, settled, changes: told } = await retryRefused(registry, keys, now(), which)
    const deed = { user: user.user, action: 'quarantine-retried', target: which.id ?? '-' } as const
    await audit(registry, now(), { ...deed, detail: `tried ${tried}, settled ${settled}` })
    for (const change of told) changes.tell(change)
    return { tried, settled }
  }
  const errors = { 403: ApiError, 404: ApiError }

  app.post('/api/quarantine/retry', { schema: { response: { 200: Retried, ...errors } } }, (request) => {
    const user = me(request)
    return again(user, { sites: opens(user) })
  })

  app.post(
    '/api/quarantine/:id/retry',
    { schema: { params: Id, response: { 200: Retried, ...errors } } },
    async (request) => {
      const user = me(request)
      const mine = opens(user)
      const { id } = request.params
      if ((await quarantineOf(registry, mine, { id, limit: 1 })).length === 0) throw missing()
      return again(user, { sites: mine, id })
    },
  )
}
