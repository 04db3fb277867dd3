// Ingest on a real broker: what it keeps, what it sets aside, and the mark it answers with.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import mqtt, { type MqttClient } from 'mqtt'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { hashPassword } from '../../../dashboard/server/api/auth.ts'
import { embeddedBroker } from '../../../dashboard/server/broker.ts'
import { Inbox } from '../../../dashboard/server/inbox.ts'
import { ingest } from '../../../dashboard/server/ingest.ts'
import type { Change } from '../../../dashboard/server/registry/intake.ts'
import { nextMark } from '../../../dashboard/server/registry/marks.ts'
import type { Registry } from '../../../dashboard/server/registry/schema.ts'
import { retryRefused } from '../../../dashboard/server/retry.ts'
import { MAX_BYTES } from '../../../hub/contract/record.ts'
import { covers, StoredMark } from '../../../hub/contract/stored.ts'
import { topic } from '../../../hub/contract/topics.ts'
import { mosquitto, until } from '../../servers.ts'
import { makeKeys, makeMessage, makePerson, makeReading, makeStatus, makeVisit, openTestRegistry } from './records.ts'

const { keys, publicKey } = makeKeys()
const LOGIN = { username: 'clinic', password: 'inside' }
let folder: string
let registry: Registry
let url: string
let clients: MqttClient[]
let log: string[]
let changes: Change[]
let ends: (() => Promise<unknown>)[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ingest-'))
  registry = await openTestRegistry(join(folder, 'registry.sqlite'))
  await registry
    .updateTable('hubs')
    .set({ password_hash: await hashPassword('pass') })
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

async function startBroker() {
  const ending = new AbortController()
  const parts = { registry, host: '127.0.0.1', port: 0, clinic: LOGIN, log: pino({ level: 'silent' }) }
  const broker = await embeddedBroker(parts, ending.signal)
  url = `mqtt://127.0.0.1:${broker.port}`
  ends.push(async () => {
    ending.abort()
    await broker.closed
  })
}

/** @returns how to end it before the test does */
function startIngest() {
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
async function hub(id: string, login = { username: id, password: 'pass' }) {
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

const count = async (table: 'records' | 'observations' | 'quarantine' | 'visits') =>
  Number(
    (
      await registry
        .selectFrom(table)
        .select((eb) => eb.fn.countAll<number>().as('n'))
        .executeTakeFirstOrThrow()
    ).n,
  )
const reasons = async () =>
  (await registry.selectFrom('quarantine').select('reason').orderBy('reason').execute()).map((q) => q.reason)
const online = () =>
  until('ingest to be connected', () =>
    changes.some((c) => c.kind === 'part' && c.part === 'broker' && c.state === 'ok'),
  )

test('what a hub sends is kept whole, and the mark says so; a gap is listed until it comes', async () => {
  await startBroker()
  startIngest()
  const { send, covered, marks } = await hub('K01')
  const person = makePerson(1)
  const visit = await makeVisit('v', person, publicKey)
  const reading = makeReading('o1', person, { visit: 'v' })
  await send('records', makeMessage('K01', 'e', 1, [visit, reading]))
  await send('records', makeMessage('K01', 'e', 5, [makeReading('o5', person)]))
  await covered('e', 1, 2, 5)
  expect(marks.at(-1)!.marks).toEqual([{ epoch: 'e', through: 5, missing: [[3, 4]] }])
  await send('records', makeMessage('K01', 'e', 3, [makeReading('o3', person), makeReading('o4', null)]))
  await covered('e', 3, 4)
  expect(marks.map((m) => m.rev)).toEqual([...marks.map((m) => m.rev)].sort((a, b) => a - b))
  const kept = await registry.selectFrom('records').select('body').where('id', '=', 'o1').executeTakeFirstOrThrow()
  expect(JSON.parse(kept.body)).toEqual(reading)
  await until('staff to be told', () => changes.filter((c) => c.kind === 'observation').length === 4)
})

test('a mark is published at most every 100 ms however many messages come', async () => {
  await startBroker()
  startIngest()
  const { send, covered, marks } = await hub('K01')
  const started = performance.now()
  await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      send('records', makeMessage('K01', 'e', i + 1, [makeReading(`o${i}`, null)])),
    ),
  )
  await covered('e', ...Array.from({ length: 200 }, (_, i) => i + 1))
  expect(marks.length).toBeLessThanOrEqual((performance.now() - started) / 100 + 2)
})

test('a status whose `seen` is not the current mark is answered by one past both, naming what the hub keeps', async () => {
  await startBroker()
  startIngest()
  const { send, marks } = await hub('K01')
  const epochs = [{ epoch: 'from-before', first: 4, last: 9 }]
  await send('status', makeStatus('K01', 's1', { epochs, seen: { rev: 700, id: 'of-a-lost-registry' } }))
  const mark = await until('a newer mark', () => marks.find((m) => m.rev > 700))
  expect(mark.marks).toEqual([{ epoch: 'from-before', through: 0, missing: [] }])
  const silence = marks.length
  await send('status', makeStatus('K01', 's1', { epochs, seen: { rev: mark.rev, id: mark.id } }))
  await send('records', makeMessage('K01', 'e', 1, [makeReading('o', null)]))
  await until('the next mark', () => marks.length > silence)
  expect(marks.length).toBe(silence + 1) // the records were answered, the status was not
})

test('a retained mark of another clinic on the broker is outdone', async () => {
  await startBroker()
  const other = await mqtt.connectAsync(url, { ...LOGIN, clientId: 'other' })
  clients.push(other)
  const foreign = {
    v: 1,
    rev: 9000,
    id: 'foreign',
    at: new Date().toISOString(),
    marks: [{ epoch: 'e', through: 9, missing: [] }],
  }
  await other.publishAsync(topic('K01', 'stored'), JSON.stringify(foreign), { qos: 1, retain: true })
  startIngest()
  const { marks } = await hub('K01')
  const ours = await until('our mark', () => marks.find((m) => m.rev > 9000))
  expect(ours.marks).toEqual([])
  expect((await nextMark(registry, 'K01', 0, 0)).rev).toBeGreaterThan(9000)
})

describe('what cannot be accepted is set aside whole, and stops nothing else:', () => {
  const good = makeReading('good', null)
  const cases: [reason: string, body: unknown, counted: boolean][] = [
    ['not-json', '{"v":1,"hub":"K01","epoch":"e","first":1,"records":[{"value":NaN}]}', false],
    ['not-json', Buffer.from([0xff, 0xfe, 0x00]), false],
    ['not-json', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, false],
    ['too-large', JSON.stringify(makeMessage('K01', 'e', 1, ['x'.repeat(MAX_BYTES)])), false],
    ['envelope', makeMessage('K01', 'e', 0, [good]), false],
    ['envelope', makeMessage('K01', 'e', Number.MAX_SAFE_INTEGER, [good, makeReading('next', null)]), false],
    ['envelope', [], false],
    ['future-version', { ...makeMessage('K01', 'e', 1, [{ new: 'things' }]), v: 2 }, true],
    ['wrong-hub', makeMessage('K02', 'e', 1, [makeReading('x', null, { hub: 'K02' })]), true],
    ['wrong-hub', makeMessage('K01', 'e', 1, [makeReading('x', null, { hub: 'K02' })]), true],
    [
      'wrong-hub',
      makeMessage('K01', 'e', 1, [makeReading('x', null, { subject: { hub: 'K02', alias: 'a'.repeat(64) } })]),
      true,
    ],
    ['unknown-type', makeMessage('K01', 'e', 1, [{ type: 'prophecy', id: 'x' }]), true],
    [
      'invalid-record',
      makeMessage('K01', 'e', 1, [{ ...good, id: 'x', values: { systolic: null, diastolic: 80 } }]),
      true,
    ],
    ['invalid-record', makeMessage('K01', 'e', 1, [{ ...good, id: '<script>' }]), true],
    ['invalid-record', makeMessage('K01', 'e', 1, [null]), true],
  ]
  test.each(cases)('%s (%#)', async (reason, body, counted) => {
    await startBroker()
    startIngest()
    const { send, covered, marks } = await hub('K01')
    await send('records', body as string)
    await send('records', body as string) // sent again, it fills nothing
    await send('records', makeMessage('K01', 'e', 2, [good]))
    await covered('e', 2)
    expect(covers(marks.at(-1)!, 'e', 1)).toBe(counted)
    expect(await reasons()).toEqual([reason])
    const [aside] = await registry.selectFrom('quarantine').selectAll().execute()
    expect(aside).toMatchObject({
      hub: 'K01',
      topic: topic('K01', 'records'),
      encoding: Buffer.isBuffer(body) ? 'hex' : 'text',
    })
    expect(aside!.detail.length).toBeGreaterThan(10)
    expect(await count('observations')).toBe(1)
    expect(changes).toContainEqual({ kind: 'quarantine', hub: 'K01' })
  })
})

test('another version of an id is kept aside and counted; the first stays', async () => {
  await startBroker()
  startIngest()
  const { send, covered } = await hub('K01')
  const values = { systolic: 180, diastolic: 100, mean: null, pulse: null }
  for (const [i, record] of [
    makeReading('o', null),
    makeReading('o', null),
    makeReading('o', null, { values }),
  ].entries()) {
    await send('records', makeMessage('K01', 'e', i + 1, [record]))
    await covered('e', i + 1)
  }
  expect(await count('observations')).toBe(1)
  expect(await registry.selectFrom('quarantine').select(['reason', 'seq']).execute()).toEqual([
    { reason: 'conflict', seq: 3 },
  ])
  const kept = await registry.selectFrom('records').select('body').executeTakeFirstOrThrow()
  expect(JSON.parse(kept.body).values.systolic).toBe(127)
})

test('a message delivered twice, marked as a duplicate or not, is kept once', async () => {
  await startBroker()
  startIngest()
  const { client, send, covered } = await hub('K01')
  const message = makeMessage('K01', 'e', 1, [makeReading('a', null), makeReading('b', null)])
  await send('records', message)
  await client.publishAsync(topic('K01', 'records'), JSON.stringify(message), { qos: 1, dup: true })
  await covered('e', 1, 2)
  await send('records', makeMessage('K01', 'other-epoch', 7, message.records)) // a hub restored from a copy
  await covered('other-epoch', 7, 8)
  expect([await count('observations'), await count('records'), await count('quarantine')]).toEqual([2, 2, 0])
  const arrivals = await registry.selectFrom('arrivals').select(['epoch', 'seq', 'record']).orderBy('epoch').execute()
  expect(arrivals).toEqual([
    { epoch: 'e', seq: 1, record: 'a' },
    { epoch: 'e', seq: 2, record: 'b' },
    { epoch: 'other-epoch', seq: 7, record: 'a' },
    { epoch: 'other-epoch', seq: 8, record: 'b' },
  ])
})

test('one bad record stops none of its neighbours, and the mark covers them all', async () => {
  await startBroker()
  startIngest()
  const { send, covered } = await hub('K01')
  const good = (n: number) => makeReading(`good${n}`, null)
  const bad = [{ ...good(9), values: { systolic: '127', diastolic: 76 } }, { ...good(9), takenAt: 'yesterday' }, 7, {}]
  await send(
    'records',
    makeMessage(
      'K01',
      'e',
      1,
      bad.flatMap((one, n) => [good(n), one]),
    ),
  )
  await covered('e', 1, 2, 3, 4, 5, 6, 7, 8)
  expect(await count('observations')).toBe(4)
  const aside = await registry.selectFrom('quarantine').select(['seq', 'body']).orderBy('seq').execute()
  expect(aside.map((q) => [q.seq, JSON.parse(q.body)])).toEqual(bad.map((one, n) => [2 * n + 2, one]))
})

test('the broker keeps the mark for a hub that connects later', async () => {
  await startBroker()
  const end = startIngest()
  const first = await hub('K01')
  await first.send('records', makeMessage('K01', 'e', 1, [makeReading('o', null)]))
  await first.covered('e', 1)
  await first.client.endAsync()
  await end()
  const later = await hub('K01')
  await later.covered('e', 1)
  expect(later.marks.length).toBe(1)
})

test('a record of a future version is not read by this one, however often it starts', async () => {
  await startBroker()
  const end = startIngest()
  const { send, covered } = await hub('K01')
  const reading = makeReading('o', null) // looks like one of ours, and may mean something else
  await send('records', { ...makeMessage('K01', 'e', 1, [reading]), v: 2, hint: 'new' })
  await covered('e', 1)
  await end()
  expect(await retryRefused(registry, keys, Date.now())).toBe(0)
  expect(await count('observations')).toBe(0)
  const aside = await registry.selectFrom('quarantine').select(['reason', 'body']).executeTakeFirstOrThrow()
  expect(aside.reason).toBe('future-version')
  // What an upgrade brings is done to what was kept: its version becomes one this program knows.
  const kept = JSON.parse(aside.body)
  expect(kept).toEqual({ v: 2, hub: 'K01', epoch: 'e', first: 1, records: [reading], hint: 'new' })
  await registry
    .updateTable('quarantine')
    .set({ body: JSON.stringify({ ...kept, v: 1 }) })
    .execute()
  expect(await retryRefused(registry, keys, Date.now())).toBe(1)
  expect([await count('observations'), await count('quarantine')]).toEqual([1, 0])
})

test('a status that is none is set aside once, however often it comes', async () => {
  await startBroker()
  startIngest()
  const { send, covered } = await hub('K01')
  for (let i = 0; i < 5; i++) await send('status', { v: 1, hub: 'K01', at: i })
  await send('records', makeMessage('K01', 'e', 1, [makeReading('o', null)]))
  await covered('e', 1)
  expect(await reasons()).toEqual(['envelope'])
})

test('a retained reading is no new reading, however often the clinic starts; a retained status is no sign of life', async () => {
  await startBroker()
  const { send } = await hub('K01')
  await send('records', makeMessage('K01', 'e', 1, [makeReading('of-february', null)]), true)
  await send('status', makeStatus('K01', 's1'), true)
  for (let start = 0; start < 3; start++) {
    changes = []
    const end = startIngest()
    await until('the status to be read', () => changes.some((c) => c.kind === 'kiosk'))
    await until('the refusal', async () => (await count('quarantine')) === 1)
    await end()
  }
  expect(await count('observations')).toBe(0)
  expect(await reasons()).toEqual(['retained'])
  const [session] = await registry.selectFrom('hub_sessions').selectAll().execute()
  expect(session).toMatchObject({ session: 's1', last_heard_ms: null })
})

test('while the registry takes nothing there is no mark, and afterwards nothing is missing', async () => {
  await startBroker()
  startIngest()
  const { send, covered, marks } = await hub('K01')
  await online()
  await sql`pragma query_only = 1`.execute(registry)
  for (let i = 1; i <= 20; i++) await send('records', makeMessage('K01', 'e', i, [makeReading(`o${i}`, null)]))
  await until('the registry to be told away', () =>
    changes.some((c) => c.kind === 'part' && c.part === 'registry' && c.state === 'away'),
  )
  expect(marks.some((m) => covers(m, 'e', 1))).toBe(false)
  await sql`pragma query_only = 0`.execute(registry)
  await covered('e', ...Array.from({ length: 20 }, (_, i) => i + 1))
  expect(await count('observations')).toBe(20)
  expect(await count('quarantine')).toBe(0)
})

test('a message the registry will never take is set aside without a mark, and its neighbours are kept', async () => {
  await startBroker()
  startIngest()
  const { send, covered, marks } = await hub('K01')
  await online()
  const refusal = `select raise(abort, 'not this one')`
  await sql`create trigger fault before insert on records when new.id = 'poison' begin ${sql.raw(refusal)}; end`.execute(
    registry,
  )
  const ids = ['a', 'b', 'poison', 'c', 'd']
  await Promise.all(ids.map((id, i) => send('records', makeMessage('K01', 'e', i + 1, [makeReading(id, null)]))))
  await covered('e', 1, 2, 4, 5)
  expect(covers(marks.at(-1)!, 'e', 3)).toBe(false)
  expect(await count('observations')).toBe(4)
  const [aside] = await registry.selectFrom('quarantine').selectAll().execute()
  expect(JSON.parse(aside!.body).records[0].id).toBe('poison')
  expect(aside!.detail).toMatch(/SQLITE_CONSTRAINT/)
  await sql`drop trigger fault`.execute(registry)
  await send('records', makeMessage('K01', 'e', 3, [makeReading('poison', null)])) // as its hub does, having no mark
  await covered('e', 1, 2, 3, 4, 5)
})

test('a hub that is revoked while it is connected is not believed any more', async () => {
  await startBroker()
  startIngest()
  const [revoked, other] = [await hub('K01'), await hub('K02')]
  await revoked.send('records', makeMessage('K01', 'e', 1, [makeReading('before', null)]))
  await revoked.covered('e', 1)
  await registry.updateTable('hubs').set({ revoked_at_ms: 1 }).where('id', '=', 'K01').execute()
  await revoked.send('records', makeMessage('K01', 'e', 2, [makeReading('after', null)]))
  await other.send('records', makeMessage('K02', 'e', 1, [makeReading('others', null, { hub: 'K02' })]))
  await other.covered('e', 1)
  expect(revoked.marks.some((mark) => covers(mark, 'e', 2))).toBe(false)
  const kept = await registry.selectFrom('records').select('id').orderBy('id').execute()
  expect(kept.map((r) => r.id)).toEqual(['before', 'others'])
})

test('an unknown kind is tried again after an upgrade, and leaves the quarantine when it is understood', async () => {
  await startBroker()
  const end = startIngest()
  const { send, covered } = await hub('K01')
  await send('records', makeMessage('K01', 'e', 1, [{ ...makeReading('o', null), type: 'later' }]))
  await covered('e', 1)
  await end()
  // What the upgrade would do is done to the record instead: its type becomes one this version knows.
  const body = JSON.stringify(makeReading('o', null))
  await registry.updateTable('quarantine').set({ body }).execute()
  startIngest()
  await until('it to be kept', async () => (await count('observations')) === 1)
  await until('the quarantine to be empty', async () => (await count('quarantine')) === 0)
  expect(await registry.selectFrom('arrivals').select(['record', 'quarantine']).execute()).toEqual([
    { record: 'o', quarantine: null },
  ])
})

test('on Mosquitto: what comes while the clinic is away waits for it; a hub that is not enrolled gets no mark', async () => {
  const users = [
    { user: 'clinic', password: 'inside', acl: ['readwrite kiosk/v1/#'] },
    ...['K01', 'K77'].map((id) => ({ user: id, password: 'pass', acl: [`readwrite kiosk/v1/${id}/#`] })),
  ]
  const server = await mosquitto(join(folder, 'mosquitto'), users)
  await server.start()
  ends.push(() => server.end())
  url = `mqtt://127.0.0.1:${server.port}`
  const end = startIngest()
  const [known, stranger] = [await hub('K01'), await hub('K77')]
  await known.send('records', makeMessage('K01', 'e', 1, [makeReading('o1', null)]))
  await known.covered('e', 1)
  await end()
  await known.send('records', makeMessage('K01', 'e', 2, [makeReading('o2', null)]))
  await stranger.send('records', makeMessage('K77', 'e', 1, [makeReading('o3', null, { hub: 'K77' })]))
  startIngest()
  await known.covered('e', 1, 2)
  await until('the stranger to be logged', () => log.find((line) => line.includes('K77')))
  expect(stranger.marks).toEqual([])
  expect(await count('records')).toBe(2)
})

test('a full inbox makes its senders wait until there is room', async () => {
  const inbox = new Inbox(100)
  const message = (size: number) => ({ topic: 't', payload: new Uint8Array(size), retain: false })
  await inbox.put(message(90))
  let letIn = false
  const waiting = inbox.put(message(20)).then(() => {
    letIn = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(letIn).toBe(false)
  expect(inbox.take()?.payload.length).toBe(90)
  await waiting
  expect(letIn).toBe(true)
  expect(inbox.take()?.payload.length).toBe(20)
  expect(inbox.take()).toBeUndefined()
})
