// The house of the journeys as the bench uses it: one kiosk with a cuff, its outbox filled while it is away, its marks overheard.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { StoredMark } from '../../hub/contract/stored.ts'
import { topic } from '../../hub/contract/topics.ts'
import { openOutbox } from '../../hub/outbox.ts'
import { connectAsHub, type House, type HouseOptions, HUB, house } from '../journeys/house.ts'
import { makeReading } from './measure.ts'

/** A cuff whose reading belongs to whoever stands there: the visit may be as short as it likes. */
const CUFF = { devices: { cuff: 'and-tm2657' }, measuringSeconds: { min: 0, max: 0 } } as const

export async function withHouse<T>(
  options: Pick<HouseOptions, 'parts'> & Partial<HouseOptions>,
  work: (there: House) => Promise<T>,
): Promise<T> {
  const there = await house({ ...CUFF, ...options })
  try {
    return await work(there)
  } finally {
    await there.close()
  }
}

/** Somebody stands at the kiosk and its cuff is there. */
export async function openGuest(there: House) {
  await there.screen.until('the cuff', (view) => view.devices.some(({ state }) => state === 'open'), 20_000)
  await there.screen.press({ do: 'guest' })
}

/** Rows for a hub that does not run, taken over the last 30 days. @returns the epoch they lie in */
export function fillOutbox(there: House, count: number): string {
  const outbox = openOutbox(join(there.paths.hub.data, 'outbox.sqlite'))
  const wallMs = Date.now()
  const now = { wallMs, uptimeMs: performance.now(), boot: randomUUID(), trusted: true }
  for (let n = 0; n < count; n += 500) {
    const some = Array.from({ length: Math.min(500, count - n) }, (_, i) => n + i)
    outbox.put(
      some.map((i) => makeReading(HUB, i, wallMs - 60_000 - ((count - i) * 30 * 86_400_000) / count)),
      now,
    )
  }
  outbox.close()
  return outbox.epoch
}

/** How many rows of an epoch the clinic's newest mark covers. */
export async function watchMarks(there: House, epoch: string) {
  const client = await connectAsHub(there)
  let covered = 0
  client.on('message', (_topic, payload) => {
    const one = StoredMark.parse(JSON.parse(payload.toString())).marks.find((m) => m.epoch === epoch)
    if (one) covered = one.through - one.missing.reduce((sum, [a, b]) => sum + b - a + 1, 0)
  })
  await client.subscribeAsync(topic(HUB, 'stored'), { qos: 1 })
  return { covered: () => covered, end: () => client.endAsync(true) }
}
