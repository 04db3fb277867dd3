// The audit: who did what, when. Random ids and codes only; never a name, a number or a value of a resident.
import { randomUUID } from 'node:crypto'
import type { Registry } from './schema.ts'

export interface Deed {
  /** The user's own name at this clinic; '-' for somebody who is no user. */
  user: string
  action:
    | 'sign-in'
    | 'sign-in-failed'
    | 'sign-out'
    | 'record-opened'
    | 'searched'
    | 'quarantine-opened'
    | 'quarantine-retried'
    | 'user-added'
    | 'hub-added'
    | 'hub-renewed'
    | 'hub-revoked'
    | 'restored'
    | 'erased'
    | 'set-aside'
  /** What it was done to: a random id, or '-'. */
  target: string
  detail?: string
}

export async function audit(db: Registry, atMs: number, { user, action, target, detail = '' }: Deed): Promise<void> {
  await db.insertInto('audit').values({ id: randomUUID(), at_ms: atMs, user, action, target, detail }).execute()
}

/** A page that refreshes itself opens a record again and again: within this time it counts as once. */
const SAME_OPENING_MS = 15 * 60_000

export async function auditOpening(
  db: Registry,
  atMs: number,
  user: string,
  target: string,
  action: 'record-opened' | 'quarantine-opened' = 'record-opened',
): Promise<void> {
  const earlier = await db
    .selectFrom('audit')
    .select('id')
    .where('at_ms', '>', atMs - SAME_OPENING_MS)
    .where('user', '=', user)
    .where('action', '=', action)
    .where('target', '=', target)
    .executeTakeFirst()
  if (!earlier) await audit(db, atMs, { user, action, target })
}
