// The clinic's HTTP API and page, built apart from listening: tests inject into exactly what runs.
import fastifyCookie from '@fastify/cookie'
import fastifySwagger from '@fastify/swagger'
import fastify, { LogController } from 'fastify'
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { refuseCrossSite, requireSession, session, signIn } from './auth.ts'
import type { App, Deps } from './deps.ts'
import { answerError } from './errors.ts'
import { figures } from './figures.ts'
import { health } from './health.ts'
import { live } from './live.ts'
import { machines } from './machines.ts'
import { metrics } from './metrics.ts'
import { observations } from './observations.ts'
import { securityHeaders, servePage } from './page.ts'
import { quarantine } from './quarantine.ts'
import { residents } from './residents.ts'
import { unassigned } from './unassigned.ts'

/** No request of this API is larger. */
const BODY_BYTES = 16 * 1024

export async function build(deps: Deps): Promise<App> {
  const app: App = fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true }), // a list of who asked for what is the audit's, not the log's
    bodyLimit: BODY_BYTES,
    trustProxy: deps.origin === null ? false : 'loopback',
    forceCloseConnections: true,
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler(answerError)
  app.removeContentTypeParser('text/plain') // JSON only
  app.decorateRequest('me', null)
  securityHeaders(app)
  app.addHook('onRequest', refuseCrossSite(deps.origin))
  await app.register(fastifyCookie)
  await app.register(fastifySwagger, {
    openapi: { info: { title: 'Health kiosk clinic', version: deps.version } },
    transform: jsonSchemaTransform,
  })

  // Open to all: these and the page's own files. Whatever is added below the hook needs a session.
  health(app, deps)
  metrics(app, deps)
  await signIn(app, deps)
  app.get('/api/openapi.json', { schema: { hide: true } }, () => app.swagger())
  await servePage(app, deps)
  await app.register(async (inside: App) => {
    inside.addHook('onRequest', requireSession(deps))
    session(inside, deps)
    residents(inside, deps)
    figures(inside, deps)
    observations(inside, deps)
    unassigned(inside, deps)
    machines(inside, deps)
    quarantine(inside, deps)
    live(inside, deps)
  })
  await app.ready()
  return app
}
