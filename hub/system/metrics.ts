// The figures of a program's own process, to which each program adds its own, and who may read them.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { collectDefaultMetrics, Registry } from 'prom-client'

export function processFigures(): Registry {
  const register = new Registry()
  collectDefaultMetrics({ register })
  return register
}

/** A program's figures as the route that tells them has them. */
export interface Metrics {
  text(): Promise<string>
  contentType: string
  /** Opens them to others than this machine; null: to nobody else. */
  token: string | null
}

/** With a token: whoever has it. Without: this machine alone, and nobody whose words a proxy passed on. */
export function mayRead({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>, token: string | null) {
  if (token !== null) return same(headers.authorization ?? '', `Bearer ${token}`)
  const passedOn = headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined
  return !passedOn && /^(::ffff:)?127\.|^::1$/.test(socket.remoteAddress ?? '')
}

export const WHO_MAY_READ =
  'Ask from this machine itself, or with "Authorization: Bearer" and the metricsToken of the configuration.'

/** In a time that tells nothing. */
const same = (a: string, b: string) => timingSafeEqual(hash(a), hash(b))
const hash = (text: string) => createHash('sha256').update(text).digest()
