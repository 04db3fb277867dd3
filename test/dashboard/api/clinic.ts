// A whole clinic for the API's tests: real registry, real series, real app; what comes in comes in as ingest brings it.
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { build } from '../../../dashboard/server/api/app.ts'
import { COOKIE, hashPassword } from '../../../dashboard/server/api/auth.ts'
import type { App, Deps } from '../../../dashboard/server/api/deps.ts'
import { makeChanges } from '../../../dashboard/server/api/live.ts'
import type { Site } from '../../../dashboard/server/api/schema.ts'
import { openKeys } from '../../../dashboard/server/keys.ts'
import { clinicMetrics } from '../../../dashboard/server/metrics.ts'
import { addHub, putSites } from '../../../dashboard/server/registry/enrol.ts'
import { openIdentity } from '../../../dashboard/server/registry/identity.ts'
import { takeIn } from '../../../dashboard/server/registry/intake.ts'
import { openRegistry } from '../../../dashboard/server/registry/registry.ts'
import { markStored, unwritten } from '../../../dashboard/server/registry/series.ts'
import { addUser, type User } from '../../../dashboard/server/registry/users.ts'
import { openSqliteStore } from '../../../dashboard/server/store/sqlite.ts'
import type { HubRecord, Identity, Observation, Visit } from '../../../hub/contract/record.ts'
import { seal } from '../../../hub/contract/seal.ts'

export const SITES: Site[] = [
  { id: 'east', name: { zh: '东村', en: 'East village' }, zone: 'Asia/Shanghai' },
  { id: 'west', name: { zh: '西村', en: 'West village' }, zone: 'Asia/Urumqi' },
]
export const PASSWORD = 'correct horse battery'
/** The clinic's clock in these tests, until `at` moves it. */
export const NOON = Date.parse('2026-03-02T12:00:00+08:00')

export async function openTestClinic(changed: Partial<Deps> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'clinic-api-'))
  const keys = openKeys(join(folder, 'keys'), false)
  const registry = await openRegistry(join(folder, 'registry.sqlite'))
  const store = openSqliteStore(join(folder, 'series.sqlite'))
  await putSites(registry, SITES)
  for (const [id, site] of Object.entries({ E1: 'east', W1: 'west' }))
    await addHub(registry, { id, site, passwordHash: '-' }, NOON)
  const clock = { ms: NOON }
  const log: string[] = []
  const changes = makeChanges()
  const figures = { registry, version: '0.0.0', now: () => clock.ms, presenceMs: 150_000, token: null }
  const metrics = clinicMetrics(figures)
  const app: App = await build({
    registry,
    keys,
    store,
    sites: SITES,
    changes,
    broker: () => true,
    unkeptSinceMs: () => null,
    now: () => clock.ms,
    log: pino({ level: 'debug' }, { write: (line) => void log.push(line) }),
    version: '0.0.0',
    metrics,
    origin: null,
    presenceMs: 150_000,
    aliveMs: 15_000,
    web: join(folder, 'web'),
    ...changed,
  })
  const passwordHash = await hashPassword(PASSWORD)
  const user = (name: string, role: User['role'], sites: string[]) =>
    addUser(registry, { name, role, sites, passwordHash }, clock.ms)
  await user('ding', 'doctor', ['east'])
  await user('wu', 'doctor', ['west'])
  await user('root', 'admin', [])
  await user('county', 'county', ['east', 'west'])

  let seq = 0
  /** Kept as ingest keeps it, and told as ingest tells it. */
  const take = async (...records: HubRecord[]) => {
    const accepted = await Promise.all(
      records.map(async (record) => ({
        hub: record.hub,
        topic: `kiosk/v1/${record.hub}/records`,
        epoch: 'epoch',
        seq: ++seq,
        record,
        body: JSON.stringify(record),
        opened: record.type === 'visit' ? await openIdentity(record.sealed, keys) : null,
      })),
    )
    for (const change of await takeIn(registry, { accepted, refused: [] }, clock.ms)) changes.tell(change)
  }

  const signIn = async (name: string, password = PASSWORD) => {
    const answer = await app.inject({ method: 'POST', url: '/api/session', payload: { user: name, password } })
    return { answer, cookie: `${COOKIE}=${answer.cookies[0]?.value}` }
  }

  return {
    app,
    registry,
    store,
    folder,
    keys,
    clock,
    log,
    changes,
    take,
    signIn,
    /** Asks as a signed-in user. */
    as: async (name: string) => {
      const { cookie } = await signIn(name)
      return {
        cookie,
        get: async (url: string) => {
          const answer = await app.inject({ url, headers: { cookie } })
          return { status: answer.statusCode, body: answer.json() }
        },
        post: async (url: string, payload: object) => {
          const answer = await app.inject({ method: 'POST', url, payload, headers: { cookie } })
          return { status: answer.statusCode, body: answer.json() }
        },
      }
    },
    end: async () => {
      await app.close()
      await store.close()
      await registry.destroy()
      rmSync(folder, { recursive: true })
    },
  }
}
export type TestClinic = Awaited<ReturnType<typeof openTestClinic>>

/** An invented person: region 119999 is not in use. `n` makes the number. */
export function person(n: number, changed: Partial<Identity> = {}): Identity {
  const digits = `11999919500101${String(n).padStart(3, '0')}`
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
  const sum = weights.reduce((total, weight, i) => total + weight * Number(digits[i]), 0)
  const number = digits + '10X98765432'[sum % 11]
  const name = `测试·${n}`
  return {
    authority: 'cn-resident',
    document: 'citizen',
    number,
    name,
    nameIncomplete: false,
    birthDate: '1950-01-01',
    sex: 'female',
    ...changed,
  }
}

const CLOCK = { trusted: true, boot: 'b', uptimeMs: 1, deviceOffsetSeconds: null }

/** Opens a visit; its subject is the alias that this hub gives the person. */
export async function visit(clinic: TestClinic, hub: string, who: Identity | null, openedAt: string): Promise<Visit> {
  const alias = who && Buffer.from(`${hub}${who.number}`).toString('hex').padEnd(64, '0').slice(0, 64)
  return {
    type: 'visit',
    id: randomUUID(),
    hub,
    openedAt,
    clock: CLOCK,
    subject: alias === null ? null : { hub, alias },
    sealed: who && (await seal(who, clinic.keys.sealTo)),
  }
}

/** A pressure taken live at `takenAt`. */
export const pressure = (
  hub: string,
  of: Visit | null,
  takenAt: string,
  changed: Partial<Observation> = {},
): Observation => ({
  type: 'observation',
  id: randomBytes(16).toString('hex'),
  hub,
  visit: of?.id ?? null,
  kind: 'blood-pressure',
  subject: of?.subject ?? null,
  takenAt,
  resolution: 'millisecond',
  deviceTime: '2026-03-02T08:15',
  clock: CLOCK,
  values: { systolic: 127, diastolic: 76, mean: null, pulse: 78 },
  unit: 'mm[Hg]',
  range: null,
  context: null,
  flags: [],
  device: { driver: 'and-tm2657', vendor: 'A&D', model: 'TM-2657', serial: null },
  memory: false,
  raw: null,
  ...changed,
})

export const glucose = (hub: string, of: Visit | null, takenAt: string | null, changed: Partial<Observation> = {}) =>
  pressure(hub, of, takenAt ?? '', {
    kind: 'glucose',
    takenAt,
    values: { value: 99 },
    unit: 'mg/dL',
    context: { meal: 'unknown', origin: 'device' },
    ...changed,
  })

/** Writes what waits into the series, as the writer does. */
export async function writePlaced({ registry, store, clock }: TestClinic) {
  const beat = { id: randomUUID(), atMs: clock.ms }
  const points = await unwritten(registry, 5000)
  await store.write(points, beat)
  await markStored(registry, points, beat)
}
