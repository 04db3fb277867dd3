// Both time series by the one contract, and what only InfluxDB can do to us.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InfluxDB } from 'influx'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openInfluxStore } from '../../../dashboard/server/store/influx.ts'
import { openSqliteStore } from '../../../dashboard/server/store/sqlite.ts'
import { type Point, PointsRefused, StoreUnavailable } from '../../../dashboard/server/store/store.ts'
import { seeded } from '../../../simulators/random.ts'
import { freePort, influxd, type Server } from '../../servers.ts'
import { makeGlucose, makePoint, storeContract, subject, T } from './contract.ts'

const folder = mkdtempSync(join(tmpdir(), 'series-'))
let server: Server
beforeAll(async () => {
  server = await influxd(join(folder, 'influx'))
  await server.start()
})
afterAll(async () => {
  await server.end()
  rmSync(folder, { recursive: true })
})

storeContract('SQLite', () => openSqliteStore(join(folder, 'series.sqlite')))
storeContract('InfluxDB', () => openInfluxStore({ host: '127.0.0.1', port: server.port, database: 'contract' }))

test('whatever is written, written over and erased, both give the same answers', async () => {
  const stores = [
    openSqliteStore(join(folder, 'same.sqlite')),
    openInfluxStore({ host: '127.0.0.1', port: server.port, database: 'same' }),
  ] as const
  const rand = seeded(11)
  const pick = (n: number) => Math.floor(rand() * n)
  const some = (): Point => {
    const n = pick(40)
    const owner = n % 5 === 4 ? null : subject(n % 5)
    const at = { takenAtMs: T + (n % 7) * 20_000, subject: owner, flags: rand() < 0.3 ? ['movement'] : [] }
    if (n % 2) return makeGlucose(n, rand() < 0.2 ? null : pick(300) / 10, at)
    const numbers = { systolic: 90 + pick(90), diastolic: 60 + pick(30), ...(rand() < 0.5 && { pulse: 50 + pick(60) }) }
    return makePoint(n, { ...at, numbers })
  }
  const subjects = [0, 1, 2, 3].map(subject)
  for (let step = 0; step < 60; step++) {
    const points = Array.from({ length: pick(6) }, some)
    const gone = rand() < 0.3 ? [some()] : []
    const range = { fromMs: T + pick(60_000), toMs: T + 60_000 + pick(120_000) }
    const middle = { fromMs: range.fromMs, toMs: T + 60_000 }
    const asked = { subjects: subjects.slice(pick(4)), places: [some(), some()] }
    const answers = await Promise.all(
      stores.map(async (store) => {
        await store.write(points, { id: `b${step}`, atMs: T + step })
        await store.erase(gone)
        const pressure = { ...asked, kind: 'blood-pressure' }
        return {
          history: await store.history({ ...pressure, range }),
          latest: await store.latest(asked.subjects),
          get: await Promise.all(asked.places.map((place) => store.get(place))),
          rollup: await store.rollup({
            ...asked,
            kind: 'glucose',
            unit: 'mmol/L',
            ranges: [range, middle],
            without: [`id-${step % 40}`],
          }),
          beats: await store.beats(),
          under: await store.under(`b${Math.max(0, step - 3)}`),
        }
      }),
    )
    expect(answers[1], `step ${step}`).toEqual(answers[0])
    expect(answers[0]!.beats.length).toBe(step + 1)
  }
  for (const store of stores) await store.close()
})

describe('InfluxDB', () => {
  const beat = { id: 'b', atMs: T }

  test('points outside its retention are named and refused, the others of the batch are in', async () => {
    const influx = new InfluxDB({ host: '127.0.0.1', port: server.port, database: 'short' })
    await influx.createDatabase('short')
    await influx.alterRetentionPolicy('autogen', {
      duration: '30d',
      replication: 1,
      isDefault: true,
      database: 'short',
    })
    const store = openInfluxStore({ host: '127.0.0.1', port: server.port, database: 'short' })
    const now = Date.now()
    const old = [35, 38, 40].map((days, n) => makePoint(n, { takenAtMs: now - days * 86_400_000 }))
    const recent = [1, 2, 3, 4, 5].map((days) => makePoint(10 + days, { takenAtMs: now - days * 86_400_000 }))
    const refused = await store.write([...old, ...recent], beat).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(PointsRefused)
    expect([...(refused as PointsRefused).ids].sort()).toEqual(['id-0', 'id-1', 'id-2'])
    expect((refused as Error).message).toMatch(/retention/)
    for (const point of recent) expect(await store.get(point)).toMatchObject({ id: point.id })
    expect(await store.beats()).toEqual([])
  })

  test('a type conflict that somebody else made is refused by name, and says so', async () => {
    const influx = new InfluxDB({ host: '127.0.0.1', port: server.port, database: 'foreign' })
    await influx.createDatabase('foreign')
    const tags = { bucket: '-', unit: 'mmol/L' }
    await influx.writePoints([{ measurement: 'glucose', tags, fields: { value: 'HI' }, timestamp: `${T}000000` }])
    const store = openInfluxStore({ host: '127.0.0.1', port: server.port, database: 'foreign' })
    const refused = await store.write([makeGlucose(1, 5.5), makePoint(2)], beat).catch((error: unknown) => error)
    expect(refused).toMatchObject({ name: 'PointsRefused', ids: ['id-1'] })
    expect(await store.get(makePoint(2))).toMatchObject({ id: 'id-2' })
  })

  test('that answers 500, or not at all, is unavailable; once it answers, all is well', async () => {
    const port = await freePort()
    const store = openInfluxStore({ host: '127.0.0.1', port, database: 'late' })
    await expect(store.write([makePoint(1)], beat)).rejects.toBeInstanceOf(StoreUnavailable)
    const broken = createServer((_request, response) => response.writeHead(500).end('no'))
    await new Promise<void>((resolve) => broken.listen(port, '127.0.0.1', resolve))
    const second = openInfluxStore({ host: '127.0.0.1', port, database: 'late' })
    await expect(second.beats()).rejects.toBeInstanceOf(StoreUnavailable)
    await new Promise((resolve) => broken.close(resolve))
    const third = openInfluxStore({ host: '127.0.0.1', port: server.port, database: 'late' })
    await third.write([makePoint(1)], beat)
    expect(await third.beats()).toEqual([beat])
  })
})
