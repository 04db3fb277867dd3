// Users with role and sites, and their sessions: kept by the hash of a random token, so that a stolen registry opens none.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Registry, UserTable } from './schema.ts'

export interface User {
  name: string
  role: UserTable['role']
  /** Ids. */
  sites: string[]
}

const hashOf = (token: string) => createHash('sha256').update(token).digest('hex')

/** @returns false when there is a user of this name */
export async function addUser(db: Registry, user: User & { passwordHash: string }, nowMs: number): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const id = randomUUID()
    const { name, role, passwordHash, sites } = user
    const added = await trx
      .insertInto('users')
      .values({ id, name, role, password_hash: passwordHash, created_at_ms: nowMs })
      .onConflict((c) => c.column('name').doNothing())
      .returning('id')
      .executeTakeFirst()
    if (!added) return false
    const rows = [...new Set(sites)].map((site) => ({ user: id, site }))
    if (rows.length > 0) await trx.insertInto('user_sites').values(rows).execute()
    return true
  })
}

export async function findLogin(db: Registry, name: string): Promise<{ id: string; passwordHash: string } | null> {
  const row = await db.selectFrom('users').select(['id', 'password_hash']).where('name', '=', name).executeTakeFirst()
  return row ? { id: row.id, passwordHash: row.password_hash } : null
}

/** Opens a session. @returns its token: the only copy */
export async function openSession(db: Registry, user: string, nowMs: number, lastsMs: number): Promise<string> {
  const token = randomBytes(32).toString('base64url')
  const row = { id_hash: hashOf(token), user, created_at_ms: nowMs, expires_at_ms: nowMs + lastsMs }
  await db.deleteFrom('sessions').where('expires_at_ms', '<=', nowMs).execute()
  await db.insertInto('sessions').values(row).execute()
  return token
}

export async function closeSession(db: Registry, token: string): Promise<void> {
  await db.deleteFrom('sessions').where('id_hash', '=', hashOf(token)).execute()
}

/** The user of a session that has not ended, as role and sites are now. */
export async function userOfSession(db: Registry, token: string, nowMs: number): Promise<User | null> {
  const row = await db
    .selectFrom('sessions as s')
    .innerJoin('users as u', 'u.id', 's.user')
    .select(['u.id', 'u.name', 'u.role'])
    .where('s.id_hash', '=', hashOf(token))
    .where('s.expires_at_ms', '>', nowMs)
    .executeTakeFirst()
  if (!row) return null
  const sites = await db.selectFrom('user_sites').select('site').where('user', '=', row.id).orderBy('site').execute()
  return { name: row.name, role: row.role, sites: sites.map((s) => s.site) }
}
