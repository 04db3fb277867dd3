// What comes again of somebody who was erased: it counts as stored, and is dropped (promises 2.4).
import { type Erase, MAX_ALIASES } from '../../../hub/contract/command.ts'
import type { HubRecord } from '../../../hub/contract/record.ts'
import { askAgain } from './commands.ts'
import { removeSubject } from './erase.ts'
import { subjectId } from './identity.ts'
import type { Accepted, Intake } from './intake.ts'
import { blanked, gravesIn, isBuriedIn } from './quarantine.ts'
import { chunks } from './registry.ts'
import type { Registry } from './schema.ts'
import { anyBuried, type Buried, buriedAmong, bury, type Grave } from './tombstones.ts'

export interface Sifted extends Intake {
  /** They arrived, as nobody's. */
  dropped: readonly Accepted[]
}

/** Parts what a message brought of people who were erased from the rest. */
export async function sift(trx: Registry, { accepted, refused }: Intake, nowMs: number): Promise<Sifted> {
  if (!(await anyBuried(trx))) return { accepted, refused, dropped: [] }
  const known = await buriedAmong(trx, accepted.flatMap(gravesOf))
  for (const { record, opened } of accepted) {
    if (record.type !== 'visit' || record.subject === null || opened?.number_key == null) continue
    const at = known.at('person', opened.number_key)
    const subject = subjectId(record.subject)
    // A kiosk that was not known to have seen this person: its alias is theirs as well, and what came under it before.
    if (at !== null && !isLater(record, at) && known.at('subject', subject) === null)
      await removeSubject(trx, subject, at)
  }
  const buried = await buriedAmong(trx, [
    ...accepted.flatMap(gravesOf),
    ...refused.flatMap(({ hub, body }) => gravesIn(hub, body)),
  ])
  const dropped = accepted.filter((one) => isBuried(one, buried))
  const gone = new Set(dropped)
  await bury(
    trx,
    dropped.map(({ record }) => ({ is: 'id', value: record.id })),
    nowMs,
  )
  for (const [hub, of] of byHub(dropped))
    for (const some of chunks(of, MAX_ALIASES)) await askAgain(trx, hub, erasing(some, buried, nowMs), nowMs)
  return {
    accepted: accepted.filter((one) => !gone.has(one)),
    refused: refused.map((one) => (isBuriedIn(one.hub, one.body, buried) ? blanked(one) : one)),
    dropped,
  }
}

function byHub(dropped: readonly Accepted[]): Map<string, Accepted[]> {
  const hubs = new Map<string, Accepted[]>()
  for (const one of dropped) hubs.set(one.hub, [...(hubs.get(one.hub) ?? []), one])
  return hubs
}

/** By its alias where it has one: up to when the person counts as erased. */
function erasing(dropped: readonly Accepted[], buried: Buried, nowMs: number): Erase {
  const subjects = dropped.flatMap(({ record }) => ('subject' in record && record.subject) || [])
  const ids = dropped.filter(({ record }) => !('subject' in record && record.subject)).map(({ record }) => record.id)
  const times = subjects.flatMap((subject) => buried.at('subject', subjectId(subject)) ?? [])
  return {
    name: 'erase',
    aliases: [...new Set(subjects.map(({ alias }) => alias))],
    ids: [...new Set(ids)],
    before: new Date(times.length === 0 ? nowMs : Math.min(...times)).toISOString(),
  }
}

function gravesOf({ record, opened }: Accepted): Grave[] {
  const graves: Grave[] = [{ is: 'id', value: record.id }]
  const about = aboutOf(record)
  if (about !== null) graves.push({ is: 'id', value: about })
  if ('subject' in record && record.subject !== null) graves.push({ is: 'subject', value: subjectId(record.subject) })
  if (opened?.number_key != null) graves.push({ is: 'person', value: opened.number_key })
  return graves
}

/** The record without which this one says nothing. */
const aboutOf = (record: HubRecord) =>
  record.type === 'retraction' ? record.of : record.type === 'failure' ? record.visit : null

function isBuried(one: Accepted, buried: Buried): boolean {
  return gravesOf(one).some(({ is, value }) => {
    const at = buried.at(is, value)
    return at !== null && (is === 'id' || !isLater(one.record, at))
  })
}

/** Who comes back after having been erased is somebody new. A time that nobody trusts counts as before. */
function isLater(record: HubRecord, atMs: number): boolean {
  if (record.type === 'visit') return record.clock.trusted && Date.parse(record.openedAt) > atMs
  if (record.type !== 'observation' || record.takenAt === null) return false
  return record.clock.trusted && Date.parse(record.takenAt) > atMs
}
