// What the clinic's commands make: a user who may sign in, and files for one pair of eyes.
import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { hashPassword } from './api/auth.ts'
import type { Clinic } from './clinic.ts'
import type { ClinicConfig } from './config.ts'
import { audit } from './registry/audit.ts'
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

/** @throws Refusal when the configuration has no such site */
export function siteOf(config: ClinicConfig, id: string) {
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
