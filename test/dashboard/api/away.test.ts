// When a part of the clinic does not answer: what needs it says so, the rest works, and /health tells.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unwritten } from '../../../dashboard/server/registry/series.ts'
import { openInfluxStore } from '../../../dashboard/server/store/influx.ts'
import { openTestClinic, person, pressure, type TestClinic, visit, writePlaced } from './clinic.ts'

let clinic: TestClinic
let broken: Server
let broker = true
beforeAll(async () => {
  broken = createServer((_request, response) => response.writeHead(500).end('{"error":"engine: disk full at /secret"}'))
  await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve))
  const { port } = broken.address() as AddressInfo
  const store = openInfluxStore({ host: '127.0.0.1', port, database: 'kiosk' })
  clinic = await openTestClinic({ store, broker: () => broker })
})
afterAll(async () => {
  await clinic.end()
  await new Promise((resolve) => broken.close(resolve))
})

describe('with a series that answers 500', () => {
  it('readings from it are refused with a code and what to do; lists of people and what arrives still work', async () => {
    const ding = await clinic.as('ding')
    const opened = await visit(clinic, 'E1', person(1), '2026-03-02T00:10:00Z')
    await clinic.take(opened, pressure('E1', opened, '2026-03-02T00:11:00Z'))
    const [row] = (await ding.get('/api/residents')).body.items
    expect(row.latest.bloodPressure.values.systolic).toBe(127)
    const { status, body } = await ding.get(`/api/residents/${row.id}/observations`)
    expect([status, body.error]).toEqual([503, 'series-away'])
    expect(body.message).not.toContain('secret')
    expect((await ding.get('/api/observations/recent')).body.total).toBe(1)
  })

  it('health stays alive and says what is away, and how much waits', async () => {
    broker = false
    const answer = await clinic.app.inject('/health')
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual({
      status: 'degraded',
      version: '0.0.0',
      registry: 'ok',
      series: 'away',
      broker: 'away',
      waiting: 1,
      oldestWaitingSeconds: 0,
    })
  })
})

describe('health looks at readings stored, not at who answers:', () => {
  let unkeptSinceMs: number | null = null
  let well: TestClinic
  const health = async () => {
    well.clock.ms += 2000 // past the answer that is kept
    const { status, registry, series, waiting, oldestWaitingSeconds } = (await well.app.inject('/health')).json()
    return { status, registry, series, waiting, oldestWaitingSeconds }
  }
  const fine = { status: 'ok', registry: 'ok', series: 'ok', waiting: 0, oldestWaitingSeconds: null }
  beforeAll(async () => {
    well = await openTestClinic({ unkeptSinceMs: () => unkeptSinceMs })
  })
  afterAll(() => well.end())

  it('what arrives and is not kept makes it not ok, though the registry answers every question', async () => {
    expect(await health()).toEqual(fine)
    unkeptSinceMs = well.clock.ms
    expect(await health()).toEqual(fine)
    well.clock.ms += 10_000
    expect(await health()).toEqual({ ...fine, status: 'degraded', registry: 'standing' })
    unkeptSinceMs = null
    expect(await health()).toEqual(fine)
  })

  it('what is kept and not written makes it not ok, though the series answers', async () => {
    await well.take(pressure('E1', null, '2026-03-02T00:11:00Z'))
    expect(await health()).toEqual({ ...fine, waiting: 1, oldestWaitingSeconds: 2 })
    well.clock.ms += 150_000
    const late = { status: 'degraded', series: 'standing', waiting: 1, oldestWaitingSeconds: 154 }
    expect(await health()).toEqual({ ...fine, ...late })
    await writePlaced(well)
    expect(await health()).toEqual(fine)
  })

  it('a series without the newest reading that was written to it is incomplete', async () => {
    const reading = pressure('E1', null, '2026-03-02T00:12:00Z')
    await well.take(reading)
    const written = await unwritten(well.registry, 1)
    await writePlaced(well)
    expect(await health()).toEqual(fine)
    await well.store.erase(written)
    expect(await health()).toEqual({ ...fine, status: 'degraded', series: 'incomplete' })
  })
})

describe('with a registry that is gone', () => {
  it('a request is answered 500, the cause is in the log and not in the answer', async () => {
    const other = await openTestClinic()
    const ding = await other.as('ding')
    await other.registry.schema.dropTable('residents').execute()
    const { status, body } = await ding.get('/api/residents')
    expect([status, body.error]).toEqual([500, 'internal'])
    expect(body.message).not.toMatch(/residents|table|SQL/i)
    expect(other.log.join('')).toMatch(/no such table/)
    await other.end()
  })
})
