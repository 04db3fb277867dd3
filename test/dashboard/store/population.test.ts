// The figures of a site come from the registry, those of a person from the series: on the same readings all three, registry,
// SQLite and InfluxDB, say the same, at midnight, on a leap day and across a change of the clock.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { periods, type Step, startOf } from '../../../dashboard/server/api/calendar.ts'
import { populationFigures } from '../../../dashboard/server/registry/population.ts'
import { unwritten } from '../../../dashboard/server/registry/series.ts'
import { openInfluxStore } from '../../../dashboard/server/store/influx.ts'
import type { Store } from '../../../dashboard/server/store/store.ts'
import type { Observation, Visit } from '../../../hub/contract/record.ts'
import { seeded } from '../../../simulators/random.ts'
import { influxd, type Server } from '../../servers.ts'
import { glucose, openTestClinic, person, pressure, type TestClinic, visit } from '../api/clinic.ts'

const folder = mkdtempSync(join(tmpdir(), 'population-'))
let server: Server
let clinic: TestClinic
let stores: Store[]
let subjects: string[]
let retracted: string[]
const EDGES = [
  startOf('2024-02-29', 'Asia/Shanghai'),
  startOf('2024-03-01', 'Asia/Shanghai'),
  startOf('2024-10-27', 'Europe/Berlin'),
  startOf('2024-10-28', 'Europe/Berlin'),
  startOf('2025-03-30', 'Europe/Berlin'),
  startOf('2026-03-02', 'Asia/Shanghai'),
]
beforeAll(async () => {
  server = await influxd(join(folder, 'influx'))
  await server.start()
  clinic = await openTestClinic()
  clinic.clock.ms += 30 * 86_400_000
  stores = [clinic.store, openInfluxStore({ host: '127.0.0.1', port: server.port, database: 'population' })]
  const random = seeded(7)
  const pick = (n: number) => Math.floor(random() * n)
  const visits: Visit[] = []
  for (let n = 1; n <= 8; n++) visits.push(await visit(clinic, 'E1', person(n), '2024-01-01T00:00:00Z'))
  const readings = Array.from({ length: 400 }, (): Observation => {
    const of = visits[pick(visits.length)]!
    const at = new Date(
      EDGES[pick(EDGES.length)]! + [-1, 0, 1, -59_000, 3_600_000, pick(86_400_000)][pick(6)]!,
    ).toISOString()
    const values = {
      systolic: 90 + pick(100),
      diastolic: 50 + pick(60),
      mean: pick(2) ? 90 : null,
      pulse: 40 + pick(90),
    }
    if (pick(2)) return pressure('E1', of, at, { values, resolution: pick(2) ? 'minute' : 'millisecond' })
    if (pick(9) === 0) return glucose('E1', of, at, { values: { value: null }, range: pick(2) ? 'above' : 'below' })
    if (pick(2)) return glucose('E1', of, at, { values: { value: 30 + pick(300) } })
    return glucose('E1', of, at, { values: { value: (20 + pick(200)) / 10 }, unit: 'mmol/L' })
  })
  retracted = readings.filter(() => pick(10) === 0).map(({ id }) => id)
  const back = retracted.map(
    (of) =>
      ({
        type: 'retraction',
        id: `r${of.slice(0, 20)}`,
        hub: 'E1',
        of,
        at: '2026-03-02T00:00:00Z',
        reason: 'test',
      }) as const,
  )
  await clinic.take(...visits, ...readings, ...back)
  const points = await unwritten(clinic.registry, 1000)
  expect(points).toHaveLength(400)
  for (const store of stores) await store.write(points, { id: randomUUID(), atMs: clinic.clock.ms })
  subjects = [...new Set(points.map((p) => p.subject!))]
})
afterAll(async () => {
  await stores[1]!.close()
  await clinic.end()
  await server.end()
  rmSync(folder, { recursive: true })
})

const steps: Step[] = ['day', 'week', 'month']
test.each(['Asia/Shanghai', 'Europe/Berlin', 'UTC'].flatMap((zone) => steps.map((step) => [zone, step] as const)))(
  'the registry and both stores agree on every %s %s',
  async (zone, step) => {
    const ranges = periods({ zone, step, from: '2024-02-01', to: '2026-03-05' }).map(({ range }) => range)
    for (const [kind, units] of [
      ['blood-pressure', ['mm[Hg]']],
      ['glucose', ['mg/dL', 'mmol/L']],
    ] as const) {
      const registry = await populationFigures(clinic.registry, 'east', kind, ranges)
      expect(registry.reduce((sum, one) => sum + one.readings, 0)).toBeGreaterThan(100)
      for (const unit of units)
        for (const store of stores) {
          const told = await store.rollup({ kind, unit, subjects, places: [], ranges, without: retracted })
          const of = registry.filter((one) => one.unit === unit).map(({ unit: _, ...one }) => one)
          expect(of).toEqual(told.filter(({ readings }) => readings > 0))
        }
    }
    expect(await populationFigures(clinic.registry, 'west', 'glucose', ranges)).toEqual([])
    expect(await populationFigures(clinic.registry, 'east', 'glucose', [])).toEqual([])
  },
)
