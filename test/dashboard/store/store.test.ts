// Both time series by the one contract, and what only InfluxDB can do to us.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InfluxDB } from 'influx'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openInfluxStore } from '../../../dashboard/server/store/influx.ts'
import { openSqliteStore } from '../../../dashboard/server/store/sqlite.ts'
import { PointsRefused, StoreUnavailable } from '../../../dashboard/server/store/store.ts'
import { freePort, influxd, type Server } from '../../servers.ts'
import { makeGlucose, makePoint, storeContract, T } from './contract.ts'

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

storeContract('SQLite', async () => {
  const store = openSqliteStore(join(folder, 'series.sqlite'))
  return { store, end: () => store.close() }
})

storeContract('InfluxDB', async () => {
  const store = openInfluxStore({ host: '127.0.0.1', port: server.port, database: 'contract' })
  return { store, end: () => store.close() }
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
