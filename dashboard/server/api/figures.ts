// Day, week and month figures of all residents at home at a site, together: numbers of a village, nobody's alone.
import type { z } from 'zod'
import { populationFigures } from '../registry/population.ts'
import { me } from './auth.ts'
import { periods } from './calendar.ts'
import type { App, Deps } from './deps.ts'
import { ApiFault } from './errors.ts'
import { Figures, SiteFiguresQuery } from './schema.ts'
import { people, scope } from './scope.ts'

export function figures(app: App, { registry, sites }: Deps) {
  app.get(
    '/api/figures',
    { schema: { querystring: SiteFiguresQuery, response: { 200: Figures } } },
    async (request): Promise<z.infer<typeof Figures>> => {
      const seen = people(scope(me(request)))
      const { site: id, kind, by, from, to } = request.query
      const site = sites.find((one) => one.id === id && (seen === 'all' || seen.includes(id)))
      if (!site) throw new ApiFault('not-found', 'No site with this id is among those whose residents you may see.')
      const asked = periods({ from, to, step: by, zone: site.zone })
      const ranges = asked.map(({ range }) => range)
      const told = await populationFigures(registry, site.id, kind, ranges)
      const items = told.map(({ range, ...rest }) => {
        const { from, to } = asked[ranges.indexOf(range)]!
        return { from, to, ...rest }
      })
      return { zone: site.zone, items }
    },
  )
}
