// A hub's retained status: its birth, its heartbeat and, with `online: false`, its will.
import { z } from 'zod'
import { Instant, RecordId } from './record.ts'
import { HubId } from './topics.ts'

export const DeviceStatus = z.object({
  id: z.string(), // the name in the hub's config
  driver: z.string(),
  vendor: z.string(),
  model: z.string(),
  kind: z.string(),
  state: z.enum(['open', 'opening', 'lost', 'refused']),
  /** Why it is not open, as a code the page words; null when open. */
  cause: z.string().nullable(),
  since: Instant,
  counts: z.object({
    events: z.number().int(),
    discardedBytes: z.number().int(),
    refusedFrames: z.number().int(),
  }),
  /** Device clock minus hub clock in seconds at the last reading of it. */
  clockOffsetSeconds: z.number().nullable(),
})
export type DeviceStatus = z.infer<typeof DeviceStatus>

export const Status = z.object({
  v: z.literal(1),
  hub: HubId,
  /** Grows with every start of the hub: a late will cannot kill a new session. */
  session: z.string(), // random id of this start
  started: Instant,
  at: Instant,
  online: z.boolean(),
  site: z.string(),
  devices: z.array(DeviceStatus),
  /** Every epoch the hub still keeps: its first kept and last number. */
  epochs: z.array(z.object({ epoch: RecordId, first: z.number().int(), last: z.number().int() })),
  queued: z.number().int(), // rows no mark covers
  oldest: Instant.nullable(), // when the oldest of them was made
  /** The mark the hub last took. */
  seen: z.object({ rev: z.number().int(), id: z.string() }).nullable(),
  /** An outbox file that was gone, put back from before or damaged; until somebody has looked. `destroyed` rows never come. */
  damage: z
    .object({
      cause: z.enum(['gone', 'older', 'damaged']),
      salvaged: z.number().int(),
      destroyed: z.number().int().nullable(),
    })
    .nullable()
    .optional(), // hubs of before do not say it
  clock: z.object({ trusted: z.boolean(), boot: z.string() }),
  versions: z.object({ hub: z.string(), contract: z.number().int() }),
})
export type Status = z.infer<typeof Status>
