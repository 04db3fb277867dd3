// The command that erases one resident: registry, its free pages, the series; what is away then is caught up by the running clinic.
import { setTimeout as delay } from 'node:timers/promises'
import { ResidentId } from './api/schema.ts'
import { Refusal } from './enrol.ts'
import { compact, type Erased, eraseResident, wasErased } from './registry/erase.ts'
import { placeNs } from './registry/place.ts'
import type { Registry } from './registry/schema.ts'
import { placesToEmpty } from './registry/tombstones.ts'
import { type Store, StoreUnavailable } from './store/store.ts'

export interface Done extends Erased {
  /** False: it does not answer, and is emptied once it does and the clinic runs. */
  series: boolean
}

const TRIES = 50
const TRY_MS = 200

/** Repeating is harmless and ends what was cut off. @throws Refusal when there is no such resident */
export async function eraseForGood(registry: Registry, store: Store, resident: string, nowMs: number): Promise<Done> {
  const id = ResidentId.safeParse(resident)
  if (!id.success)
    throw new Refusal(`${JSON.stringify(resident)} is no resident's id: it stands in the address of their page`)
  const erased = await eraseResident(registry, id.data, { user: '-', atMs: nowMs, nowMs })
  if (!erased && !(await wasErased(registry, id.data))) throw new Refusal(`there is no resident ${id.data}`)
  await compacted(registry)
  return { ...(erased ?? { readings: 0, visits: 0 }), series: await emptied(registry, store) }
}

/** A clinic that runs beside holds the file now and then, for moments. */
async function compacted(registry: Registry): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (await compact(registry)) return
    await delay(TRY_MS)
  }
  throw new Refusal(
    'the person is erased, but the registry is too busy to clear its free pages: give the command again',
  )
}

/** Not noted as done: a clinic that runs may be writing one of them at this moment, and empties the places once more. */
async function emptied(registry: Registry, store: Store): Promise<boolean> {
  const places = await placesToEmpty(registry, Number.MAX_SAFE_INTEGER)
  try {
    await store.erase(places.map((place) => ({ ...place, placeNs: placeNs(place) })))
    return true
  } catch (error) {
    if (error instanceof StoreUnavailable) return false
    throw error
  }
}
