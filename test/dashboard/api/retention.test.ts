// What a site keeps no longer leaves the registry for files: whole, known when it comes again, and gone with the person.
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import pino from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { eraseForGood } from '../../../dashboard/server/erase.ts'
import { audit } from '../../../dashboard/server/registry/audit.ts'
import { takeIn } from '../../../dashboard/server/registry/intake.ts'
import { bodyOf, type Reason, type Refused } from '../../../dashboard/server/registry/quarantine.ts'
import { keepRetention, setAsideOld } from '../../../dashboard/server/retention.ts'
import { until } from '../../servers.ts'
import { NOON, openTestClinic, person, pressure, type TestClinic, visit } from './clinic.ts'

const DAY_MS = 86_400_000
let clinic: TestClinic
beforeEach(async () => {
  clinic = await openTestClinic()
})
afterEach(() => clinic.end())

const refuse = (body: string | Uint8Array, seq: number, reason: Reason = 'not-json'): Refused => ({
  ...{ hub: 'E1', topic: 'kiosk/v1/E1/records', epoch: 'later', seq, reason },
  ...{ detail: 'expected JSON', body: bodyOf(Buffer.from(body)) },
})
const keep = (...refused: Refused[]) => takeIn(clinic.registry, { accepted: [], refused }, clinic.clock.ms)
const partsOf = (retention: { quarantineDays?: number; auditDays?: number }) => ({
  ...{ registry: clinic.registry, retention, notify: () => undefined, now: () => clinic.clock.ms },
  log: pino({ level: 'debug' }, { write: (line) => void clinic.log.push(line) }),
})
const folder = () => join(clinic.folder, 'set-aside')
const files = (of: string) =>
  readdirSync(clinic.folder).includes('set-aside') ? readdirSync(folder()).filter((name) => name.startsWith(of)) : []
const lines = (of: string) =>
  files(of).flatMap((name) =>
    readFileSync(join(folder(), name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  )
const rows = () => clinic.registry.selectFrom('quarantine').selectAll().orderBy('n').execute()
const state = async () => [
  await clinic.registry.selectFrom('arrivals').selectAll().orderBy('seq').execute(),
  await clinic.registry.selectFrom('coverage').selectAll().execute(),
]

it('without the setting nothing leaves, however old it is', async () => {
  await keep(refuse('{"v":NaN', 1))
  await audit(clinic.registry, NOON, { user: 'ding', action: 'searched', target: '-' })
  const [kept, deeds] = [await rows(), await clinic.registry.selectFrom('audit').selectAll().execute()]
  clinic.clock.ms += 4000 * DAY_MS
  await setAsideOld(partsOf({}))
  expect(await rows()).toEqual(kept)
  expect(await clinic.registry.selectFrom('audit').selectAll().execute()).toEqual(deeds)
  expect(readdirSync(clinic.folder)).not.toContain('set-aside')
})

it('what is older than the site keeps the quarantine goes whole into a file, and its row says where; what is younger stays', async () => {
  await keep(refuse('{"v":NaN', 1), refuse(Uint8Array.of(0xff, 0), 2))
  clinic.clock.ms += 40 * DAY_MS
  await keep(refuse('[young', 3))
  const before = await rows()
  const [arrivals, coverage] = await state()
  clinic.clock.ms += DAY_MS
  await setAsideOld(partsOf({ quarantineDays: 40 }))
  expect(lines('quarantine')).toEqual(before.slice(0, 2).map((row) => ({ class: 'quarantine', ...row })))
  const [file] = files('quarantine')
  expect(statSync(join(folder(), file!)).mode & 0o777).toBe(0o600)
  expect(statSync(folder()).mode & 0o777).toBe(0o700)
  const told = `expected JSON; its content was set aside in ${file}`
  expect(await rows()).toEqual([...before.slice(0, 2).map((row) => ({ ...row, body: '', detail: told })), before[2]])
  expect(await state()).toEqual([arrivals, coverage])
  const deed = await clinic.registry.selectFrom('audit').selectAll().where('action', '=', 'set-aside').execute()
  expect(deed).toMatchObject([{ user: '-', target: '-', detail: `quarantine: 2 in ${file}` }])
  expect(clinic.log.join('')).toContain(file)
  expect(clinic.log.join('')).not.toContain('NaN')
  await setAsideOld(partsOf({ quarantineDays: 40 }))
  expect(files('quarantine')).toEqual([file])
})

it('what comes again after it was set aside is known: no new row, no new file, and it counts as arrived once', async () => {
  await keep(refuse('{"v":NaN', 1))
  clinic.clock.ms += 40 * DAY_MS
  await setAsideOld(partsOf({ quarantineDays: 31 }))
  const [kept, arrived] = [await rows(), await state()]
  await keep(refuse('{"v":NaN', 1))
  expect([await rows(), await state()]).toEqual([kept, arrived])
  clinic.clock.ms += 40 * DAY_MS
  await setAsideOld(partsOf({ quarantineDays: 31 }))
  expect(lines('quarantine')).toHaveLength(1)
})

it('a record that an upgrade may yet understand keeps its content in the registry', async () => {
  const retried: Reason[] = ['unknown-type', 'future-version', 'invalid-record', 'store-refused']
  await keep(...retried.map((reason, seq) => refuse(JSON.stringify({ seq }), seq + 1, reason)))
  const kept = await rows()
  clinic.clock.ms += 400 * DAY_MS
  await setAsideOld(partsOf({ quarantineDays: 31 }))
  expect(await rows()).toEqual(kept)
})

it('more than one file takes goes into several, each row once', async () => {
  await keep(...Array.from({ length: 1201 }, (_, seq) => refuse(`{${seq}`, seq + 1)))
  clinic.clock.ms += 40 * DAY_MS
  await setAsideOld(partsOf({ quarantineDays: 31 }))
  expect(files('quarantine')).toHaveLength(3)
  expect(new Set(lines('quarantine').map((line) => line.body)).size).toBe(1201)
  expect(lines('quarantine')).toHaveLength(1201)
  expect((await rows()).every((row) => row.body === '')).toBe(true)
})

it('the audit goes the same way, but for who was erased', async () => {
  await audit(clinic.registry, NOON, { user: 'ding', action: 'record-opened', target: 'r1' })
  await audit(clinic.registry, NOON, { user: '-', action: 'erased', target: 'r2' })
  const before = await clinic.registry.selectFrom('audit').selectAll().where('action', '=', 'record-opened').execute()
  clinic.clock.ms += 366 * DAY_MS
  await setAsideOld(partsOf({ auditDays: 365 }))
  expect(lines('audit').filter((line) => line.action === 'record-opened')).toEqual(
    before.map((row) => ({ class: 'audit', ...row })),
  )
  const left = await clinic.registry.selectFrom('audit').select('action').orderBy('at_ms').execute()
  expect(left.map(({ action }) => action)).toEqual(['erased', 'set-aside'])
})

it('when the registry does not commit after the file is written, nothing is gone, and the rows stand twice in files', async () => {
  await keep(refuse('{"v":NaN', 1))
  const kept = await rows()
  clinic.clock.ms += 40 * DAY_MS
  await sql`create trigger cut before update on quarantine begin select raise(abort, 'cut'); end`.execute(
    clinic.registry,
  )
  await expect(setAsideOld(partsOf({ quarantineDays: 31 }))).rejects.toThrow('cut')
  expect(await rows()).toEqual(kept)
  expect(lines('quarantine')).toHaveLength(1)
  await sql`drop trigger cut`.execute(clinic.registry)
  await setAsideOld(partsOf({ quarantineDays: 31 }))
  expect(lines('quarantine').map((line) => line.body)).toEqual(['{"v":NaN', '{"v":NaN'])
  expect((await rows())[0]!.body).toBe('')
})

it('erasing a person empties what the files hold of them and nothing else, also in a file put back later', async () => {
  const who = person(1)
  const opened = await visit(clinic, 'E1', who, '2026-03-02T00:10:00Z')
  const reading = pressure('E1', opened, '2026-03-02T00:11:00Z')
  await clinic.take(opened, reading)
  const another = pressure('E1', null, '2026-03-02T00:12:00Z')
  await keep(
    refuse(JSON.stringify({ ...reading, unit: 'kPa' }), 1, 'conflict'),
    refuse(`{"name":"${who.name}"`, 2),
    refuse(JSON.stringify({ ...another, unit: 'kPa' }), 3, 'conflict'),
    refuse(Buffer.from(`\0${opened.subject!.alias}`), 4),
  )
  const { id } = await clinic.registry.selectFrom('residents').select('id').executeTakeFirstOrThrow()
  await audit(clinic.registry, NOON, { user: 'ding', action: 'record-opened', target: id, detail: 'why' })
  await audit(clinic.registry, NOON, { user: 'ding', action: 'record-opened', target: reading.id, detail: `to ${id}` })
  clinic.clock.ms += 400 * DAY_MS
  const parts = partsOf({ quarantineDays: 31, auditDays: 365 })
  await setAsideOld(parts)
  const [file] = files('quarantine')
  const old = readFileSync(join(folder(), file!))
  writeFileSync(join(folder(), 'quarantine-cut.jsonl.part'), old)

  await eraseForGood(clinic.registry, clinic.store, id, clinic.clock.ms)
  const checked = () => {
    const text = readdirSync(folder())
      .map((name) => readFileSync(join(folder(), name), 'utf8'))
      .join('')
    for (const trace of [reading.id, opened.id, opened.subject!.alias]) {
      expect(text).not.toContain(trace)
      expect(text).not.toContain(Buffer.from(trace).toString('hex'))
    }
    expect(lines('quarantine').map((line) => line.reason)).toEqual(['erased', expect.anything(), 'conflict', 'erased'])
    expect(lines('quarantine')[2].body).toContain(another.id)
  }
  checked()
  expect(lines('quarantine')[1]).toMatchObject({ reason: 'erased', body: '' })
  expect(
    lines('audit')
      .filter((line) => line.action === 'record-opened')
      .map(({ target, detail }) => [target, detail]),
  ).toEqual([
    [id, ''],
    ['-', ''],
  ])

  writeFileSync(join(folder(), 'put-back'), old)
  renameSync(join(folder(), 'put-back'), join(folder(), file!))
  const ending = new AbortController()
  const running = keepRetention(partsOf({}), ending.signal)
  await until('the file put back is emptied', () => lines('quarantine')[0].body === '')
  ending.abort()
  await running
  checked()
})

it('a file that was spoilt by hand stops an erasure with its name, so that nobody believes it done', async () => {
  await clinic.take(await visit(clinic, 'E1', person(1), '2026-03-02T00:10:00Z'))
  await keep(refuse('{"v":NaN', 1))
  clinic.clock.ms += 40 * DAY_MS
  await setAsideOld(partsOf({ quarantineDays: 31 }))
  const [file] = files('quarantine')
  writeFileSync(join(folder(), file!), 'spoilt\n')
  const { id } = await clinic.registry.selectFrom('residents').select('id').executeTakeFirstOrThrow()
  const erase = () => eraseForGood(clinic.registry, clinic.store, id, clinic.clock.ms)
  await expect(erase()).rejects.toThrow(`set-aside/${file} has a line that is no JSON`)
  expect(await clinic.registry.selectFrom('residents').select('id').execute()).toHaveLength(1)
  rmSync(join(folder(), file!))
  await erase()
  expect(await clinic.registry.selectFrom('residents').select('id').execute()).toEqual([])
})
