// Serves the visitor's page to the kiosk's own browser: the page, the view as a stream, and what the visitor does.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type Metrics, mayRead, WHO_MAY_READ } from '../system/metrics.ts'
import { Action, type ScreenSource } from './view.ts'

export interface ScreenOptions {
  /** An address of this machine; names other than localhost and this one are refused (DNS rebinding). */
  host: string
  /** 0 takes any free port. */
  port: number
  log: { info(text: string): void; warn(text: string): void }
  /** The one page that may be shown in a frame beside ours. */
  aside?: string | undefined
  /** What GET /metrics tells. */
  metrics: Metrics
  /** The built page; beside this file when compiled. */
  webRoot?: string | undefined
}

/**
 * Listens until the signal is aborted; `closed` resolves when every connection is gone.
 * @throws when the page is not built or the port cannot be had
 */
export async function screen(
  source: ScreenSource,
  { host, port, log, aside, metrics, webRoot = join(import.meta.dirname, 'web') }: ScreenOptions,
  signal: AbortSignal,
): Promise<{ url: string; closed: Promise<void> }> {
  if (!existsSync(join(webRoot, 'index.html')))
    throw new Error(`the visitor's page is not built: ${webRoot} has no index.html (npm run build makes it)`)
  const app = fastify({ bodyLimit: 1024, forceCloseConnections: true })
  app.removeContentTypeParser('text/plain') // what a form of another page can send
  const policy = [
    "default-src 'self'",
    `frame-src ${aside ? new URL(aside).origin : "'none'"}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'content-security-policy': policy,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    })
    const stranger = strangerTo(request, host)
    if (stranger) return reply.code(403).send({ error: 'forbidden', message: stranger })
  })

  app.setErrorHandler<Error & { statusCode?: number }>(async (error, _request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) log.warn(`visitor's page: ${error.message}`)
    const message = status >= 500 ? 'the hub made a mistake; its log says more' : error.message
    return reply.code(status).send({ error: status >= 500 ? 'internal' : 'bad-request', message })
  })

  app.get('/api/view', (_request, reply) => stream(source, reply))

  app.post('/api/act', async (request, reply) => {
    const action = Action.safeParse(request.body)
    if (!action.success) {
      const wanted =
        'expected { "do": "guest" | "start" | "stop" | "again" | "stay" | "leave" }, start and stop with "device"'
      return reply.code(400).send({ error: 'bad-action', message: `${z.prettifyError(action.error)}; ${wanted}` })
    }
    try {
      await source.act(action.data)
    } catch (error) {
      log.warn(
        `visitor's page: cannot ${action.data.do} now: ${error instanceof Error ? error.message : String(error)}`,
      )
      return reply.code(409).send({ error: 'not-now', message: 'not possible at this moment; the view says what is' })
    }
    return reply.code(204).send()
  })

  app.get('/metrics', async (request, reply) => {
    if (mayRead(request.raw, metrics.token)) return reply.type(metrics.contentType).send(await metrics.text())
    return reply.code(401).send({ error: 'not-signed-in', message: WHO_MAY_READ })
  })

  await app.register(fastifyStatic, { root: webRoot, cacheControl: false })
  const close = () => app.close()
  try {
    await app.listen({ host, port })
  } catch (error) {
    await close()
    const cause = error instanceof Error ? error.message : String(error)
    throw new Error(`the visitor's page cannot listen on ${host}:${port}: ${cause}`, { cause: error })
  }
  const closed = new Promise<void>((resolve, reject) => {
    const end = () => void close().then(() => resolve(), reject)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
  const address = app.server.address()
  const bound = typeof address === 'object' && address ? address.port : port
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}/`
  log.info(`visitor's page at ${url}`)
  return { url, closed }
}

/** Why this request is not from our own page; null when it is. A page of another origin always names itself in a POST. */
function strangerTo(request: FastifyRequest, host: string): string | null {
  const asked = request.headers.host ?? ''
  const name = asked.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  if (![host, 'localhost', '127.0.0.1', '::1'].includes(name))
    return 'this address is not the kiosk’s own: open the page by the address the hub prints'
  const { origin } = request.headers
  return origin === undefined || origin === `http://${asked}` ? null : 'only the kiosk’s own page may do this'
}

/** The view whole at each change. A reader that is behind gets the newest when it has caught up, nothing in between. */
function stream(source: ScreenSource, reply: FastifyReply) {
  const { raw } = reply
  raw.writeHead(200, {
    ...Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)])),
    'content-type': 'text/event-stream; charset=utf-8',
  })
  reply.hijack()
  let behind = false
  const send = () => {
    behind = raw.writableNeedDrain
    if (!behind) raw.write(`retry: 1000\ndata: ${JSON.stringify(source.view())}\n\n`)
  }
  raw.on('drain', () => behind && send())
  raw.on('close', source.subscribe(send))
  send()
}
