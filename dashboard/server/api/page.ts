// The doctor's page as static files, and the headers every answer carries.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyReply } from 'fastify'
import { requireSession } from './auth.ts'
import type { App, Deps } from './deps.ts'
import { ApiFault } from './errors.ts'

/** The built index.html holds this where the style nonce belongs; a new one is put in for each answer. */
const NONCE = '__NONCE__'

const policy = (style: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src ${style}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')

export function securityHeaders(app: App) {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'content-security-policy': policy("'self'"),
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    })
    if (request.url.startsWith('/api/') || /^\/(health|metrics)$/.test(request.url))
      reply.header('cache-control', 'no-store')
  })
}

/** While the page is not built, only the API answers. */
export async function servePage(app: App, deps: Deps) {
  const root = deps.web
  const index = join(root, 'index.html')
  const built = existsSync(index) ? readFileSync(index, 'utf8') : null
  const signedIn = requireSession(deps)
  if (built !== null) {
    await app.register(fastifyStatic, {
      root,
      index: false,
      cacheControl: false,
      schemaHide: true,
      allowedPath: (path) => path !== '/index.html', // it needs its nonce
      // Vite names what lies under assets/ by its content: such a file never changes.
      setHeaders: (reply, path) => {
        reply.header('cache-control', path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache')
      },
    })
  }
  const sendPage = (reply: FastifyReply) => {
    if (built === null) throw new ApiFault('not-found', 'The page is not built yet: run npm run build.')
    const nonce = randomBytes(16).toString('base64')
    return reply
      .code(200)
      .header('content-security-policy', policy(`'self' 'nonce-${nonce}'`))
      .header('cache-control', 'no-store')
      .type('text/html; charset=utf-8')
      .send(built.replaceAll(NONCE, nonce))
  }
  app.get('/', { schema: { hide: true } }, (_request, reply) => sendPage(reply))
  app.setNotFoundHandler(async (request, reply) => {
    const [path = ''] = request.url.split('?')
    if (path.startsWith('/api/')) await signedIn(request)
    const page = request.method === 'GET' && !path.startsWith('/api/') && !/\.(?!html$)[a-z0-9]+$/i.test(path)
    if (!page) throw new ApiFault('not-found', 'There is nothing at this address.')
    return sendPage(reply)
  })
}
