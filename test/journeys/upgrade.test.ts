// The data folders of an older version, its hub's outbox full, under today's programs: everything goes on; folders of a newer version are refused.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HubRecord } from '../../hub/contract/record.ts'
import { type Program, SITE, StartError, start, writeConfig } from '../../simulators/programs.ts'
import { freePort, until } from '../servers.ts'

const OLD = join(import.meta.dirname, '../fixtures/0.1-folders')
interface Beside {
  keys: Record<string, string>
  aliasKey: string
  enrolment: object
  people: { name: string; number: string }[]
}
const beside = JSON.parse(readFileSync(join(OLD, 'beside.json'), 'utf8')) as Beside

/** Both folders as that version left them, and configurations of today for them. */
async function oldFolders() {
  const folder = mkdtempSync(join(tmpdir(), 'upgrade-'))
  const at = (...names: string[]) => join(folder, ...names)
  mkdirSync(at('clinic/keys'), { recursive: true })
  mkdirSync(at('hub'))
  for (const [file, name] of [
    ['clinic/registry.sqlite', 'registry'],
    ['clinic/series.sqlite', 'series'],
    ['hub/outbox.sqlite', 'outbox'],
  ] as const) {
    const db = new Database(at(file))
    db.exec(readFileSync(join(OLD, `${name}.sql`), 'utf8'))
    db.pragma('journal_mode = wal')
    db.close()
  }
  for (const [name, content] of Object.entries(beside.keys)) writeFileSync(at('clinic/keys', name), content)
  writeFileSync(at('hub/alias.key'), Buffer.from(beside.aliasKey, 'hex'))
  writeFileSync(at('enrolment.json'), JSON.stringify(beside.enrolment))
  const brokerPort = await freePort()
  const clinic = await writeConfig(at('of-clinic'), {
    data: at('clinic'),
    listen: { port: 0 },
    broker: { embedded: { port: brokerPort } },
    series: { sqlite: true },
    sites: [SITE],
  })
  const hub = await writeConfig(at('of-hub'), {
    enrolment: at('enrolment.json'),
    data: at('hub'),
    broker: `mqtt://127.0.0.1:${brokerPort}`,
    devices: [{ id: 'cuff', driver: 'and-tm2657', port: { type: 'serial', path: at('cuff') } }],
    screen: { port: 0 },
  })
  return { folder, at, clinic, hub }
}

const run = (name: 'clinic' | 'hub', config: string) =>
  start<{ url: string }>(name, ['run', '--config', config], { log: () => undefined })

describe('an older version’s folders', () => {
  let old: Awaited<ReturnType<typeof oldFolders>>
  const programs: Program<unknown>[] = []
  const atHub = new Map<string, HubRecord>()
  let atClinic: string[]
  beforeAll(async () => {
    old = await oldFolders()
    const outbox = new Database(old.at('hub/outbox.sqlite'), { readonly: true })
    for (const body of outbox.prepare('select body from rows').pluck().all() as string[]) {
      const record = JSON.parse(body) as HubRecord
      atHub.set(record.id, record)
    }
    outbox.close()
    const registry = new Database(old.at('clinic/registry.sqlite'), { readonly: true })
    atClinic = registry.prepare('select id from records').pluck().all() as string[]
    registry.close()
    programs.push(await run('clinic', old.clinic), await run('hub', old.hub))
  })
  afterAll(async () => {
    for (const program of programs) await program.stop()
    rmSync(old.folder, { recursive: true })
  })

  it('deliver what waited: every record that hub or clinic had is at the clinic, once, as it was made', async () => {
    const waited = [...atHub.keys()].filter((id) => !atClinic.includes(id))
    expect(waited).toHaveLength(10) // the outbox is full of them
    const registry = new Database(old.at('clinic/registry.sqlite'), { readonly: true })
    const records = registry.prepare<[], { id: string; body: string }>('select id, body from records')
    await until('all that waited', () => records.all().length === new Set([...atHub.keys(), ...atClinic]).size)
    for (const { id, body } of records.all()) if (atHub.has(id)) expect(JSON.parse(body)).toEqual(atHub.get(id))
    const stored = registry.prepare('select id from observations where stored = 1 order by id').pluck()
    const readings = [...atHub.values()].filter((record) => record.type === 'observation').map(({ id }) => id)
    await until('the series to have them', () => stored.all().length === new Set(readings).size)
    const series = new Database(old.at('clinic/series.sqlite'), { readonly: true })
    expect(series.prepare('select id from points order by id').pluck().all()).toEqual(readings.sort())
    series.close()
    expect(registry.prepare('select count(*) from quarantine').pluck().get()).toBe(0)
    registry.close()
  })

  it('open every name, those sealed before the upgrade too, and keep whose reading is whose', () => {
    const registry = new Database(old.at('clinic/registry.sqlite'), { readonly: true })
    const people = registry.prepare<[], { name: string; number: string }>(
      'select name, number from residents order by n',
    )
    expect(people.all()).toEqual(beside.people)
    const owners = registry.prepare<[], { id: string; name: string }>(
      'select o.id, r.name from observations o join subjects s on s.id = o.subject join residents r on r.id = s.resident',
    )
    const visits = registry.prepare<[], { id: string; name: string }>(
      'select v.id, r.name from visits v join residents r on r.number_key = v.number_key',
    )
    const names = new Map(visits.all().map(({ id, name }) => [id, name]))
    const owned = owners.all()
    expect(owned.length).toBeGreaterThan(5)
    for (const { id, name } of owned) {
      const record = atHub.get(id)!
      expect(name).toBe(names.get('visit' in record ? record.visit! : ''))
    }
    registry.close()
  })
})

describe('a newer version’s folders', () => {
  /** Starts a program on a folder that was changed first. @returns its last line */
  async function told(name: 'clinic' | 'hub', file: string, sql: string) {
    const old = await oldFolders()
    try {
      const db = new Database(old.at(file))
      db.exec(sql)
      db.close()
      cpSync(old.at(name), old.at('before'), { recursive: true })
      const error = await run(name, old[name]).then(
        (program) => program.stop().then(() => 'it started'),
        (reason: unknown) => (reason instanceof StartError ? reason.message : String(reason)),
      )
      const changed = readdirSync(old.at('before')).filter(
        (one) => /sqlite$/.test(one) && !readFileSync(old.at('before', one)).equals(readFileSync(old.at(name, one))),
      )
      return { error, changed }
    } finally {
      rmSync(old.folder, { recursive: true })
    }
  }

  it('are refused by the clinic in one clear line, and not touched', async () => {
    const newer = `insert into kysely_migration values ('999-later', '2030-01-01')`
    const { error, changed } = await told('clinic', 'clinic/registry.sqlite', newer)
    expect(error).toMatch(
      /registry\.sqlite was written by a newer kiosk-clinic \(its tables: 999-later\): run that one/,
    )
    expect(changed).toEqual([])
  })

  it('are refused by the hub in one clear line, and not touched', async () => {
    const { error, changed } = await told('hub', 'hub/outbox.sqlite', 'pragma user_version = 999')
    expect(error).toMatch(
      /outbox\.sqlite was written by a newer kiosk-hub \(version 999, this one knows \d+\): run that one/,
    )
    expect(changed).toEqual([])
  })
})
