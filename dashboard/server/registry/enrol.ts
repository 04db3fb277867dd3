// Sites as the configuration names them, and the hubs that were let in.
import type { Site } from '../api/schema.ts'
import { audit, type Deed } from './audit.ts'
import type { HubTable, Registry } from './schema.ts'

/** Names and zones follow the configuration; a site that left it stays, since readings were taken there. */
export async function putSites(db: Registry, sites: readonly Site[]): Promise<void> {
  for (const { id, name, zone } of sites) {
    const row = { name_zh: name.zh, name_en: name.en, zone }
    await db
      .insertInto('sites')
      .values({ id, ...row })
      .onConflict((c) => c.column('id').doUpdateSet(row))
      .execute()
  }
}

/** How a hub proves who it is: by a password of which we keep the hash, or by a certificate that carries this user name. */
export interface Credential {
  passwordHash: string
  certificate: string | null
}

/** @returns false when there is a hub of this id: its readings lie under it, so it is never given twice */
export async function addHub(
  db: Registry,
  {
    id,
    site,
    passwordHash,
    certificate = null,
  }: { id: string; site: string; passwordHash: string; certificate?: string | null },
  nowMs: number,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const row = { id, site, password_hash: passwordHash, certificate, created_at_ms: nowMs, revoked_at_ms: null }
    const added = await trx
      .insertInto('hubs')
      .values(row)
      .onConflict((c) => c.column('id').doNothing())
      .returning('id')
      .executeTakeFirst()
    if (added) await audit(trx, nowMs, { user: '-', action: 'hub-added', target: id, detail: `site ${site}` })
    return added !== undefined
  })
}

/** Its former credential ends; one that was revoked is let in again. @returns false when there is no such hub */
export async function renewHub(db: Registry, id: string, credential: Credential, nowMs: number): Promise<boolean> {
  const { passwordHash: password_hash, certificate } = credential
  return change(db, id, { password_hash, certificate, revoked_at_ms: null }, 'hub-renewed', nowMs)
}

/** Its readings stay. @returns false when there is no such hub */
export const revokeHub = (db: Registry, id: string, nowMs: number): Promise<boolean> =>
  change(db, id, { revoked_at_ms: nowMs }, 'hub-revoked', nowMs)

const change = (db: Registry, id: string, row: Partial<HubTable>, action: Deed['action'], nowMs: number) =>
  db.transaction().execute(async (trx) => {
    const changed = await trx.updateTable('hubs').set(row).where('id', '=', id).returning('id').executeTakeFirst()
    if (changed) await audit(trx, nowMs, { user: '-', action, target: id })
    return changed !== undefined
  })

/** Every hub that was ever let in, by id. */
export const allHubs = (db: Registry) => db.selectFrom('hubs').selectAll().orderBy('id').execute()
