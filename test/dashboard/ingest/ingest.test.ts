// Ingest on a real broker: what it keeps, and the mark it answers with.
import { join } from 'node:path'
import { sql } from 'kysely'
import mqtt from 'mqtt'
import { expect, test } from 'vitest'
import { Inbox } from '../../../dashboard/server/inbox.ts'
import { nextMark } from '../../../dashboard/server/registry/marks.ts'
import { covers } from '../../../hub/contract/stored.ts'
import { topic } from '../../../hub/contract/topics.ts'
import { ownMosquitto, until } from '../../servers.ts'
import { makeMessage, makePerson, makeReading, makeStatus, makeVisit } from './records.ts'
import {
  brokerAt,
  changes,
  clients,
  count,
  ends,
  folder,
  hub,
  LOGIN,
  log,
  online,
  publicKey,
  registry,
  startBroker,
  startIngest,
  url,
} from './rig.ts'

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

test('on Mosquitto: what comes while the clinic is away waits for it; a hub that is not enrolled gets no mark', async () => {
  const users = [
    { user: 'clinic', password: 'inside', acl: ['readwrite kiosk/v1/#'] },
    ...['K01', 'K77'].map((id) => ({ user: id, password: 'pass', acl: [`readwrite kiosk/v1/${id}/#`] })),
  ]
  const server = await ownMosquitto(join(folder, 'mosquitto'), users)
  await server.start()
  ends.push(() => server.end())
  brokerAt(server.port)
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

test('small messages do not wait behind large ones, and have a turn of their own', async () => {
  const inbox = new Inbox(10_000_000)
  const message = (bytes: number) => ({ topic: '', payload: Buffer.alloc(bytes), retain: false })
  const put = (...sizes: number[]) => {
    for (const bytes of sizes) void inbox.put(message(bytes))
  }
  const take = () => inbox.take(250_000, 0).map(({ payload }) => payload.length)
  put(100_000, 100_001, 100_002, 500, 501)
  expect(take()).toEqual([500, 501])
  put(502)
  expect(take()).toEqual([100_000, 100_001])
  expect(take()).toEqual([502])
  put(300_000, 503)
  expect(take()).toEqual([100_002])
  expect(take()).toEqual([503])
  expect(take()).toEqual([300_000])
  expect(take()).toEqual([])
})

test('while small messages come the inbox knows that somebody is at a kiosk, and for a moment after', () => {
  const inbox = new Inbox(10_000_000)
  void inbox.put({ topic: '', payload: Buffer.alloc(100_000), retain: false })
  inbox.take(1, 1000)
  expect(inbox.isLive(1000)).toBe(false)
  void inbox.put({ topic: '', payload: Buffer.alloc(500), retain: false })
  inbox.take(1, 2000)
  expect([2000, 3999, 4000].map((ms) => inbox.isLive(ms))).toEqual([true, true, false])
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
  expect(inbox.take(1, 0).map(({ payload }) => payload.length)).toEqual([90])
  await waiting
  expect(letIn).toBe(true)
  expect(inbox.take(1, 0).map(({ payload }) => payload.length)).toEqual([20])
  expect(inbox.take(1, 0)).toEqual([])
})
