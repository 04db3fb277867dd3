// What the clinic may ask of a hub, and the hub's answer: a short list, each with a deadline and a key that makes repeats harmless.
import { z } from 'zod'
import { Instant, RecordId, Subject } from './record.ts'
import { HubId } from './topics.ts'

/** What one command may name; more goes into several. */
export const MAX_ALIASES = 100
export const MAX_ERASED = 1000

/** Forget a person: what was made before `before`, under these aliases or these ids (promises 2.4). */
export const Erase = z.strictObject({
  name: z.literal('erase'),
  aliases: z.array(Subject.shape.alias).max(MAX_ALIASES),
  ids: z.array(RecordId).max(MAX_ERASED),
  before: Instant,
})
export type Erase = z.infer<typeof Erase>

export const Command = z.object({
  v: z.literal(1),
  /** The same at each repeat: what was done once is answered again, not done again. */
  key: RecordId,
  /** After it the hub does nothing and says so; a repeat carries a later one. */
  deadline: Instant,
  command: z.discriminatedUnion('name', [Erase]),
})
export type Command = z.infer<typeof Command>

export const Reply = z.object({
  v: z.literal(1),
  hub: HubId,
  key: RecordId,
  /** refused: not on this hub's list; late: its deadline had passed. Neither is for ever: the clinic may ask again. */
  outcome: z.enum(['done', 'refused', 'late']),
  at: Instant,
})
export type Reply = z.infer<typeof Reply>
