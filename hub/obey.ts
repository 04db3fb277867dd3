// The clinic's commands at the hub: only those of the contract's list, none after its deadline, each done once.
import type { Logger } from 'pino'
import { z } from 'zod'
import { isoAt, type Moment } from './clock.ts'
import { Command, type Reply } from './contract/command.ts'
import { RecordId } from './contract/record.ts'
import type { Outbox } from './outbox.ts'
import { OutboxFull } from './outbox-file.ts'

export interface ObeyOptions {
  hub: string
  zone: string
  outbox: Pick<Outbox, 'erase'>
  now(): Moment
  log: Logger
}

/** What can be answered at all. */
const Keyed = z.object({ key: RecordId })

/** @returns the answer; null when there is none to give: it named no key, or the disk must take it first */
export function obey(payload: Uint8Array, { hub, zone, outbox, now, log }: ObeyOptions): Reply | null {
  const json = parsed(payload)
  const keyed = Keyed.safeParse(json)
  if (!keyed.success) {
    log.warn({ bytes: payload.length }, 'a command names no key and was ignored')
    return null
  }
  const { key } = keyed.data
  const at = now()
  const answer = (outcome: Reply['outcome']): Reply => ({ v: 1, hub, key, outcome, at: isoAt(at.wallMs, zone) })
  const command = Command.safeParse(json)
  if (!command.success) {
    log.warn({ key, faults: command.error.issues.length }, 'a command is not among those this hub obeys')
    return answer('refused')
  }
  const { deadline, command: asked } = command.data
  // A clock that is not trusted cannot tell what is late; to forget is right at any time.
  if (at.trusted && at.wallMs > Date.parse(deadline)) {
    log.warn({ key, name: asked.name }, 'a command came after its deadline and was not done')
    return answer('late')
  }
  try {
    const rows = outbox.erase(key, hub, asked)
    if (rows !== null) log.info({ key, rows }, 'a person was erased from the outbox, as the clinic asked')
    return answer('done')
  } catch (error) {
    if (!(error instanceof OutboxFull)) throw error
    log.error({ key, reason: error.message }, 'a person could not be erased yet: the clinic will ask again')
    return null
  }
}

function parsed(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString('utf8'))
  } catch {
    return null // no JSON: no command of any clinic
  }
}
