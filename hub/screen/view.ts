// All the visitor's page ever knows: one value, sent whole at each change. Names and numbers are masked before they get here.
import { z } from 'zod'
import { FailureReason, Kind } from '../../devices/kit/event.ts'
import { Instant } from '../contract/record.ts'

const Text = z.object({ zh: z.string(), en: z.string() })

export const ScreenDevice = z.object({
  id: z.string(),
  kind: z.enum(['blood-pressure', 'body', 'glucose', 'identity']),
  state: z.enum(['open', 'opening', 'lost', 'refused']),
  cause: z.string().nullable(), // a code the page words: gone, ambiguous, busy, not-permitted, not-a-device, wrong-device, silent
  /** The hub can start and stop a measurement on it. */
  canStart: z.boolean(),
})

export const ScreenResult = z.object({
  kind: Kind,
  values: z.record(z.string(), z.number().nullable()),
  unit: z.string(),
  range: z.enum(['above', 'below']).nullable(),
  meal: z.string().nullable(),
  takenAt: Instant.nullable(), // with the site's offset
  /** By the published table; null where no rule applies. */
  assessment: z
    .object({ band: z.string(), severity: z.number().int().min(0).max(3), flags: z.array(z.string()) })
    .nullable(),
  /** False: it was measured here, but it is nobody's by the rule; the page says that staff will look. */
  yours: z.boolean(),
})
export type ScreenResult = z.infer<typeof ScreenResult>

export const View = z.object({
  site: Text,
  zone: z.string(),
  /** Hub and clinic are in touch; `queued` rows wait for the line. */
  online: z.boolean(),
  queued: z.number().int(),
  /** A line the operator puts on the page (the demo says that its times are short). */
  notice: Text.nullable(),
  /** An operator's page shown beside this one; null: none. */
  aside: z.string().nullable(),
  /** The outbox cannot keep a row: no measurement may begin. */
  full: z.boolean(),
  /** Results that nobody had fetched yet were destroyed with the hub's file: staff should know. */
  damaged: z.boolean(),
  devices: z.array(ScreenDevice),
  visit: z
    .object({
      id: z.string(),
      band: z.number().int().min(0).max(5), // jade, azure, plum, olive, mulberry, slate
      /** Null for a guest. */
      who: z.object({ name: z.string(), number: z.string() }).nullable(),
      openedAt: Instant,
      step: z.enum(['ready', 'measuring', 'result', 'failure', 'goodbye']),
      /** The device at work, while measuring. */
      device: z.string().nullable(),
      pressure: z.number().nullable(), // live cuff pressure in mm[Hg]; never a result
      results: z.array(ScreenResult), // newest last
      failure: z
        .object({ of: z.enum(['blood-pressure', 'glucose', 'identity']), code: z.string(), reason: FailureReason })
        .nullable(),
      /** Set from 45 s idle on: when the visit will end. */
      endsAt: Instant.nullable(),
    })
    .nullable(),
  /** A card was laid but could not be read: shown on the welcome page until the next try. */
  cardFailure: z.boolean(),
})
export type View = z.infer<typeof View>

/** What a visitor may do. Every one is harmless when repeated. */
export const Action = z.discriminatedUnion('do', [
  z.object({ do: z.literal('guest') }), // measure without a card
  z.object({ do: z.literal('start'), device: z.string() }),
  z.object({ do: z.literal('stop'), device: z.string() }),
  z.object({ do: z.literal('again') }), // back from a result or failure to measuring
  z.object({ do: z.literal('stay') }), // I am still here
  z.object({ do: z.literal('leave') }),
])
export type Action = z.infer<typeof Action>

/** What the screen's server needs of the hub. */
export interface ScreenSource {
  view(): View
  /** Called at each change; returns how to stop. */
  subscribe(changed: () => void): () => void
  /** @throws when the action is not possible now, with a text for the log */
  act(action: Action): Promise<void>
}
