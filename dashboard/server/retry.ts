// After an upgrade: records that an earlier version did not understand are read again, and leave the quarantine if they pass.
import { openVisits, readRecord, readRecords } from './message.ts'
import type { ClinicKeys } from './registry/identity.ts'
import { type Accepted, takeIn } from './registry/intake.ts'
import type { Registry } from './registry/schema.ts'

/** @returns how many left the quarantine; repeating is harmless */
export async function retryRefused(registry: Registry, keys: ClinicKeys, nowMs: number): Promise<number> {
  const rows = await registry
    .selectFrom('quarantine')
    .selectAll()
    .where('reason', 'in', ['unknown-type', 'future-version', 'invalid-record'])
    .where('epoch', 'is not', null)
    .orderBy('n')
    .execute()
  const passed: { id: string; accepted: Accepted }[] = []
  for (const { id, hub, topic, epoch, seq, body, reason } of rows) {
    if (hub === null || epoch === null || seq === null) continue
    if (reason === 'future-version') {
      const { accepted } = await readRecords({ topic, payload: Buffer.from(body), retain: false }, hub, keys)
      passed.push(...accepted.map((one) => ({ id, accepted: one })))
      continue
    }
    const read = readRecord(JSON.parse(body), { hub, topic, epoch, seq })
    if ('record' in read) passed.push({ id, accepted: read })
  }
  if (passed.length === 0) return 0
  const accepted = await openVisits(
    passed.map((p) => p.accepted),
    keys,
  )
  await takeIn(registry, { accepted, refused: [] }, nowMs)
  await registry.transaction().execute(async (trx) => {
    for (const { id, accepted } of passed) {
      const by = { record: accepted.record.id, quarantine: null }
      await trx.updateTable('arrivals').set(by).where('quarantine', '=', id).execute()
      await trx.deleteFrom('quarantine').where('id', '=', id).execute()
    }
  })
  return passed.length
}
