// Invented people, and records as a hub makes them, for the tests of ingest.
import { createHash, generateKeyPairSync } from 'node:crypto'
import type { JWK } from 'jose'
import { addHub, putSites } from '../../../dashboard/server/registry/enrol.ts'
import type { ClinicKeys } from '../../../dashboard/server/registry/identity.ts'
import { openRegistry } from '../../../dashboard/server/registry/registry.ts'
import type {
  ClockRecord,
  FailureRecord,
  HubRecord,
  Identity,
  Observation,
  Retraction,
  Visit,
} from '../../../hub/contract/record.ts'
import { seal } from '../../../hub/contract/seal.ts'
import type { Status } from '../../../hub/contract/status.ts'

export const T = Date.parse('2026-03-02T00:15:00.690Z')
export const HUBS = ['K01', 'K02', 'K03']
const sha = (text: string) => createHash('sha256').update(text).digest('hex')

export function makeKeys(): { keys: ClinicKeys; publicKey: JWK } {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const kid = sha(String(Math.random())).slice(0, 8)
  const publicKey = { ...pair.publicKey.export({ format: 'jwk' }), kid } as JWK
  return {
    keys: { seals: [{ ...pair.privateKey.export({ format: 'jwk' }), kid } as JWK], numbers: Buffer.alloc(32, 7) },
    publicKey,
  }
}

/** A registry with two sites and their hubs: K01 and K02 in the east, K03 in the west. */
export async function openTestRegistry(file: string) {
  const registry = await openRegistry(file)
  const site = (id: string) => ({ id, name: { zh: id, en: id }, zone: 'Asia/Shanghai' })
  await putSites(registry, [site('east'), site('west')])
  for (const id of HUBS) await addHub(registry, { id, site: id === 'K03' ? 'west' : 'east', passwordHash: '-' }, 0)
  return registry
}

/** Region 119999 is not in use; the last digit is right (GB 11643). */
export function makePerson(n: number, changed: Partial<Identity> = {}): Identity {
  const digits = `11999919500101${String(n).padStart(3, '0')}`
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
  const sum = weights.reduce((total, weight, i) => total + weight * Number(digits[i]), 0)
  return {
    ...{ authority: 'cn-resident', document: 'citizen', number: digits + '10X98765432'[sum % 11] },
    ...{ name: `测试·${n}`, nameIncomplete: false, birthDate: '1950-01-01', sex: 'female' as const },
    ...changed,
  }
}

const TRUSTED = { trusted: true, boot: 'boot-1', uptimeMs: 1000, deviceOffsetSeconds: null }
export const subjectOf = (hub: string, person: Identity) => ({ hub, alias: sha(`${hub}|${person.number}`) })

export async function makeVisit(
  id: string,
  person: Identity | null,
  publicKey: JWK,
  changed: Partial<Visit> = {},
): Promise<Visit> {
  const hub = changed.hub ?? 'K01'
  return {
    ...{ type: 'visit', id, hub, openedAt: new Date(T).toISOString(), clock: TRUSTED },
    subject: person && subjectOf(hub, person),
    sealed: person && (await seal(person, publicKey)),
    ...changed,
  }
}

export const makeReading = (id: string, person: Identity | null, changed: Partial<Observation> = {}): Observation => {
  const hub = changed.hub ?? 'K01'
  return {
    ...{ type: 'observation', id, hub, visit: null, kind: 'blood-pressure', unit: 'mm[Hg]' },
    subject: person && subjectOf(hub, person),
    ...{
      takenAt: new Date(T).toISOString(),
      resolution: 'millisecond',
      deviceTime: '2026-03-02T08:15',
      clock: TRUSTED,
    },
    ...{ values: { systolic: 127, diastolic: 76, mean: 97, pulse: 78 }, range: null, context: null, flags: [] },
    device: { driver: 'and-tm2657', vendor: 'A&D', model: 'TM-2657', serial: null },
    ...{ memory: false, raw: null },
    ...changed,
  }
}

export const untrusted = (boot: string, uptimeMs: number) => ({ ...TRUSTED, trusted: false, boot, uptimeMs })
export const makeClock = (id: string, boot: string, uptimeMs: number, atMs: number, hub = 'K01'): ClockRecord => ({
  ...{ type: 'clock', id, hub, boot, uptimeMs },
  instant: new Date(atMs).toISOString(),
})
export const makeFailure = (id: string, changed: Partial<FailureRecord> = {}): FailureRecord => ({
  ...{ type: 'failure', id, hub: 'K01', visit: null, at: new Date(T).toISOString(), clock: TRUSTED },
  ...{ of: 'blood-pressure', code: 'E44', reason: 'movement', device: null },
  ...changed,
})
export const makeRetraction = (id: string, of: string, hub = 'K01'): Retraction => ({
  ...{ type: 'retraction', id, hub, of },
  ...{ at: new Date(T).toISOString(), reason: 'laid by mistake' },
})

export const makeMessage = (hub: string, epoch: string, first: number, records: readonly (HubRecord | unknown)[]) => ({
  ...{ v: 1, hub, epoch, first, records },
})

export const makeStatus = (hub: string, session: string, changed: Partial<Status> = {}): Status => ({
  ...{ v: 1, hub, session, started: new Date(T).toISOString(), at: new Date(T).toISOString(), online: true },
  ...{ site: 'east', devices: [], epochs: [], queued: 0, oldest: null, seen: null },
  ...{ clock: { trusted: true, boot: 'boot-1' }, versions: { hub: '0', contract: 1 } },
  ...changed,
})
