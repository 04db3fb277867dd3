// Forgetting a person in the outbox: rows keep their numbers, since the clinic's mark counts them, and lose everything else.
import { randomUUID } from 'node:crypto'
import type { Database } from 'better-sqlite3'
import type { Erase } from './contract/command.ts'
import { HubRecord } from './contract/record.ts'
import type { Row } from './outbox.ts'
import { sumOf } from './outbox-file.ts'
import { ERASED, inPlaceOf } from './wire.ts'

type Found = Row & { n: number; id: string; type: string }

const FOUND = 'SELECT n, id, type, opening, seq, epoch, madeMs, body FROM rows JOIN openings USING (opening)'
const UNDER_ALIAS = `${FOUND} WHERE instr(body, ?) > 0`
const OF_ID = `${FOUND} WHERE id IN (SELECT value FROM json_each(?))`
/** What names a record that goes: failures of a visit, retractions. */
const NAMING = `${FOUND} WHERE type IN ('failure', 'retraction') AND json_valid(body)
  AND coalesce(body ->> 'visit', body ->> 'of') IN (SELECT value FROM json_each(?))`

/**
 * A visit stays as a guest's, so that nobody is given a reading in a time when somebody else stood here; anything else
 * becomes a failure of the outbox. Each under a new id.
 * @returns how many rows
 */
export function eraseRows(db: Database, hub: string, { aliases, ids, before }: Erase): number {
  const write = db.prepare('UPDATE rows SET id = ?, type = ?, body = ?, sum = ? WHERE n = ?')
  const beforeMs = Date.parse(before)
  const find = (query: string, value: string) => db.prepare<[string], Found>(query).all(value)
  return db
    .transaction(() => {
      const gone = [...aliases.flatMap((alias) => find(UNDER_ALIAS, alias)), ...find(OF_ID, JSON.stringify(ids))]
      const old = gone.filter((row) => isOlder(row, beforeMs))
      const naming = find(NAMING, JSON.stringify(old.map(({ id }) => id)))
      const rows = new Map([...old, ...naming].map((row) => [row.n, row]))
      for (const row of rows.values()) {
        const { id, type, body } = emptied(row, hub)
        write.run(id, type, body, sumOf(body), row.n)
      }
      return rows.size
    })
    .immediate()
}

function recordOf({ body }: Row): HubRecord | null {
  try {
    return HubRecord.safeParse(JSON.parse(body)).data ?? null
  } catch {
    return null
  }
}

/** A person who came back is not forgotten again. What was made under a clock nobody trusts counts as older. */
function isOlder(row: Row, beforeMs: number): boolean {
  const record = recordOf(row)
  const trusted = record !== null && 'clock' in record && record.clock.trusted
  return !trusted || row.madeMs < beforeMs
}

function emptied(row: Found, hub: string): { id: string; type: string; body: string } {
  const record = recordOf(row)
  const kept: HubRecord =
    record?.type === 'visit'
      ? { ...record, id: randomUUID(), subject: null, sealed: null }
      : inPlaceOf(row, hub, ERASED)
  return { id: kept.id, type: kept.type, body: JSON.stringify(kept) }
}
