// Pages of a list: which rows a query asks for, and the answer with the anchor that later pages send back.
import type { Listed, Sites, Window } from '../registry/scope.ts'
import { ApiFault } from './errors.ts'
import { PAGE_SIZE } from './schema.ts'

interface Asked {
  page: number
  before?: string | undefined
}

export function windowOf(sites: Sites, { page, before }: Asked): Window {
  if (before !== undefined && !/^\d{1,15}$/.test(before))
    throw new ApiFault('bad-request', 'before: expected the value that the first page of this list gave.')
  return {
    sites,
    before: before === undefined ? null : Number(before),
    limit: PAGE_SIZE,
    offset: (page - 1) * PAGE_SIZE,
  }
}

export async function answerOf<Row, Item>(
  { page }: Asked,
  listed: Listed<Row>,
  itemOf: (row: Row) => Item | Promise<Item>,
) {
  return {
    items: await Promise.all(listed.items.map(itemOf)),
    next: page * PAGE_SIZE < listed.total ? page + 1 : null,
    before: String(listed.before),
    total: listed.total,
  }
}
