// A kept row as the text that travels: parsed before it is sent; one that cannot be sent becomes a failure under its own number.
import { type FailureRecord, HubRecord, MAX_BYTES } from './contract/record.ts'
import type { Row } from './outbox.ts'

const ENVELOPE_BYTES = 1024
/** The code of a row that was a person's, who was erased. */
export const ERASED = 'erased'

/** @param setAside told why a row does not travel as it is; the row itself stays in the outbox as it was kept */
export function wireText(row: Row, hub: string, setAside: (reason: string) => void): string {
  const fault = faultOf(row.body)
  if (fault === null) return row.body
  setAside(fault)
  return JSON.stringify(inPlaceOf(row, hub, fault))
}

/** What goes under the number of a row whose own content does not: the same each time it is made. */
export const inPlaceOf = (row: Omit<Row, 'body'>, hub: string, code: string): FailureRecord => ({
  type: 'failure',
  id: `${code === ERASED ? ERASED : 'unserialisable'}-${row.epoch.slice(0, 8)}-${row.seq}`,
  hub,
  visit: null,
  at: new Date(row.madeMs).toISOString(),
  clock: { trusted: true, boot: 'unknown', uptimeMs: 0, deviceOffsetSeconds: null },
  of: 'outbox',
  code,
  reason: 'unserialisable',
  device: null,
})

/** A short code that quotes nothing of the row; null when it is sound. */
function faultOf(body: string): string | null {
  if (Buffer.byteLength(body) > MAX_BYTES - ENVELOPE_BYTES) return 'too-large'
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    return 'not-json'
  }
  const parsed = HubRecord.safeParse(json)
  return parsed.success ? null : `invalid-${parsed.error.issues[0]?.path.join('.') || 'record'}`.slice(0, 60)
}
