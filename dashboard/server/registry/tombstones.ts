// Who was erased: keyed hashes of people, aliases and ids, in a file of their own that no backup holds, so that an older
// registry, an older series and a hub that sends everything again bring nobody back (promises 2.4).
import { createHmac, randomBytes } from 'node:crypto'
import type { Place } from '../store/store.ts'
import { chunks } from './registry.ts'
import type { Registry } from './schema.ts'

/** What a tombstone stands for. `person` is a resident's number_key, `subject` is '<hub>/<alias>', `id` any record's. */
export interface Grave {
  is: 'person' | 'subject' | 'id'
  value: string
}

const textOf = ({ is, value }: Grave) => `${is} ${value}`

async function keyOf(db: Registry): Promise<Buffer | null> {
  const row = await db.selectFrom('erasure_key').select('hex').executeTakeFirst()
  return row ? Buffer.from(row.hex, 'hex') : null
}

const hashOf = (key: Buffer, grave: Grave) => createHmac('sha256', key).update(textOf(grave)).digest('hex')

export async function bury(trx: Registry, graves: readonly Grave[], atMs: number): Promise<void> {
  if (graves.length === 0) return
  if ((await keyOf(trx)) === null)
    await trx
      .insertInto('erasure_key')
      .values({ hex: randomBytes(32).toString('hex') })
      .execute()
  const key = (await keyOf(trx))!
  for (const some of chunks(graves))
    await trx
      .insertInto('tombstones')
      .values(some.map((grave) => ({ hash: hashOf(key, grave), at_ms: atMs })))
      .onConflict((c) => c.column('hash').doUpdateSet({ at_ms: atMs }))
      .execute()
}

export const anyBuried = async (db: Registry): Promise<boolean> => (await keyOf(db)) !== null

export interface Buried {
  /** When it was erased; null: never. */
  at(is: Grave['is'], value: string): number | null
}

/** Which of these were erased. */
export async function buriedAmong(db: Registry, graves: readonly Grave[]): Promise<Buried> {
  const key = await keyOf(db)
  const found = new Map<string, number>()
  if (key === null) return { at: () => null }
  const texts = new Map(graves.map((grave) => [hashOf(key, grave), textOf(grave)]))
  for (const some of chunks([...texts.keys()])) {
    const rows = await db.selectFrom('tombstones').selectAll().where('hash', 'in', some).execute()
    for (const { hash, at_ms } of rows) found.set(texts.get(hash)!, at_ms)
  }
  return { at: (is, value) => found.get(textOf({ is, value })) ?? null }
}

type PlaceRow = Pick<Place, 'kind' | 'bucket' | 'unit'> & { place_ms: number; place_ns: number }

/** Points of erased readings lie here, or did: the series' writer removes them, again after the series was restored. */
export async function emptyPlaces(trx: Registry, places: readonly PlaceRow[]): Promise<void> {
  for (const some of chunks(places))
    await trx
      .insertInto('erased_places')
      .values(
        some.map(({ kind, bucket, unit, place_ms, place_ns }) => ({ kind, bucket, unit, place_ms, place_ns, done: 0 })),
      )
      .onConflict((c) => c.columns(['place_ms', 'place_ns', 'kind', 'bucket', 'unit']).doUpdateSet({ done: 0 }))
      .execute()
}

/** The series is an older one: whatever was ever erased may be in it. */
export async function emptyAllAgain(db: Registry): Promise<void> {
  await db.updateTable('erased_places').set({ done: 0 }).where('done', '=', 1).execute()
}

/** Places to be emptied, save those that another reading has got since. */
export async function placesToEmpty(db: Registry, limit: number): Promise<PlaceRow[]> {
  return db
    .selectFrom('erased_places as e')
    .leftJoin('observations as o', (join) =>
      join
        .onRef('o.place_ms', '=', 'e.place_ms')
        .onRef('o.place_ns', '=', 'e.place_ns')
        .onRef('o.kind', '=', 'e.kind')
        .onRef('o.bucket', '=', 'e.bucket')
        .onRef('o.unit', '=', 'e.unit'),
    )
    .select(['e.kind', 'e.bucket', 'e.unit', 'e.place_ms', 'e.place_ns'])
    .where('e.done', '=', 0)
    .where('o.id', 'is', null)
    .orderBy('e.place_ms')
    .limit(limit)
    .execute()
}

export async function emptied(db: Registry, places: readonly PlaceRow[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    for (const { kind, bucket, unit, place_ms, place_ns } of places)
      await trx
        .updateTable('erased_places')
        .set({ done: 1 })
        .where('place_ms', '=', place_ms)
        .where('place_ns', '=', place_ns)
        .where('kind', '=', kind)
        .where('bucket', '=', bucket)
        .where('unit', '=', unit)
        .execute()
  })
}
