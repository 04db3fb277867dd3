// What the clinic's commands make: a user who may sign in, and the one file that a new hub needs.
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { Enrolment } from '../../hub/contract/enrolment.ts'
import { HubId } from '../../hub/contract/topics.ts'
import { hashPassword } from './api/auth.ts'
import type { Clinic } from './clinic.ts'
import { type ClinicConfig, mqttUrl } from './config.ts'
import { audit } from './registry/audit.ts'
import { addHub } from './registry/enrol.ts'
import { addUser, type User } from './registry/users.ts'

/** A command cannot be done as asked: `message` says why and what to do. */
export class Refusal extends Error {
  override name = 'Refusal'
}

const PASSWORD_LENGTH = 8

/** @throws Refusal when the name is taken, a site is not configured, or the password is too short */
export async function enrolUser(
  { registry }: Clinic,
  config: ClinicConfig,
  user: User,
  password: string,
  nowMs: number,
) {
  for (const site of user.sites) siteOf(config, site)
  if (user.role !== 'admin' && user.sites.length === 0)
    throw new Refusal(
      `a ${user.role} needs at least one site: --site ID, of ${config.sites.map((s) => s.id).join(', ')}`,
    )
  if (password.length < PASSWORD_LENGTH) throw new Refusal(`a password has at least ${PASSWORD_LENGTH} characters`)
  const added = await addUser(registry, { ...user, passwordHash: await hashPassword(password) }, nowMs)
  if (!added) throw new Refusal(`there is a user ${user.name} already`)
  await audit(registry, nowMs, { user: user.name, action: 'user-added', target: '-', detail: `as ${user.role}` })
}

/**
 * Lets a new hub in.
 * @param brokerUrl how the hub reaches the broker; null: as the clinic itself does
 * @throws Refusal when the id is no id or is taken, or the site is not configured
 */
export async function enrolHub(
  { registry, keys }: Clinic,
  config: ClinicConfig,
  hub: { id: string; site: string; brokerUrl: string | null },
  nowMs: number,
): Promise<Enrolment> {
  const id = HubId.safeParse(hub.id)
  if (!id.success) throw new Refusal(`${JSON.stringify(hub.id)}: ${id.error.issues[0]?.message}`)
  const password = randomBytes(24).toString('base64url')
  const enrolment = Enrolment.safeParse({
    v: 1,
    hub: id.data,
    site: siteOf(config, hub.site),
    broker: { url: hub.brokerUrl ?? brokerUrl(config), username: id.data, password },
    clinicKey: keys.sealTo,
  })
  if (!enrolment.success)
    throw new Refusal(enrolment.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; '))
  const passwordHash = await hashPassword(password)
  if (!(await addHub(registry, { id: id.data, site: hub.site, passwordHash }, nowMs)))
    throw new Refusal(
      `there is a hub ${id.data} already: give the new one another id. An enrolment is never made twice.`,
    )
  return enrolment.data
}

const MQTT_PORT = 1883

function brokerUrl({ broker }: ClinicConfig): string {
  if ('url' in broker) return broker.url
  const { host, port } = broker.embedded
  return mqttUrl(host, port || MQTT_PORT)
}

function siteOf(config: ClinicConfig, id: string) {
  const site = config.sites.find((s) => s.id === id)
  if (site) return site
  throw new Refusal(
    `there is no site ${JSON.stringify(id)} in the configuration, only ${config.sites.map((s) => s.id).join(', ')}`,
  )
}

/** A new file for its owner's eyes only, made before it is filled; nothing that is there is written over. */
export function writeSecret(file: string) {
  const handle = openSync(file, 'wx', 0o600)
  return {
    fill(content: string) {
      writeSync(handle, content)
      fsyncSync(handle)
      closeSync(handle)
    },
    /** Nothing came of it. @throws the reason, again */
    drop(reason: unknown): never {
      closeSync(handle)
      unlinkSync(file)
      throw reason
    },
  }
}
