// The embedded broker (aedes, MQTT 3.1.1): enrolled hubs and this clinic, each within its own topics, nobody else.
import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { verify } from '@node-rs/argon2'
import { Aedes, type AuthenticateError, type Client } from 'aedes'
import type { Logger } from 'pino'
import { MAX_BYTES } from '../../hub/contract/record.ts'
import { HUB_MAY_READ, HUB_MAY_WRITE, parseTopic } from '../../hub/contract/topics.ts'
import type { Registry } from './registry/schema.ts'

export interface BrokerOptions {
  registry: Registry
  host: string
  /** 0 takes any free one. */
  port: number
  /** What this clinic's own ingest signs in with. */
  clinic: { username: string; password: string }
  log: Logger
}

/** MQTT 3.1.1, table 3.1. */
const IDENTIFIER_REJECTED = 2
const BAD_LOGIN = 4
/** A records message is at most 256 KB; a status with many devices is far below. What is larger is nobody's message. */
const MOST_BYTES = 2 * MAX_BYTES

/** Listens until the signal is aborted; `closed` resolves when every connection is gone. Rejects when the port cannot be had. */
export async function embeddedBroker(
  { registry, host, port, clinic, log }: BrokerOptions,
  signal: AbortSignal,
): Promise<{ port: number; closed: Promise<void> }> {
  /** Who a connection signed in as: a hub's id, or the clinic itself. */
  const who = new WeakMap<Client, { hub: string } | 'clinic'>()
  const mayEnter = signIn(registry)

  const broker = await Aedes.createBroker({
    authenticate(client, username, password, done) {
      const refuse = (returnCode: number, reason: string) => {
        // The name is what the stranger typed and is not worth keeping.
        log.warn({ reason }, 'the broker refused a connection')
        done(Object.assign(new Error(reason), { returnCode }) as AuthenticateError, false)
      }
      if (username === clinic.username && password && same(password, Buffer.from(clinic.password))) {
        who.set(client, 'clinic')
        done(null, true)
        return
      }
      mayEnter(username, password).then(
        (hub) => {
          if (hub === null) return refuse(BAD_LOGIN, 'wrong user or password')
          // Random beyond the hub's name, so that clones do not throw each other off, nor hub K0 the hub K0-1.
          if (!client.id.startsWith(`${hub}-`) || client.id.includes('-', hub.length + 1))
            return refuse(IDENTIFIER_REJECTED, `not a client id of hub ${hub}`)
          who.set(client, { hub })
          done(null, true)
        },
        (error) => {
          log.error({ err: error }, 'the registry did not say who may connect')
          refuse(BAD_LOGIN, 'cannot be checked now')
        },
      )
    },
    // Wills come through here as well.
    authorizePublish(client, packet, done) {
      const me = client && who.get(client)
      const at = parseTopic(packet.topic)
      const mine = me === 'clinic' || (me && at?.hub === me.hub && HUB_MAY_WRITE.includes(at.name))
      const small = packet.payload.length <= MOST_BYTES
      if (mine && small) return done()
      const reason = small ? `may not publish to ${at ? at.name : 'this topic'}` : `${packet.payload.length} bytes`
      log.warn({ client: me && me !== 'clinic' ? me.hub : 'unknown', reason }, 'the broker refused a message')
      done(new Error(reason))
    },
    authorizeSubscribe(client, subscription, done) {
      const me = who.get(client)
      const at = parseTopic(subscription.topic)
      const mine = me === 'clinic' || (me && at?.hub === me.hub && HUB_MAY_READ.includes(at.name))
      if (!mine) log.warn({ client: me ? me.hub : 'unknown' }, 'the broker refused a subscription')
      done(null, mine ? subscription : null)
    },
  })
  broker.on('clientError', (client, error) => {
    const me = who.get(client)
    log.debug({ client: me && me !== 'clinic' ? me.hub : 'unknown', reason: error.message }, 'a connection failed')
  })
  broker.on('connectionError', (_client, error) => log.debug({ reason: error.message }, 'no MQTT client'))

  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    broker.handle(socket)
  })
  server.listen(port, host)
  await once(server, 'listening').catch((error) => {
    broker.close()
    throw error
  })
  const closed = (async () => {
    if (!signal.aborted) await once(signal, 'abort')
    const ended = once(server, 'close')
    server.close()
    await new Promise<void>((resolve) => broker.close(resolve))
    for (const socket of sockets) socket.destroy()
    await ended
  })()
  const address = server.address()
  return { port: typeof address === 'object' && address ? address.port : port, closed }
}

/** The hub that this user and password are, or null. argon2 is slow on purpose, so a password that fitted is remembered by its hash. */
function signIn(registry: Registry) {
  const fitted = new Map<string, string>()
  return async (username: string | undefined, password: Buffer | undefined): Promise<string | null> => {
    if (username === undefined || password === undefined) return null
    const hub = await registry
      .selectFrom('hubs')
      .select('password_hash')
      .where('id', '=', username)
      .where('revoked_at_ms', 'is', null)
      .executeTakeFirst()
    if (!hub) return null
    const print = createHash('sha256').update(hub.password_hash).update(password).digest('hex')
    if (fitted.get(username) === print) return username
    if (!(await verify(hub.password_hash, password))) return null
    fitted.set(username, print)
    return username
  }
}

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && timingSafeEqual(a, b)
