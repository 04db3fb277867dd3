// The embedded broker lets in whom the registry knows, each within its own topics.
import { mkdtempSync, rmSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { embeddedBroker } from '../../../dashboard/server/broker.ts'
import type { Registry } from '../../../dashboard/server/registry/schema.ts'
import { hashSecret } from '../../../dashboard/server/secret.ts'
import { CLINIC_MAY_READ, everyHub, topic } from '../../../hub/contract/topics.ts'
import { until } from '../../servers.ts'
import { openTestRegistry } from '../ingest/records.ts'

const folder = mkdtempSync(join(tmpdir(), 'broker-'))
const ending = new AbortController()
const log: string[] = []
const clients: MqttClient[] = []
let registry: Registry
let broker: Awaited<ReturnType<typeof embeddedBroker>>
let clinic: MqttClient
const heard: string[] = []

beforeAll(async () => {
  registry = await openTestRegistry(join(folder, 'registry.sqlite'))
  for (const id of ['K01', 'K02']) {
    await registry
      .updateTable('hubs')
      .set({ password_hash: hashSecret(`secret ${id}`) })
      .where('id', '=', id)
      .execute()
  }
  broker = await embeddedBroker(
    {
      ...{ registry, host: '127.0.0.1', port: 0, clinicPassword: 'inside' },
      log: pino({ level: 'debug' }, { write: (line) => void log.push(line) }),
    },
    ending.signal,
  )
  clinic = await enter({ username: 'clinic', password: 'inside', clientId: 'clinic' })
  clinic.on('message', (topic, payload) => heard.push(`${topic} ${payload}`))
  await clinic.subscribeAsync(CLINIC_MAY_READ.map(everyHub), { qos: 1 })
})
afterAll(async () => {
  for (const client of clients) client.end(true)
  ending.abort()
  await broker.closed
  await registry.destroy()
  rmSync(folder, { recursive: true })
})

async function enter(options: IClientOptions): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`, { reconnectPeriod: 0, ...options }, false)
  clients.push(client)
  client.on('error', () => undefined)
  return client
}
const hub = (id: string, more: IClientOptions = {}) =>
  enter({ username: id, password: `secret ${id}`, clientId: `${id}-${Math.random()}`, ...more })

const closed = (client: MqttClient) => until('the broker to close the connection', () => !client.connected)
const granted = async (client: MqttClient, name: string) =>
  (await client.subscribeAsync(name, { qos: 1 }).catch(() => [{ qos: 128 }]))[0]!.qos < 128

test('nobody enters without a name, with a wrong password, as another, or once revoked', async () => {
  const password = 'secret K01'
  await expect(enter({})).rejects.toThrow(/Not authorized|Bad username/)
  await expect(enter({ username: 'K01', password: 'wrong', clientId: 'K01-a' })).rejects.toThrow(/Bad username/)
  await expect(enter({ username: 'K09', password, clientId: 'K09-a' })).rejects.toThrow(/Bad username/)
  await expect(enter({ username: 'clinic', password, clientId: 'clinic-2' })).rejects.toThrow(/Bad username/)
  await expect(enter({ username: 'K01', password, clientId: 'K02-a' })).rejects.toThrow(/Identifier rejected/)
  await expect(enter({ username: 'K01', password, clientId: 'clinic' })).rejects.toThrow(/Identifier rejected/)
  // It would pass for hub K01-2 and take over its session.
  await expect(enter({ username: 'K01', password, clientId: 'K01-2-a' })).rejects.toThrow(/Identifier rejected/)
  await registry.updateTable('hubs').set({ revoked_at_ms: 1 }).where('id', '=', 'K02').execute()
  await expect(hub('K02')).rejects.toThrow(/Bad username/)
  await registry.updateTable('hubs').set({ revoked_at_ms: null }).where('id', '=', 'K02').execute()
  await hub('K02')
  expect(log.join()).not.toMatch(/secret|wrong"/)
})

test('a hub reads its own mark and commands, and nothing else', async () => {
  const client = await hub('K01')
  for (const name of [
    '#',
    '$SYS/#',
    '+/+/+/+',
    'kiosk/v1/+/stored',
    'kiosk/v1/K02/#',
    topic('K02', 'stored'),
    topic('K01', 'records'),
  ]) {
    expect(await granted(client, name), name).toBe(false)
  }
  expect(await granted(client, topic('K01', 'command'))).toBe(true)
  expect(await granted(client, topic('K01', 'stored'))).toBe(true)
  const got: string[] = []
  client.on('message', (topic, payload) => got.push(`${topic} ${payload}`))
  await clinic.publishAsync(topic('K02', 'stored'), 'not for you', { qos: 1 })
  await clinic.publishAsync(topic('K01', 'stored'), 'mark', { qos: 1 })
  await until('the mark', () => got.length > 0)
  expect(got).toEqual([`${topic('K01', 'stored')} mark`])
})

test('a hub writes its own records, and is cut off when it writes anywhere else', async () => {
  const good = await hub('K01')
  await good.publishAsync(topic('K01', 'records'), 'mine', { qos: 1 })
  await until('the clinic to hear it', () => heard.includes(`${topic('K01', 'records')} mine`))
  for (const name of [
    topic('K02', 'records'),
    topic('K02', 'status'),
    topic('K01', 'stored'),
    topic('K01', 'command'),
    'kiosk/v1/K01/records/more',
    '$SYS/x',
  ]) {
    const client = await hub('K01')
    client.publish(name, 'forged', { qos: 1 })
    await closed(client)
  }
  expect(heard.filter((line) => line.includes('forged'))).toEqual([])
})

test('a will is published in its own topic only', async () => {
  const will = (name: string) => ({ topic: name, payload: Buffer.from('gone'), qos: 1 as const, retain: true })
  const forger = await hub('K01', { will: will(topic('K02', 'status')) })
  const honest = await hub('K01', { will: will(topic('K01', 'status')) })
  forger.stream.destroy()
  honest.stream.destroy()
  await until('the honest will', () => heard.includes(`${topic('K01', 'status')} gone`))
  expect(heard).not.toContain(`${topic('K02', 'status')} gone`)
})

test('a message larger than any of ours ends its connection, is logged by size, and hurts nobody else', async () => {
  const [large, other] = [await hub('K01'), await hub('K02')]
  large.publish(topic('K01', 'records'), Buffer.alloc(600_000, 120), { qos: 1 })
  await closed(large)
  expect(log.some((line) => line.includes('a packet larger than any of ours'))).toBe(true)
  await other.publishAsync(topic('K02', 'records'), 'still here', { qos: 1 })
  await until('the other to be heard', () => heard.includes(`${topic('K02', 'records')} still here`))
})

test('what is no MQTT is closed', async () => {
  const socket = connectTcp(broker.port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\n\r\n')
  await new Promise((resolve) => socket.once('close', resolve).on('error', () => undefined))
})
