// The clinic's own secrets, a file each (0600): the key pairs that identities are sealed to, and the key that finds a resident again.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Enrolment } from '../../hub/contract/enrolment.ts'
import type { Certified } from './authority.ts'
import { ConfigError } from './config.ts'
import type { ClinicKeys } from './registry/identity.ts'
import { newSecret } from './secret.ts'

export type PublicKey = Enrolment['clinicKey']
type PrivateKey = PublicKey & { d: string }

export interface Keys extends ClinicKeys {
  /** The newest, by the number in its file name: what a new hub is given. */
  sealTo: PublicKey
}

const NUMBER = 'number.key'
const SEALING = /^seal-.*\.json$/

/**
 * Reads the folder, making what a new clinic needs.
 * @param expected the registry exists already: then keys are not made, for new ones would make strangers of all its residents
 * @throws ConfigError when they are expected and missing
 */
export function openKeys(folder: string, expected: boolean): Keys {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (!existsSync(join(folder, NUMBER))) {
    if (expected)
      throw new ConfigError(
        `the keys of this clinic are missing in ${folder}, but its registry is there: put them back from the backup. ` +
          'Without them readings are still there, but no name sent by a kiosk can be opened and no resident found again.',
      )
    if (sealingFiles(folder).length === 0) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const key = pair.privateKey.export({ format: 'jwk' }) as Omit<PrivateKey, 'kid'>
      const kid = thumbprint(key)
      keep(join(folder, `seal-0001-${kid}.json`), JSON.stringify({ ...key, kid }))
    }
    keep(join(folder, NUMBER), randomBytes(32).toString('hex'))
  }
  const seals = sealingFiles(folder).map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as PrivateKey)
  const newest = seals.at(-1)
  if (!newest)
    throw new ConfigError(`the sealing key of this clinic is missing in ${folder}: put it back from the backup`)
  const { d: _secret, ...sealTo } = newest
  return { seals, sealTo, numbers: Buffer.from(readFileSync(join(folder, NUMBER), 'utf8').trim(), 'hex') }
}

const AUTHORITY = 'broker-authority.json'
const CLINIC_PASSWORD = 'broker-clinic.password'

export interface BrokerKeys {
  /** Vouches for the broker and for hubs. */
  authority: Certified
  /** What this clinic itself signs in with at the broker. */
  password: string
}

/** For a broker whose accounts this clinic keeps; made when first asked for, and in the backup as every key. */
export async function brokerKeys(folder: string): Promise<BrokerKeys> {
  if (!existsSync(join(folder, CLINIC_PASSWORD))) keep(join(folder, CLINIC_PASSWORD), newSecret())
  if (!existsSync(join(folder, AUTHORITY))) {
    const { makeAuthority } = await import('./authority.ts') // 30 packages that a running clinic has no use for
    keep(join(folder, AUTHORITY), JSON.stringify(await makeAuthority()))
  }
  return {
    authority: JSON.parse(readFileSync(join(folder, AUTHORITY), 'utf8')) as Certified,
    password: readFileSync(join(folder, CLINIC_PASSWORD), 'utf8'),
  }
}

const sealingFiles = (folder: string) =>
  readdirSync(folder)
    .filter((name) => SEALING.test(name))
    .sort()

export interface KeyFile {
  name: string
  content: string
}

/** Every key of this clinic, old ones too: what a backup holds. @throws ConfigError when there are none */
export function keyFiles(folder: string): KeyFile[] {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => !name.endsWith('.new')) : []
  if (!names.includes(NUMBER))
    throw new ConfigError(`the keys of this clinic are missing in ${folder}: a backup without them would have no names`)
  return names.map((name) => ({ name, content: readFileSync(join(folder, name), 'utf8') }))
}

/** Puts keys from a backup back. @throws ConfigError when another key is there under the same name */
export function putKeys(folder: string, keys: readonly KeyFile[]) {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const { name, content } of keys) {
    const file = join(folder, name)
    keep(file, content)
    if (readFileSync(file, 'utf8') !== content)
      throw new ConfigError(`${file} is there already and is another key: move the keys of that clinic away first`)
  }
}

/** RFC 7638. */
const thumbprint = ({ crv, kty, x, y }: Omit<PrivateKey, 'kid'>) =>
  createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')

/** Whole or not at all, and never over one that is there: two programs may start at once. */
function keep(file: string, content: string) {
  const fresh = `${file}.${randomBytes(4).toString('hex')}.new`
  writeFileSync(fresh, content, { mode: 0o600, flag: 'wx', flush: true })
  try {
    linkSync(fresh, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    unlinkSync(fresh)
  }
}
