// What the API is given to work with, and the type of the app its resources hang on.
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Metrics } from '../../../hub/system/metrics.ts'
import type { ClinicKeys } from '../registry/identity.ts'
import type { Registry } from '../registry/schema.ts'
import type { Store } from '../store/store.ts'
import type { Changes } from './live.ts'
import type { Site } from './schema.ts'

export interface Deps {
  registry: Registry
  keys: ClinicKeys
  store: Store
  sites: readonly Site[]
  changes: Changes
  /** Is the broker in reach? */
  broker(): boolean
  /** Since when what arrived waits to be kept; null: nothing does. */
  unkeptSinceMs(): number | null
  metrics: Metrics
  now(): number
  log: FastifyBaseLogger
  version: string
  /** `https://clinic.example` when browsers come by way of a proxy; null: they reach this program itself. */
  origin: string | null
  presenceMs: number
  /** How often the live line says that it lives. */
  aliveMs: number
  /** Folder of the built page. */
  web: string
}

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  ZodTypeProvider
>
