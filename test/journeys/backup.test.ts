// The backup drill: made while the clinic takes readings in, restored elsewhere; every reading is there as it was sent, once, and names open.
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, expect, it } from 'vitest'
import { Enrolment } from '../../hub/contract/enrolment.ts'
import { openOutbox } from '../../hub/outbox.ts'
import { command, type Program, SITE, start, writeConfig } from '../../simulators/programs.ts'
import { makePerson, makeReading, makeVisit } from '../dashboard/ingest/records.ts'
import { freePort, until } from '../servers.ts'
import { residents, signIn } from './clinic-api.ts'

const READINGS = 6_000
const LATER = 1000 // since the backup
const EACH = 500 // of them in a transaction of the outbox
const PEOPLE = Array.from({ length: 4 }, (_, n) => makePerson(n))
const PASSWORD = 'a password of the drill'
const MOMENT = { wallMs: Date.parse('2026-03-02T08:15:00+08:00'), uptimeMs: 1000, boot: 'boot-1', trusted: true }

const folder = mkdtempSync(join(tmpdir(), 'drill-'))
const programs: Program<unknown>[] = []
afterAll(async () => {
  for (const program of programs) await program.stop()
  rmSync(folder, { recursive: true })
})
const at = (...names: string[]) => join(folder, ...names)
const run = async (name: 'clinic' | 'hub', config: string) => {
  const program = await start<{ url: string }>(name, ['run', '--config', config], { log: () => undefined })
  programs.push(program)
  return program
}
const figure = async (url: string, name: string) => {
  const text = await (await fetch(new URL('metrics', url))).text()
  return Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}

it('a clinic backed up under load and lost is whole again elsewhere', async () => {
  const ports = { page: await freePort(), broker: await freePort() }
  const configFor = (data: string) =>
    writeConfig(at(`of-${data}`), {
      data: at(data),
      listen: { port: ports.page },
      broker: { embedded: { port: ports.broker } },
      series: { sqlite: true },
      sites: [SITE],
    })
  const config = await configFor('lost')
  const cli = (args: string[], input = '') => command('clinic', [...args, '--config', config], input)
  await cli(['user', 'add', 'ding', '--role', 'doctor', '--site', SITE.id], PASSWORD)
  await cli(['keys', 'add-hub', 'K01', '--site', SITE.id, '--out', at('enrolment.json')])
  const { clinicKey } = Enrolment.parse(JSON.parse(readFileSync(at('enrolment.json'), 'utf8')))
  // Since this hub was enrolled the clinic has a newer sealing key: the hub's visits need the old one.
  const newer = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  writeFileSync(at('lost/keys/seal-0002-newer.json'), JSON.stringify({ ...newer, kid: 'newer' }), { mode: 0o600 })

  const sent = new Map<string, string>()
  const fill = async (first: number, end: number) => {
    const outbox = openOutbox(at('outbox.sqlite'))
    for (let from = first; from < end; from += EACH) {
      const person = PEOPLE[(from / EACH) % PEOPLE.length]!
      const readings = Array.from({ length: EACH }, (_, i) =>
        makeReading(`reading-${from + i}`, person, {
          values: { systolic: 90 + (i % 100), diastolic: 60, mean: null, pulse: 70 },
        }),
      )
      outbox.put([await makeVisit(`visit-${from}`, person, clinicKey), ...readings], MOMENT)
      for (const reading of readings) sent.set(reading.id, JSON.stringify(reading))
    }
    outbox.close()
  }
  await fill(0, READINGS)

  let clinic = await run('clinic', config)
  const hubConfig = await writeConfig(folder, {
    enrolment: at('enrolment.json'),
    data: folder,
    devices: [{ id: 'cuff', driver: 'and-tm2657', port: { type: 'serial', path: at('cuff') } }],
    screen: { port: 0 },
  })
  let hub = await run('hub', hubConfig)
  await until(
    'the clinic to take readings in',
    async () => (await figure(clinic.ready.url, 'kiosk_clinic_records_accepted_total')) > 0,
  )
  await command('clinic', ['backup', '--data', at('lost'), '--out', at('a.backup')])
  await hub.stop()
  await fill(READINGS, READINGS + LATER)
  hub = await run('hub', hubConfig)
  await until('the hub to have nothing left', async () => (await figure(hub.ready.url, 'kiosk_hub_records_kept')) === 0)

  await clinic.kill()
  rmSync(at('lost'), { recursive: true })
  const told = await command('clinic', ['restore', '--from', at('a.backup'), '--data', at('found')])
  expect(told).toBe('')
  const restored = new Database(at('found/registry.sqlite'), { readonly: true })
  const then = restored.prepare('select count(*) from observations').pluck().get() as number
  restored.close()
  expect(then).toBeGreaterThan(0)
  expect(then).toBeLessThanOrEqual(READINGS)

  clinic = await run('clinic', await configFor('found'))
  const registry = new Database(at('found/registry.sqlite'), { readonly: true })
  const all = (sql: string) => registry.prepare(sql).all() as { id: string; body: string }[]
  const here = registry.prepare(`select count(*) from observations where stored = 1`).pluck()
  await until('every reading to be in registry and series', () => here.get() === sent.size, 60_000)
  const kept = all(`select id, body from records where type = 'observation'`)
  expect(kept).toHaveLength(sent.size)
  expect(kept.filter(({ id, body }) => sent.get(id) !== body)).toEqual([])
  const series = new Database(at('found/series.sqlite'), { readonly: true })
  expect(series.prepare('select count(*) as points, count(distinct id) as ids from points').get()).toEqual({
    points: sent.size,
    ids: sent.size,
  })
  series.close()
  registry.close()

  const api = await signIn(clinic.ready.url.replace(/\/$/, ''), 'ding', PASSWORD)
  const names = (await residents(api)).map(({ name }) => name)
  expect(names.sort()).toEqual(PEOPLE.map(({ name }) => name).sort())
}, 180_000)
