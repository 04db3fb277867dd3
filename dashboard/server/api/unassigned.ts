// Readings without an owner: who stood at the kiosk before and after, and the giving of one to a resident by a named person.
import { z } from 'zod'
import { RecordId } from '../../../hub/contract/record.ts'
import { assign, candidatesFor, getObservation, type Shown, unassignedObservations } from '../registry/observations.ts'
import { getResident } from '../registry/residents.ts'
import { me } from './auth.ts'
import type { App, Deps } from './deps.ts'
import { ApiFault } from './errors.ts'
import { answerOf, windowOf } from './paging.ts'
import { asReading, asRecent } from './reading.ts'
import { masked } from './residents.ts'
import { ApiError, Assign, listOf, PageQuery, RecentObservation, Unassigned } from './schema.ts'
import { people, scope } from './scope.ts'
import { zoned } from './zoned.ts'

export function unassigned(app: App, { registry, now, changes }: Deps) {
  const asUnassigned = async (shown: Shown): Promise<z.infer<typeof Unassigned>> => {
    const candidates = await candidatesFor(registry, shown)
    return {
      ...asReading(shown),
      candidates: candidates.map(({ resident, openedAtMs, when }) => ({
        resident: { id: resident.id, name: resident.name, numberMasked: masked(resident.number) },
        visitOpenedAt: zoned(openedAtMs, shown.zone),
        when,
      })),
    }
  }

  app.get(
    '/api/unassigned',
    { schema: { querystring: PageQuery, response: { 200: listOf(Unassigned) } } },
    async (request) => {
      const seen = people(scope(me(request)))
      return answerOf(
        request.query,
        await unassignedObservations(registry, windowOf(seen, request.query)),
        asUnassigned,
      )
    },
  )

  app.post(
    '/api/unassigned/:id',
    {
      schema: {
        params: z.object({ id: RecordId }),
        body: Assign,
        response: { 200: RecentObservation, 404: ApiError, 409: ApiError },
      },
    },
    async (request) => {
      const user = me(request)
      const seen = people(scope(user))
      const { resident, reason } = request.body
      const reading = await getObservation(registry, seen, request.params.id)
      if (!reading) throw new ApiFault('not-found', 'No reading with this id is among those you may see.')
      // A person at home elsewhere may be chosen too, if they stood at this kiosk around that time.
      const known = await getResident(registry, seen, resident)
      const candidate = known
        ? undefined
        : (await candidatesFor(registry, reading)).find((c) => c.resident.id === resident)
      if (!known && !candidate) throw new ApiFault('not-found', 'No resident with this id is among those you may see.')
      const given = { observation: reading.id, resident, user: user.user, reason, atMs: now() }
      const outcome = await assign(registry, given)
      const after = await getObservation(registry, seen, reading.id)
      // Asked twice for the same person is done once; whose it is by card or by another's decision stays so.
      if (after?.resident?.id !== resident)
        throw new ApiFault('already-assigned', 'This reading is somebody’s already. Fetch the list again.')
      if (outcome === 'assigned') changes.tell({ kind: 'assigned', id: reading.id, resident })
      return asRecent(after)
    },
  )
}
