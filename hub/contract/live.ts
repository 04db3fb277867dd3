// Live cuff pressure for a doctor who is watching: QoS 0, kept by nobody, never a result.
import { z } from 'zod'
import { Instant, RecordId } from './record.ts'
import { HubId } from './topics.ts'

export const LiveMessage = z.object({
  v: z.literal(1),
  hub: HubId,
  at: Instant,
  device: z.string(), // its id in the hub's status
  visit: RecordId.nullable(),
  pressure: z.number(), // mm[Hg]
})
export type LiveMessage = z.infer<typeof LiveMessage>
