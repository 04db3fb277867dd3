// People of the registry: found by name or number, listed page by page, with who stands behind an alias.
import { createHmac } from 'node:crypto'
import { sql } from 'kysely'
import { lastNumber } from './registry.ts'
import type { Registry, ResidentTable } from './schema.ts'
import { inSites, type Listed, type Sites, type Window } from './scope.ts'

/** Text as it is searched: case folded, full-width forms and the middle dots of names (· • ・ ‧ ⋅) made one. */
export const folded = (text: string) =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[·•・‧⋅∙・᛫]/gu, '·')
    .replace(/\s+/gu, ' ')
    .trim()

/** A document number as text: upper case, ASCII, leading zeros kept (promises 2.2). */
export const canonicalNumber = (number: string) => number.normalize('NFKC').toUpperCase().replace(/\s+/gu, '')

/** The clinic's own name for a document: useless without a key that never leaves the clinic. */
export const numberKey = (key: Uint8Array, authority: string, number: string) =>
  createHmac('sha256', key)
    .update(`${authority}|${canonicalNumber(number)}`)
    .digest('hex')

/** Newest first. */
export async function listResidents(db: Registry, window: Window): Promise<Listed<ResidentTable>> {
  return page(db, window, null)
}

/** By a part of the name, the whole number, or at least the last four characters of it. */
export async function searchResidents(db: Registry, window: Window, q: string): Promise<Listed<ResidentTable>> {
  return page(db, window, q)
}

async function page(db: Registry, window: Window, q: string | null): Promise<Listed<ResidentTable>> {
  const before = window.before ?? (await lastNumber(db, 'residents'))
  let query = db
    .selectFrom('residents')
    .where('n', '<=', before)
    .where((eb) => inSites(eb, window.sites, ['residents.home_site']))
  if (q !== null) {
    const [name, number] = [folded(q), canonicalNumber(q)]
    query = query.where((eb) =>
      eb.or([
        ...(name === '' ? [] : [sql<boolean>`name_search like ${`%${escaped(name)}%`} escape '!'`]),
        ...(number.length < 4 ? [] : [sql<boolean>`number like ${`%${escaped(number)}`} escape '!'`]),
      ]),
    )
  }
  const { total } = await query.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  const items = await query.selectAll().orderBy('n', 'desc').limit(window.limit).offset(window.offset).execute()
  return { items, total: Number(total), before }
}

const escaped = (text: string) => text.replace(/[!%_]/g, '!$&')

/** Null when there is none of this id at these sites. */
export async function getResident(db: Registry, sites: Sites, id: string): Promise<ResidentTable | null> {
  const row = await db
    .selectFrom('residents')
    .selectAll()
    .where('id', '=', id)
    .where((eb) => inSites(eb, sites, ['residents.home_site']))
    .executeTakeFirst()
  return row ?? null
}

/** The subjects ('<hub>/<alias>') that are this resident: what the series knows of them. */
export async function subjectsOf(db: Registry, resident: string): Promise<string[]> {
  const rows = await db.selectFrom('subjects').select('id').where('resident', '=', resident).orderBy('id').execute()
  return rows.map((row) => row.id)
}
