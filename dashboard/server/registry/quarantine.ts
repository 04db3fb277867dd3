// What could not be accepted, whole, with the reason: shown to staff, never dropped.
import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { parseTopic } from '../../../hub/contract/topics.ts'
import { chunks, lastNumber, takeNumbers } from './registry.ts'
import type { QuarantineTable, Registry } from './schema.ts'
import { inSites, type Listed, type Sites, type Window } from './scope.ts'
import { type Buried, buriedAmong, type Grave } from './tombstones.ts'

/** Stable codes; the page words them. */
export type Reason =
  | 'not-json'
  | 'too-large'
  | 'envelope'
  | 'future-version'
  | 'wrong-hub'
  | 'retained'
  | 'unknown-type'
  | 'invalid-record'
  | 'conflict'
  | 'store-refused'
  | 'erased'

export interface Refused {
  hub: string | null
  topic: string
  epoch: string | null
  seq: number | null
  reason: Reason
  /** What came and what was expected; never a value from inside a record. */
  detail: string
  body: Pick<QuarantineTable, 'body' | 'encoding' | 'bytes'>
}

/** Bytes as text where they are UTF-8 (with a NUL they are no text either), else as hex. */
export function bodyOf(bytes: Uint8Array): Refused['body'] {
  const text = isUtf8(bytes) && !bytes.includes(0)
  return {
    body: Buffer.from(bytes).toString(text ? 'utf8' : 'hex'),
    encoding: text ? 'text' : 'hex',
    bytes: bytes.length,
  }
}

export const textBody = (body: string): Refused['body'] => ({ body, encoding: 'text', bytes: Buffer.byteLength(body) })

/**
 * What came, by its content: the same thing sent again is the same row, so a hub that repeats itself fills nothing.
 * A status differs in its time each minute: of those only the first is kept.
 */
export function quarantineId({ hub, topic, reason, body }: Refused): string {
  const content = parseTopic(topic)?.name === 'status' ? null : body.body
  return createHash('sha256')
    .update(JSON.stringify([hub, topic, reason, content]))
    .digest('hex')
    .slice(0, 32)
}

/** Keeps these; those kept already stay as they are. Returns those that are new. */
export async function keepRefused(
  trx: Registry,
  refused: readonly Refused[],
  receivedAtMs: number,
): Promise<Refused[]> {
  const byId = new Map(refused.map((one) => [quarantineId(one), one]))
  const fresh = [...byId]
  for (const ids of chunks([...byId.keys()])) {
    const known = await trx.selectFrom('quarantine').select('id').where('id', 'in', ids).execute()
    for (const { id } of known) byId.delete(id)
  }
  let n = byId.size === 0 ? 0 : await takeNumbers(trx, 'quarantine', byId.size)
  const rows = fresh
    .filter(([id]) => byId.has(id))
    .map(([id, { body, ...rest }]) => ({ id, n: n++, ...rest, ...body, received_at_ms: receivedAtMs }))
  for (const values of chunks(rows)) await trx.insertInto('quarantine').values(values).execute()
  return [...byId.values()]
}

/** What may be understood after an upgrade or a repair. Everything else its kiosk sends again by itself, or it never can be. */
export const RETRIED: readonly Reason[] = ['unknown-type', 'future-version', 'invalid-record', 'store-refused']

/** Every column but the body, which is opened one by one. */
const SHORT = [
  'q.id',
  'q.n',
  'q.hub',
  'q.topic',
  'q.epoch',
  'q.seq',
  'q.reason',
  'q.detail',
  'q.encoding',
  'q.bytes',
] as const
export type Short = Omit<QuarantineTable, 'body'>

/** Things without a hub are shown to those who see all sites. */
const seen = (db: Registry, sites: Sites, hub?: string) =>
  db
    .selectFrom('quarantine as q')
    .leftJoin('hubs as h', 'h.id', 'q.hub')
    .where((eb) => (sites === 'all' ? eb.and([]) : inSites(eb, sites, ['h.site'])))
    .$if(hub !== undefined, (query) => query.where('q.hub', '=', hub!))

/** Newest first. */
export async function listQuarantine(db: Registry, window: Window, hub?: string): Promise<Listed<Short>> {
  const before = window.before ?? (await lastNumber(db, 'quarantine'))
  const query = seen(db, window.sites, hub).where('q.n', '<=', before)
  const { total } = await query.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  const page = query
    .select([...SHORT, 'q.received_at_ms'])
    .orderBy('q.n', 'desc')
    .limit(window.limit)
    .offset(window.offset)
  return { items: await page.execute(), total: Number(total), before }
}

/** How many of each reason there are of each hub. */
export async function quarantineCounts(db: Registry, sites: Sites) {
  const rows = await seen(db, sites)
    .select((eb) => ['q.hub', 'q.reason', eb.fn.countAll<number>().as('count')])
    .groupBy(['q.hub', 'q.reason'])
    .orderBy('q.hub')
    .orderBy('q.reason')
    .execute()
  return rows.map((row) => ({ ...row, count: Number(row.count) }))
}

/** Whole rows in the order they came. */
export function quarantineOf(
  db: Registry,
  sites: Sites,
  { reasons, after = 0, limit, id }: { reasons?: readonly Reason[]; after?: number; limit: number; id?: string },
): Promise<QuarantineTable[]> {
  let query = seen(db, sites).selectAll('q').where('q.n', '>', after)
  if (reasons) query = query.where('q.reason', 'in', reasons)
  if (id !== undefined) query = query.where('q.id', '=', id)
  return query.orderBy('q.n').limit(limit).execute()
}

/** What may be an id or an alias. */
const TOKEN = /[A-Za-z0-9.-]{1,64}/g

type Body = Refused['body']

const textOf = ({ body, encoding }: Body) => (encoding === 'hex' ? Buffer.from(body, 'hex').toString('latin1') : body)

/** Everything in a refused text by which somebody who was erased could be found again. */
export const gravesIn = (hub: string | null, body: Body): Grave[] =>
  [...new Set(textOf(body).match(TOKEN))].flatMap((value): Grave[] => [
    { is: 'id', value },
    { is: 'subject', value: `${hub}/${value}` },
  ])

export const isBuriedIn = (hub: string | null, body: Body, buried: Buried): boolean =>
  gravesIn(hub, body).some(({ is, value }) => buried.at(is, value) !== null)

/** It came, and of what came nothing is kept. */
export const blanked = (refused: Refused): Refused => ({ ...refused, ...BLANK, body: textBody('') })

export const BLANK = { reason: 'erased', detail: 'of somebody who was erased: its content was dropped' } as const

/**
 * Empties what names somebody who was erased.
 * @param plain texts that stand for the person and should have been in no clear message
 */
export async function blankQuarantine(trx: Registry, plain: readonly string[]): Promise<void> {
  let after = 0
  for (;;) {
    const rows = await trx
      .selectFrom('quarantine')
      .select(['id', 'n', 'hub', 'body', 'encoding', 'bytes'])
      .where('n', '>', after)
      .where('reason', '!=', BLANK.reason)
      .orderBy('n')
      .limit(100)
      .execute()
    const buried = await buriedAmong(
      trx,
      rows.flatMap((row) => gravesIn(row.hub, row)),
    )
    for (const row of rows)
      if (isBuriedIn(row.hub, row, buried) || holdsPlain(row, plain))
        await trx
          .updateTable('quarantine')
          .set({ ...BLANK, ...textBody('') })
          .where('id', '=', row.id)
          .execute()
    const last = rows.at(-1)
    if (!last) return
    after = last.n
  }
}

/** As UTF-8 and, for what JSON has escaped, as JSON says it. */
export function holdsPlain(row: Body, plain: readonly string[]): boolean {
  const text = row.encoding === 'hex' ? Buffer.from(row.body, 'hex').toString() : row.body
  return plain.some((one) => text.includes(one) || text.includes(escapedJson(one)))
}

const escapedJson = (text: string) =>
  text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
