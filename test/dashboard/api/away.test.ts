// When a part of the clinic does not answer: what needs it says so, the rest works, and /health tells.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openInfluxStore } from '../../../dashboard/server/store/influx.ts'
import { openTestClinic, person, pressure, type TestClinic, visit } from './clinic.ts'

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
    })
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
