// Signing in and out, and who a request comes from. Wrong passwords are slowed by user and by address.
import { hash, verify } from '@node-rs/argon2'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { z } from 'zod'
import { audit } from '../registry/audit.ts'
import type { Registry } from '../registry/schema.ts'
import { closeSession, findLogin, openSession, userOfSession } from '../registry/users.ts'
import type { App, Deps } from './deps.ts'
import { ApiFault } from './errors.ts'
import { ApiError, Credentials, SessionUser, type Site } from './schema.ts'

export const COOKIE = 'kiosk-session'
/** A working day: nobody is signed out in the middle of one, nobody stays signed in over night. */
const SESSION_MS = 12 * 3_600_000
const WRONG_TRIES = { points: 10, duration: 15 * 60 }

const cookieOf = (origin: string | null) =>
  ({ path: '/', httpOnly: true, sameSite: 'strict', secure: origin?.startsWith('https:') ?? false }) as const

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every route behind `requireSession`. */
    me: SessionUser | null
  }
}

/** argon2id with the library's defaults, which are those OWASP names. */
export const hashPassword = (password: string) => hash(password)

/** Who holds this session now; null when it ended. */
export async function whoIs(db: Registry, sites: readonly Site[], token: string | undefined, nowMs: number) {
  const user = token ? await userOfSession(db, token, nowMs) : null
  if (!user) return null
  const own = sites.filter((site) => user.sites.includes(site.id))
  return { user: user.name, role: user.role, sites: own } satisfies SessionUser
}

export const requireSession = (deps: Deps) => async (request: FastifyRequest) => {
  request.me = await whoIs(deps.registry, deps.sites, request.cookies[COOKIE], deps.now())
  if (!request.me) throw new ApiFault('not-signed-in', 'Sign in first: POST /api/session.')
}

/** The signed-in user of a route behind `requireSession`. */
export function me(request: FastifyRequest): SessionUser {
  if (!request.me) throw new Error(`${request.routeOptions.url} is not behind requireSession`)
  return request.me
}

/** A browser says where a request comes from; what is no browser says nothing and carries no cookie by itself. */
export const refuseCrossSite = (origin: string | null) => async (request: FastifyRequest) => {
  if (request.method === 'GET' || request.method === 'HEAD') return
  const site = request.headers['sec-fetch-site']
  const from = request.headers.origin
  const own = origin ?? `${request.protocol}://${request.host}`
  if (site === undefined ? from === undefined || from === own : site === 'same-origin' || site === 'none') return
  throw new ApiFault('cross-site', 'This request was started by another web site and is refused.')
}

export async function signIn(app: App, deps: Deps) {
  const { registry, now, sites } = deps
  const tries = { user: new RateLimiterMemory(WRONG_TRIES), address: new RateLimiterMemory(WRONG_TRIES) }
  /** Verified for names that are nobody's, so that the answer takes as long. */
  const nobodys = await hashPassword('a password that nobody has')

  /** Taken before the password is looked at: many at once are no way around it. */
  const takeTry = async (user: string, address: string, reply: FastifyReply) => {
    try {
      await tries.address.consume(address)
      await tries.user.consume(user)
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused
      const seconds = Math.ceil(refused.msBeforeNext / 1000)
      reply.header('retry-after', seconds)
      throw new ApiFault('too-many-tries', `Too many wrong passwords. Try again in ${Math.ceil(seconds / 60)} minutes.`)
    }
  }

  app.post(
    '/api/session',
    { schema: { body: Credentials, response: { 200: SessionUser, 401: ApiError, 429: ApiError } } },
    async (request, reply) => {
      const { user, password } = request.body
      const key = user.normalize('NFKC').toLowerCase()
      const address = request.ip
      const login = await findLogin(registry, user)
      await takeTry(key, address, reply)
      const right = await verify(login?.passwordHash ?? nobodys, password)
      if (!login || !right) {
        const tried = login ? user : '-' // what was typed may be anything, even a password
        await audit(registry, now(), { user: tried, action: 'sign-in-failed', target: '-', detail: `from ${address}` })
        throw new ApiFault('wrong-credentials', 'User and password do not fit together.')
      }
      await tries.user.delete(key)
      await tries.address.reward(address)
      const token = await openSession(registry, login.id, now(), SESSION_MS)
      await audit(registry, now(), { user, action: 'sign-in', target: '-', detail: `from ${address}` })
      reply.setCookie(COOKIE, token, { ...cookieOf(deps.origin), maxAge: SESSION_MS / 1000 })
      const signedIn = await whoIs(registry, sites, token, now())
      if (!signedIn) throw new ApiFault('not-signed-in', 'The session ended at once.')
      return signedIn
    },
  )
}

/** The routes about one's own session: behind `requireSession`. */
export function session(app: App, { registry, now, changes, ...deps }: Deps) {
  app.get('/api/session', { schema: { response: { 200: SessionUser } } }, async (request) => me(request))

  app.delete('/api/session', { schema: { response: { 204: z.null() } } }, async (request, reply) => {
    await closeSession(registry, request.cookies[COOKIE] ?? '')
    await audit(registry, now(), {
      user: me(request).user,
      action: 'sign-out',
      target: '-',
      detail: `from ${request.ip}`,
    })
    changes.tell({ kind: 'session' })
    return reply.clearCookie(COOKIE, cookieOf(deps.origin)).code(204).send(null)
  })
}
