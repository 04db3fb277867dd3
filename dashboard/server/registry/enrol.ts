// Sites as the configuration names them, and the hubs that were let in.
import type { Site } from '../api/schema.ts'
import { audit } from './audit.ts'
import type { Registry } from './schema.ts'

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

/** @returns false when there is a hub of this id: its readings lie under it, so it is never given twice */
export async function addHub(
  db: Registry,
  { id, site, passwordHash }: { id: string; site: string; passwordHash: string },
  nowMs: number,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const row = { id, site, password_hash: passwordHash, created_at_ms: nowMs, revoked_at_ms: null }
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
