// Pages of a list, and whose rows a user may see: every query that lists people or readings takes both.
import { type ExpressionBuilder, type ExpressionWrapper, type SqlBool, sql } from 'kysely'

/** The sites a user may see. */
export type Sites = readonly string[] | 'all'

/** Rows numbered after `before` are newcomers and left out, so that they shift nothing. */
export interface Window {
  sites: Sites
  /** The highest `n` that counts; null: everything there is now. */
  before: number | null
  limit: number
  offset: number
}

export interface Listed<Row> {
  items: Row[]
  total: number
  /** The anchor later pages send back. */
  before: number
}

/** True for rows whose site, in any of these columns, is one of `sites`. */
export function inSites<DB, TB extends keyof DB>(
  eb: ExpressionBuilder<DB, TB>,
  sites: Sites,
  columns: readonly string[],
): ExpressionWrapper<DB, TB, SqlBool> {
  if (sites === 'all') return eb.and([])
  if (sites.length === 0) return eb.or([])
  return eb.or(columns.map((column) => sql<boolean>`${sql.ref(column)} in (${sql.join([...sites])})`))
}
