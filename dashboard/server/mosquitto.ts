// What a Mosquitto 2 reads: its accounts and rights, from the registry and the topic contract; its listeners and certificates.

import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MAX_BYTES } from '../../hub/contract/record.ts'
import {
  CLINIC_MAY_READ,
  CLINIC_MAY_WRITE,
  CLINIC_USER,
  everyHub,
  HUB_MAY_READ,
  HUB_MAY_WRITE,
  topic,
} from '../../hub/contract/topics.ts'
import { type MosquittoFolder, mqttPort } from './config.ts'
import type { BrokerKeys } from './keys.ts'
import { allHubs } from './registry/enrol.ts'
import type { Registry } from './registry/schema.ts'
import { hashSecret, isMosquittos } from './secret.ts'

/** A records message is at most 256 KB; a status with many devices is far below. What is larger is nobody's message. */
export const MOST_BYTES = 2 * MAX_BYTES

const OURS =
  '# Written by kiosk-clinic from its registry and its topic contract: what is changed here by hand does not last.\n'

type HubRow = Awaited<ReturnType<typeof allHubs>>[number]
const userOf = ({ id, certificate }: HubRow) => certificate ?? id

function accounts(hubs: readonly HubRow[], clinicPassword: string): string {
  // The same salt each time, so that a file that says the same is the same.
  const salt = createHash('sha256').update('mosquitto salt').update(clinicPassword).digest().subarray(0, 12)
  const lines = [
    `${CLINIC_USER}:${hashSecret(clinicPassword, salt)}`,
    ...hubs.filter((h) => isMosquittos(h.password_hash)).map((h) => `${userOf(h)}:${h.password_hash}`),
  ]
  return `${lines.join('\n')}\n`
}

/** Whoever is not named here may do nothing. */
function rights(hubs: readonly HubRow[]): string {
  const section = (user: string, may: Record<'read' | 'write', string[]>) =>
    [
      `user ${user}`,
      ...(['write', 'read'] as const).flatMap((how) => may[how].map((name) => `topic ${how} ${name}`)),
      '',
    ].join('\n')
  const own = (hub: string) => ({
    write: HUB_MAY_WRITE.map((name) => topic(hub, name)),
    read: HUB_MAY_READ.map((name) => topic(hub, name)),
  })
  return [
    OURS,
    section(CLINIC_USER, { write: CLINIC_MAY_WRITE.map(everyHub), read: CLINIC_MAY_READ.map(everyHub) }),
    ...hubs.map((hub) => section(userOf(hub), own(hub.id))),
  ].join('\n')
}

/**
 * Writes who may sign in and what for.
 * @returns whether anything is new there, and the hubs that Mosquitto cannot check: enrolled by an older version, they want `keys rotate`
 */
export async function writeAccounts(
  registry: Registry,
  { password }: BrokerKeys,
  { folder }: MosquittoFolder,
): Promise<{ changed: boolean; without: string[] }> {
  mkdirSync(folder, { recursive: true })
  for (let changed = false; ; ) {
    const hubs = (await allHubs(registry)).filter((hub) => hub.revoked_at_ms === null)
    const wrote = [put(folder, 'passwords', accounts(hubs, password)), put(folder, 'acl', rights(hubs))]
    // Until nothing is new: another command may have changed the registry, and written before us what is younger.
    if (!wrote.includes(true)) {
      const without = hubs.filter((h) => h.certificate === null && !isMosquittos(h.password_hash)).map((h) => h.id)
      return { changed, without }
    }
    changed = true
  }
}

/**
 * Writes the listeners and, where `url` is mqtts, a new certificate of the broker.
 * @param names by which hubs reach the broker, beside the one in `url`
 */
export async function writeListeners(
  { authority }: BrokerKeys,
  url: string,
  { folder, certificatePort }: MosquittoFolder,
  names: readonly string[],
) {
  mkdirSync(folder, { recursive: true })
  const at = (name: string) => join(folder, name)
  const { hostname, protocol } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const port = mqttPort(url)
  const common = [
    'per_listener_settings false',
    'allow_anonymous false',
    `password_file ${at('passwords')}`,
    `acl_file ${at('acl')}`,
    `max_packet_size ${MOST_BYTES}`,
  ]
  if (protocol === 'mqtt:') {
    put(folder, 'kiosk.conf', `${[OURS.trim(), ...common, `listener ${port} ${host}`].join('\n')}\n`)
    return
  }
  const { certify } = await import('./authority.ts') // 30 packages that a running clinic has no use for
  const server = await certify(authority, { server: [host, ...names] })
  put(folder, 'ca.crt', authority.certificate)
  put(folder, 'server.crt', server.certificate)
  put(folder, 'server.key', server.key)
  const own = [`certfile ${at('server.crt')}`, `keyfile ${at('server.key')}`]
  const lines = [
    ...[OURS.trim(), ...common],
    ...[`listener ${port}`, ...own],
    ...[`listener ${certificatePort}`, ...own],
    ...[`cafile ${at('ca.crt')}`, 'require_certificate true', 'use_identity_as_username true'],
  ]
  put(folder, 'kiosk.conf', `${lines.join('\n')}\n`)
}

/** Whole or not at all; readable by the folder's group, which is Mosquitto's. @returns false when it is there as it is */
function put(folder: string, name: string, content: string): boolean {
  const file = join(folder, name)
  if (existsSync(file) && readFileSync(file, 'utf8') === content) return false
  const fresh = `${file}.${randomBytes(4).toString('hex')}.new`
  writeFileSync(fresh, content, { mode: 0o640, flag: 'wx', flush: true })
  chmodSync(fresh, 0o640) // whatever the mask of this process
  renameSync(fresh, file)
  return true
}

/** Has Mosquitto read its files again: who lost an account is cut off. @returns why it could not be told, or null */
export function tellMosquitto({ pidFile }: MosquittoFolder): string | null {
  if (pidFile === null) return 'no "pidFile" in the configuration'
  try {
    const pid = Number(readFileSync(pidFile, 'utf8').trim())
    if (!Number.isInteger(pid) || pid <= 1) return `${pidFile} holds no process number` // 0 would be ourselves
    process.kill(pid, 'SIGHUP')
    return null
  } catch (error) {
    return `${pidFile}: ${(error as NodeJS.ErrnoException).code ?? error}`
  }
}
