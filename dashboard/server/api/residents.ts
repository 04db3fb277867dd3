// Residents: the list, the search, one person with the newest of each kind, and all readings of that person.
import { z } from 'zod'
import { audit, auditOpening } from '../registry/audit.ts'
import { countsOf, figuresOf, latestOf, observationsOf, type Shown } from '../registry/observations.ts'
import { getResident, listResidents, searchResidents, subjectsOf } from '../registry/residents.ts'
import type { ResidentTable } from '../registry/schema.ts'
import type { Sites } from '../registry/scope.ts'
import type { Place } from '../store/store.ts'
import { me } from './auth.ts'
import { periods } from './calendar.ts'
import type { App, Deps } from './deps.ts'
import { ApiFault } from './errors.ts'
import { answerOf, windowOf } from './paging.ts'
import { asReading, type Values } from './reading.ts'
import {
  ApiObservation,
  Figures,
  FiguresQuery,
  listOf,
  ObservationQuery,
  PageQuery,
  type ApiObservation as Reading,
  Resident,
  ResidentId,
  ResidentRow,
  ResidentSearch,
  Sex,
} from './schema.ts'
import { people, scope } from './scope.ts'
import { zoned } from './zoned.ts'

export function residents(app: App, { registry, store, sites, now }: Deps) {
  const latest = async (row: ResidentTable, kind: Reading['kind']): Promise<Reading | null> => {
    const shown = await latestOf(registry, row.id, kind)
    return shown && asReading(shown)
  }

  const asRow = async (row: ResidentTable): Promise<z.infer<typeof ResidentRow>> => ({
    id: row.id,
    name: row.name,
    nameIncomplete: row.name_incomplete === 1,
    sex: Sex.parse(row.sex),
    birthDate: row.birth_date,
    document: row.document,
    numberMasked: masked(row.number),
    homeSite: row.home_site,
    latest: { bloodPressure: await latest(row, 'blood-pressure'), glucose: await latest(row, 'glucose') },
  })

  const zoneOf = (row: ResidentTable) => sites.find((site) => site.id === row.home_site)?.zone ?? 'UTC'

  const found = async (seen: Sites, id: string): Promise<ResidentTable> => {
    const row = await getResident(registry, seen, id)
    // Whether the person exists elsewhere is nobody's business: both are "not found".
    if (!row) throw new ApiFault('not-found', 'No resident with this id is among those you may see.')
    return row
  }

  app.get(
    '/api/residents',
    { schema: { querystring: PageQuery, response: { 200: listOf(ResidentRow) } } },
    async (request) => {
      const seen = people(scope(me(request)))
      return answerOf(request.query, await listResidents(registry, windowOf(seen, request.query)), asRow)
    },
  )

  app.post(
    '/api/residents/search',
    { schema: { body: ResidentSearch, response: { 200: listOf(ResidentRow) } } },
    async (request) => {
      const user = me(request)
      const { q } = request.body
      const listed = await searchResidents(registry, windowOf(people(scope(user)), request.body), q)
      if (request.body.page === 1) await audit(registry, now(), { user: user.user, action: 'searched', target: '-' })
      return answerOf(request.body, listed, asRow)
    },
  )

  const params = z.object({ id: ResidentId })

  app.get('/api/residents/:id', { schema: { params, response: { 200: Resident } } }, async (request) => {
    const user = me(request)
    const row = await found(people(scope(user)), request.params.id)
    await auditOpening(registry, now(), user.user, row.id)
    const counts = await countsOf(registry, row.id)
    const zone = zoneOf(row)
    return {
      ...(await asRow(row)),
      counts: { bloodPressure: counts['blood-pressure'] ?? 0, glucose: counts.glucose ?? 0 },
      firstVisit: row.first_visit_ms === null ? null : zoned(row.first_visit_ms, zone),
    }
  })

  app.get(
    '/api/residents/:id/observations',
    { schema: { params, querystring: ObservationQuery, response: { 200: listOf(ApiObservation) } } },
    async (request) => {
      const user = me(request)
      const seen = people(scope(user))
      const row = await found(seen, request.params.id)
      await auditOpening(registry, now(), user.user, row.id)
      const { kind, from, to } = request.query
      const fromMs = from === undefined ? undefined : Date.parse(from)
      const toMs = to === undefined ? undefined : Date.parse(to)
      const window = windowOf(seen, request.query)
      const listed = await observationsOf(registry, row.id, { ...window, kind, fromMs, toMs })
      const figures = await heldOf(listed.items, await subjectsOf(registry, row.id))
      return answerOf(request.query, listed, (shown) => asReading(shown, figures.get(shown.id)))
    },
  )

  app.get(
    '/api/residents/:id/figures',
    { schema: { params, querystring: FiguresQuery, response: { 200: Figures } } },
    async (request) => {
      const user = me(request)
      const row = await found(people(scope(user)), request.params.id)
      await auditOpening(registry, now(), user.user, row.id)
      const { kind, by, from, to } = request.query
      const zone = zoneOf(row)
      const asked = periods({ from, to, step: by, zone })
      const { units, ...of } = await figuresOf(registry, row.id, kind)
      const items: z.infer<typeof Figures>['items'] = []
      for (const unit of units) {
        const told = await store.rollup({ kind, unit, ...of, ranges: asked.map(({ range }) => range) })
        for (const [i, { range: _, ...figures }] of told.entries())
          if (figures.readings > 0) items.push({ from: asked[i]!.from, to: asked[i]!.to, unit, ...figures })
      }
      return { zone, items: items.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0)) }
    },
  )

  /**
   * What the series holds of these readings, by id. One that is not in the series (undated, its time pending, on its way
   * there) is told from the registry, which keeps every reading as it came.
   */
  async function heldOf(items: readonly Shown[], subjects: readonly string[]): Promise<Map<string, Values>> {
    const figures = new Map<string, Values>()
    const dated = items.filter((item) => item.takenAtMs !== null && item.place !== null)
    for (const kind of new Set(dated.map((item) => item.kind))) {
      const these = dated.filter((item) => item.kind === kind)
      const times = these.map((item) => item.takenAtMs!)
      const elsewhere = these.filter((item) => item.subject === null || !subjects.includes(item.subject))
      const points = await store.history({
        kind,
        subjects,
        places: elsewhere.map((item): Place => item.place!),
        range: { fromMs: Math.min(...times), toMs: Math.max(...times) + 1 },
      })
      for (const point of points) figures.set(point.id, point.numbers)
    }
    return figures
  }
}

/** First six and last four; of a short number only the last two. */
export function masked(number: string): string {
  const [head, tail] = number.length >= 14 ? [6, 4] : [0, Math.min(2, number.length - 1)]
  return number.slice(0, head) + '*'.repeat(number.length - head - tail) + (tail > 0 ? number.slice(-tail) : '')
}
