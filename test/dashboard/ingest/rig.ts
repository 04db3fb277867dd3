// A registry, a broker and ingest anew for every test of a file that imports this, and hubs as real MQTT clients.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import pino from 'pino'
import { afterEach, beforeEach } from 'vitest'
import { embeddedBroker } from '../../../dashboard/server/broker.ts'
import { ingest } from '../../../dashboard/server/ingest.ts'
import type { Change } from '../../../dashboard/server/registry/intake.ts'
import type { Registry } from '../../../dashboard/server/registry/schema.ts'
import { hashSecret } from '../../../dashboard/server/secret.ts'
import { covers, StoredMark } from '../../../hub/contract/stored.ts'
import { topic } from '../../../hub/contract/topics.ts'
import { until } from '../../servers.ts'
import { makeKeys, openTestRegistry } from './records.ts'

export const { keys, publicKey } = makeKeys()
export const LOGIN = { username: 'clinic', password: 'inside' }
export let folder: string
export let registry: Registry
export let url: string
/** Ended after each test. */
export let clients: MqttClient[]
export let log: string[]
export let changes: Change[]
/** Called after each test, the last first. */
export let ends: (() => Promise<unknown>)[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ingest-'))
  registry = await openTestRegistry(join(folder, 'registry.sqlite'))
  await registry
    .updateTable('hubs')
    .set({ password_hash: hashSecret('pass') })
    .execute()
  clients = []
  log = []
  changes = []
  ends = []
})
afterEach(async () => {
  for (const client of clients) await client.endAsync(true)
  for (const end of ends.reverse()) await end()
  await registry.destroy()
  rmSync(folder, { recursive: true })
})

export function brokerAt(port: number) {
  url = `mqtt://127.0.0.1:${port}`
}

export async function startBroker() {
  const ending = new AbortController()
  const parts = { registry, host: '127.0.0.1', port: 0, clinicPassword: LOGIN.password, log: pino({ level: 'silent' }) }
  const broker = await embeddedBroker(parts, ending.signal)
  brokerAt(broker.port)
  ends.push(async () => {
    ending.abort()
    await broker.closed
  })
}

/** @returns how to end it before the test does */
export function startIngest() {
  const ending = new AbortController()
  const to = pino({ level: 'info' }, { write: (line) => void log.push(line) })
  const notify = (change: Change) => void changes.push(change)
  const done = ingest(
    { registry, keys, broker: { url, clientId: 'clinic', ...LOGIN }, log: to, now: Date.now, notify },
    ending.signal,
  )
  const end = async () => {
    ending.abort()
    await done
  }
  ends.push(end)
  return end
}

/** A hub's connection, and the marks it gets. */
export async function hub(id: string, login = { username: id, password: 'pass' }) {
  const client = await mqtt.connectAsync(url, { ...login, clientId: `${id}-${Math.random()}` })
  clients.push(client)
  const marks: StoredMark[] = []
  client.on('message', (_topic, payload) => marks.push(StoredMark.parse(JSON.parse(payload.toString()))))
  await client.subscribeAsync(topic(id, 'stored'), { qos: 1 })
  const send = (name: 'records' | 'status', body: unknown, retain = false) =>
    client.publishAsync(
      topic(id, name),
      Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body),
      { qos: 1, retain },
    )
  const covered = (epoch: string, ...seqs: number[]) =>
    until(
      `a mark that covers ${epoch} ${seqs}`,
      () => marks.at(-1) && seqs.every((n) => covers(marks.at(-1)!, epoch, n)),
    )
  return { client, marks, send, covered }
}

export const count = async (table: 'records' | 'observations' | 'quarantine' | 'visits') =>
  Number(
    (
      await registry
        .selectFrom(table)
        .select((eb) => eb.fn.countAll<number>().as('n'))
        .executeTakeFirstOrThrow()
    ).n,
  )
export const reasons = async () =>
  (await registry.selectFrom('quarantine').select('reason').orderBy('reason').execute()).map((q) => q.reason)
export const online = () =>
  until('ingest to be connected', () =>
    changes.some((c) => c.kind === 'part' && c.part === 'broker' && c.state === 'ok'),
  )
