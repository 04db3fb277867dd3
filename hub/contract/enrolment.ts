// The one file a new hub needs: made by `kiosk-clinic keys add-hub`, named in the hub's config. It holds a password: mode 0600.
import { z } from 'zod'
import { HubId } from './topics.ts'

/** An IANA zone this Node knows, such as Asia/Shanghai. */
export const Zone = z.string().refine(
  (zone) => {
    try {
      return Boolean(new Intl.DateTimeFormat('en', { timeZone: zone }))
    } catch {
      return false
    }
  },
  { message: 'not a time zone (expected a name such as Asia/Shanghai)' },
)

export const Text = z.strictObject({ zh: z.string().min(1), en: z.string().min(1) })

export const Enrolment = z.strictObject({
  v: z.literal(1),
  hub: HubId,
  site: z.strictObject({ id: z.string().min(1), name: Text, zone: Zone }),
  broker: z.strictObject({
    url: z.url({ protocol: /^(mqtt|mqtts|ws|wss)$/ }),
    username: z.string(),
    password: z.string(),
  }),
  /** The clinic's public sealing key (P-256 JWK with `kid`). */
  clinicKey: z.looseObject({
    kty: z.literal('EC'),
    crv: z.literal('P-256'),
    x: z.string(),
    y: z.string(),
    kid: z.string(),
  }),
})
export type Enrolment = z.infer<typeof Enrolment>
