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

/** A certificate or a private key as text (RFC 7468). */
const Pem = z.string().regex(/^-----BEGIN [A-Z ]+-----\n/, 'not a PEM text')

/** How a hub signs in: by password, or by a client certificate that carries its user name. */
const Broker = z
  .strictObject({
    url: z.url({ protocol: /^(mqtt|mqtts|ws|wss)$/ }),
    username: z.string(),
    password: z.string().optional(),
    /** The authority that vouches for the broker; absent: one that the machine knows. */
    ca: Pem.optional(),
    cert: Pem.optional(),
    key: Pem.optional(),
    /** 4: MQTT 3.1.1; 5: MQTT 5, which says why it refuses. */
    protocolVersion: z.union([z.literal(4), z.literal(5)]).optional(),
  })
  .refine((b) => (b.cert === undefined) === (b.key === undefined), { message: '"cert" and "key" belong together' })
  .refine((b) => b.password !== undefined || b.cert !== undefined, { message: 'expected a password or a certificate' })

export const Enrolment = z.strictObject({
  v: z.literal(1),
  hub: HubId,
  site: z.strictObject({ id: z.string().min(1), name: Text, zone: Zone }),
  broker: Broker,
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
