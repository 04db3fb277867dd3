// The embedded broker (aedes, MQTT 3.1.1): enrolled hubs and this clinic, each within its own topics, nobody else.
import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Aedes, type AuthenticateError, type Client } from 'aedes'
import type { Logger } from 'pino'
import {
  CLINIC_MAY_READ,
  CLINIC_MAY_WRITE,
  CLINIC_USER,
  everyHub,
  HUB_MAY_READ,
  HUB_MAY_WRITE,
  parseTopic,
} from '../../hub/contract/topics.ts'
import { MOST_BYTES } from './mosquitto.ts'
import { packetMeter } from './packet.ts'
import type { Registry } from './registry/schema.ts'
import { fits } from './secret.ts'

export interface BrokerOptions {
  registry: Registry
  host: string
  /** 0 takes any free one. */
  port: number
  /** What this clinic's own ingest signs in with. */
  clinicPassword: string
  log: Logger
}

/** MQTT 3.1.1, table 3.1. */
const IDENTIFIER_REJECTED = 2
const BAD_LOGIN = 4
/** Beside the payload: the topic, and with CONNECT the names, the password and the will. */
const AROUND_BYTES = 64 * 1024
/** A hub that is revoked or has a new password is cut off within so long. */
const LOOK_MS = 1000

/** Listens until the signal is aborted; `closed` resolves when every connection is gone. Rejects when the port cannot be had. */
export async function embeddedBroker(
  { registry, host, port, clinicPassword, log }: BrokerOptions,
  signal: AbortSignal,
): Promise<{ port: number; closed: Promise<void> }> {
  /** Who a connection signed in as: a hub's id with what it proved, or the clinic itself. */
  const who = new Map<Client, { hub: string; passwordHash: string } | 'clinic'>()
  const mayEnter = signIn(registry)

  const broker = await Aedes.createBroker({
    authenticate(client, username, password, done) {
      const refuse = (returnCode: number, reason: string) => {
        // The name is what the stranger typed and is not worth keeping.
        log.warn({ reason }, 'the broker refused a connection')
        done(Object.assign(new Error(reason), { returnCode }) as AuthenticateError, false)
      }
      if (username === CLINIC_USER && password && same(password, Buffer.from(clinicPassword))) {
        who.set(client, 'clinic')
        done(null, true)
        return
      }
      mayEnter(username, password).then(
        (found) => {
          if (found === null) return refuse(BAD_LOGIN, 'wrong user or password')
          // Random beyond the hub's name, so that clones do not throw each other off, nor hub K0 the hub K0-1.
          const { hub } = found
          if (!client.id.startsWith(`${hub}-`) || client.id.includes('-', hub.length + 1))
            return refuse(IDENTIFIER_REJECTED, `not a client id of hub ${hub}`)
          who.set(client, found)
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
      const may = me === 'clinic' ? CLINIC_MAY_WRITE : HUB_MAY_WRITE
      const mine = me && at && (me === 'clinic' || at.hub === me.hub) && may.includes(at.name)
      const small = packet.payload.length <= MOST_BYTES
      if (mine && small) return done()
      const reason = small ? `may not publish to ${at ? at.name : 'this topic'}` : `${packet.payload.length} bytes`
      log.warn({ client: me && me !== 'clinic' ? me.hub : 'unknown', reason }, 'the broker refused a message')
      done(new Error(reason))
    },
    authorizeSubscribe(client, subscription, done) {
      const me = who.get(client)
      const at = parseTopic(subscription.topic)
      const mine =
        me === 'clinic'
          ? CLINIC_MAY_READ.some((name) => subscription.topic === everyHub(name))
          : me && at?.hub === me.hub && HUB_MAY_READ.includes(at.name)
      if (!mine) log.warn({ client: me && me !== 'clinic' ? me.hub : 'unknown' }, 'the broker refused a subscription')
      done(null, mine ? subscription : null)
    },
  })
  broker.on('clientDisconnect', (client) => who.delete(client))
  broker.on('clientError', (client, error) => {
    const me = who.get(client)
    log.debug({ client: me && me !== 'clinic' ? me.hub : 'unknown', reason: error.message }, 'a connection failed')
  })
  broker.on('connectionError', (_client, error) => log.debug({ reason: error.message }, 'no MQTT client'))

  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    const within = packetMeter(MOST_BYTES + AROUND_BYTES)
    // Looked at as it passes to aedes, which would gather a packet of any size before anyone is asked.
    socket.on('data', (chunk) => {
      if (within(chunk)) return
      log.warn({ reason: 'a packet larger than any of ours' }, 'the broker closed a connection')
      socket.destroy()
    })
    broker.handle(socket)
  })
  server.listen(port, host)
  await once(server, 'listening').catch((error) => {
    broker.close()
    throw error
  })
  const cutting = cutOff(registry, who, log, signal)
  const closed = (async () => {
    if (!signal.aborted) await once(signal, 'abort')
    const ended = once(server, 'close')
    server.close()
    await new Promise<void>((resolve) => broker.close(resolve))
    for (const socket of sockets) socket.destroy()
    await Promise.all([ended, cutting])
  })()
  const address = server.address()
  return { port: typeof address === 'object' && address ? address.port : port, closed }
}

/** The hub that this user and password are, or null. A password that fitted is remembered by its hash: some are slow to check. */
function signIn(registry: Registry) {
  const fitted = new Map<string, string>()
  return async (username: string | undefined, password: Buffer | undefined) => {
    if (username === undefined || password === undefined) return null
    const row = await registry
      .selectFrom('hubs')
      .select('password_hash')
      .where('id', '=', username)
      .where('revoked_at_ms', 'is', null)
      .executeTakeFirst()
    if (!row) return null
    const found = { hub: username, passwordHash: row.password_hash }
    const print = createHash('sha256').update(row.password_hash).update(password).digest('hex')
    if (fitted.get(username) === print) return found
    if (!(await fits(row.password_hash, password))) return null
    fitted.set(username, print)
    return found
  }
}

/** Ends the connections of hubs whose secret has ended since, until the signal aborts. */
async function cutOff(
  registry: Registry,
  who: ReadonlyMap<Client, { hub: string; passwordHash: string } | 'clinic'>,
  log: Logger,
  signal: AbortSignal,
) {
  while (!signal.aborted) {
    await delay(LOOK_MS, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
    if (signal.aborted || who.size === 0) continue
    try {
      const hubs = await registry.selectFrom('hubs').select(['id', 'password_hash', 'revoked_at_ms']).execute()
      const holds = new Map(hubs.filter((h) => h.revoked_at_ms === null).map((h) => [h.id, h.password_hash]))
      for (const [client, me] of who) {
        if (me === 'clinic' || holds.get(me.hub) === me.passwordHash) continue
        log.info({ client: me.hub }, 'a hub whose secret has ended is cut off')
        client.close()
      }
    } catch (error) {
      log.warn({ err: error }, 'the registry did not say whose secret has ended; asked again')
    }
  }
}

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && timingSafeEqual(a, b)
