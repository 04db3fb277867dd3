// Ingest on a real broker: what it sets aside, with its reason, and what that stops: nothing.
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { retryRefused } from '../../../dashboard/server/retry.ts'
import { MAX_BYTES } from '../../../hub/contract/record.ts'
import { covers } from '../../../hub/contract/stored.ts'
import { topic } from '../../../hub/contract/topics.ts'
import { until } from '../../servers.ts'
import { makeMessage, makeReading, makeStatus } from './records.ts'
import { changes, count, hub, keys, online, reasons, registry, startBroker, startIngest } from './rig.ts'

describe('what cannot be accepted is set aside whole, and stops nothing else:', () => {
  const good = makeReading('good', null)
  /** Nested deeper than our stack. */
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  const cases: [reason: string, body: unknown, counted: boolean][] = [
    ['not-json', '{"v":1,"hub":"K01","epoch":"e","first":1,"records":[{"value":NaN}]}', false],
    ['not-json', Buffer.from([0xff, 0xfe, 0x00]), false],
    ['envelope', deep, false],
    ['not-json', `{"v":1,"hub":"K01","epoch":"e","first":1,"records":[${deep}]}`, false],
    ['not-json', `{"v":2,"hub":"K01","epoch":"e","first":1,"more":${deep},"records":[null]}`, false],
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

test('a record of a future version is not read by this one, however often it starts', async () => {
  await startBroker()
  const end = startIngest()
  const { send, covered } = await hub('K01')
  const reading = makeReading('o', null) // looks like one of ours, and may mean something else
  await send('records', { ...makeMessage('K01', 'e', 1, [reading]), v: 2, hint: 'new' })
  await covered('e', 1)
  await end()
  expect(await retryRefused(registry, keys, Date.now())).toMatchObject({ tried: 1, settled: 0 })
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
  expect(await retryRefused(registry, keys, Date.now())).toMatchObject({ tried: 1, settled: 1 })
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
    changes.length = 0
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
