// What arrived and is not on the disk yet: kept in its order, several in one transaction; a full disk holds all of it.
import type { Logger } from 'pino'
import type { Moment } from './clock.ts'
import type { HubRecord } from './contract/record.ts'
import type { Draft } from './observe.ts'
import type { Drafted, Outbox } from './outbox.ts'
import { OutboxFull } from './outbox-file.ts'

const MOST_HELD = 10_000
const MOST_TOGETHER = 500

/** @param kept called for each record that is new on the disk: its tick may be shown */
export function openHeld(outbox: Outbox, kept: (record: HubRecord) => void, log: Logger) {
  /** With `memory`: one read of it, of which the undated are to be kept. */
  const held: (Drafted & { memory?: string })[] = []
  let full = false

  /** The first, with those behind it that can share its transaction. */
  function keepFirst() {
    const { drafts, at, memory } = held[0]!
    const next = held.findIndex((one) => one.memory !== undefined)
    const together = held.slice(0, Math.min(next < 0 ? held.length : next, MOST_TOGETHER))
    const rows = memory === undefined ? outbox.putAll(together) : outbox.putUndated(memory, drafts, at)
    held.splice(0, Math.max(1, together.length))
    for (const { record, isNew } of rows) if (isNew) kept(record)
  }

  return {
    /** The disk took nothing when it was asked last: no visitor is let in. */
    full: () => full,
    size: () => held.length,

    /** @returns false when there is no room for more, and it is refused */
    put(drafts: readonly Draft[], at: Moment): boolean {
      if (held.length >= MOST_HELD) return false
      held.push({ drafts, at })
      return true
    },

    /** One read of a memory. With a full disk one of each is held: what is newer still lies in the device and is told again. */
    putMemory(memory: string, drafts: readonly Draft[], at: Moment) {
      if (!held.some((waiting) => waiting.memory === memory)) held.push({ memory, drafts, at })
    },

    /** Takes back what was put last. */
    withdraw: () => void held.pop(),

    /** Asks the disk. What it does not take stays held. */
    keep() {
      try {
        while (held.length > 0) keepFirst()
      } catch (error) {
        if (!(error instanceof OutboxFull)) throw error
        if (!full) log.error({ reason: error.message, held: held.length }, 'the disk is full: no visitor is let in')
        full = true
        return
      }
      if (full) log.info('the disk takes rows again')
      full = false
    },
  }
}
