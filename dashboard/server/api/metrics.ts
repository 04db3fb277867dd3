// The clinic's figures for a monitor: for this machine alone, or for whoever has the token.
import { mayRead, WHO_MAY_READ } from '../../../hub/system/metrics.ts'
import type { App, Deps } from './deps.ts'
import { ApiFault } from './errors.ts'

export function metrics(app: App, deps: Deps) {
  const { token, text, contentType } = deps.metrics
  app.get('/metrics', { schema: { hide: true } }, async (request, reply) => {
    // Behind a proxy everybody comes from this machine.
    const open = deps.origin === null || token !== null
    if (!open || !mayRead(request.raw, token)) throw new ApiFault('not-signed-in', WHO_MAY_READ)
    return reply.type(contentType).send(await text())
  })
}
