// Every way the API says no: stable codes with their status in one table, and the one handler that answers with them.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { StoreUnavailable } from '../store/store.ts'

export const CODES = {
  'bad-request': 400,
  'not-signed-in': 401,
  'wrong-credentials': 401,
  'not-allowed': 403,
  'cross-site': 403,
  'not-found': 404,
  'already-assigned': 409,
  'too-large': 413,
  'json-only': 415,
  'too-many-tries': 429,
  internal: 500,
  'series-away': 503,
} as const
export type Code = keyof typeof CODES

/** A refusal that the caller is told in full: `message` says what came, what was expected, what to do. */
export class ApiFault extends Error {
  override name = 'ApiFault'
  readonly code: Code
  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Under 500 the message is shown; a 500 is logged with its stack and hidden. Nothing of a request's body is ever repeated. */
export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  const fault = asFault(error)
  const status = CODES[fault.code]
  if (status >= 500)
    request.log.error({ err: error, code: fault.code, route: request.routeOptions.url }, 'a request failed')
  return reply.code(status).send({ error: fault.code, message: fault.message })
}

function asFault(error: FastifyError): ApiFault {
  if (error instanceof ApiFault) return error
  if (error instanceof StoreUnavailable)
    return new ApiFault('series-away', 'The time series does not answer; the readings are kept. Try again in a minute.')
  if (hasZodFastifySchemaValidationErrors(error)) {
    const faults = error.validation.map(
      (v) => `${v.instancePath.slice(1).replaceAll('/', '.') || 'the whole'}: ${v.message}`,
    )
    return new ApiFault('bad-request', `${error.validationContext ?? 'request'}: ${faults.join('; ')}`)
  }
  if (error.statusCode === 413)
    return new ApiFault('too-large', 'The body is larger than any request of this API needs.')
  if (error.statusCode === 415) return new ApiFault('json-only', 'Expected a body with content-type application/json.')
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return new ApiFault(
      'bad-request',
      error.code === 'FST_ERR_CTP_INVALID_JSON_BODY' ? 'The body is no JSON.' : error.message,
    )
  return new ApiFault('internal', 'Something went wrong here; it has been logged.')
}
