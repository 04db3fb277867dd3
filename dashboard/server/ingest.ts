// From the broker into the registry, and the stored mark back to the hubs (promises 1.5, 1.6). The only MQTT client here.
import { randomUUID } from 'node:crypto'
import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import mqtt from 'mqtt'
import type { Logger } from 'pino'
import type { Command } from '../../hub/contract/command.ts'
import { StoredMark } from '../../hub/contract/stored.ts'
import { DELIVERY, everyHub, parseTopic, topic } from '../../hub/contract/topics.ts'
import { sendCommands } from './command.ts'
import { Inbox } from './inbox.ts'
import { type Message, readRecords, readReply, readStatus } from './message.ts'
import { answered } from './registry/commands.ts'
import { hear, sessionsOf } from './registry/delivery.ts'
import { emptyLog } from './registry/erase.ts'
import { type ClinicKeys, openWaiting } from './registry/identity.ts'
import { type Change, type Intake, takeIn } from './registry/intake.ts'
import { currentMark, nextMark } from './registry/marks.ts'
import { bodyOf, keepRefused, type Refused } from './registry/quarantine.ts'
import type { Registry } from './registry/schema.ts'
import { retryRefused } from './retry.ts'

export interface IngestParts {
  registry: Registry
  keys: ClinicKeys
  /** `clientId` stays the same over restarts, so that the broker keeps for us what comes meanwhile; one for each ingester. */
  broker: { url: string; clientId: string; protocolVersion?: 4 | 5 } & Pick<
    mqtt.IClientOptions,
    'username' | 'password' | 'ca' | 'cert' | 'key'
  >
  log: Logger
  /** Milliseconds since 1970. */
  now(): number
  /** Called after the commit that made it true. */
  notify(change: Change): void
}

/** How long an MQTT 5 broker keeps for us what comes while we are away; whatever is dropped is sent again. */
const SESSION_SECONDS = 7 * 86_400
/** Thrown off so soon after it was let in, and so often: the broker takes another client for this one. */
const THROWN_MS = 5000
const THROWN_TIMES = 3
const INBOX_BYTES = 16 * 1024 * 1024
/** About 1,500 records: more at once is hardly cheaper, and holds the event loop for longer. */
const BATCH_BYTES = 1024 * 1024
/** While somebody is at a kiosk: the next live reading waits for no longer than this takes. */
const LIVE_BATCH_BYTES = 512 * 1024
const BATCH_MS = 5
const MARK_EVERY_MS = 100

/** Runs until the signal aborts; what was not yet kept then has no mark, and its hub sends it again. */
export async function ingest(parts: IngestParts, signal: AbortSignal): Promise<void> {
  const { registry, keys, log, now, notify } = parts
  const waiting = await openWaiting(registry, keys, now())
  if (waiting.sealed > 0)
    log.warn(waiting, 'identities wait for a private key of this clinic: their visits have no name')
  const { settled } = await retryRefused(registry, keys, now())
  if (settled > 0) log.info({ records: settled }, 'records set aside by an earlier version are understood now')

  const inbox = new Inbox(INBOX_BYTES)
  /** Hubs that get a new mark, and the revision it must be past. */
  const due = new Map<string, number>()
  const wantMark: WantMark = (hub, past = 0) => {
    due.set(hub, Math.max(past, due.get(hub) ?? 0))
  }
  const client = connect(parts, inbox)
  client.on('connect', () => {
    everyKnownHub(registry).then(
      (hubs) => {
        for (const hub of hubs) wantMark(hub)
      },
      (error) => log.error({ err: error }, 'the registry did not say which hubs await a mark'),
    )
  })
  try {
    await Promise.all([
      keepAll(parts, inbox, wantMark, signal),
      publishMarks(registry, client, due, now, log, signal),
      sendCommands({ registry, log, now, publish: (hub, command) => sayCommand(client, hub, command, now()) }, signal),
    ])
  } finally {
    await client.endAsync(true)
    notify({ kind: 'part', part: 'broker', state: 'away' })
  }
}

const everyKnownHub = async (registry: Registry) =>
  (
    await registry
      .selectFrom('hub_sessions')
      .select('hub')
      .union(registry.selectFrom('coverage').select('hub'))
      .execute()
  ).map((row) => row.hub)

function connect({ broker, log, notify, now }: IngestParts, inbox: Inbox) {
  const { url, ...login } = broker
  const client = mqtt.connect(url, {
    ...login,
    clean: false,
    ...(login.protocolVersion === 5 && { properties: { sessionExpiryInterval: SESSION_SECONDS } }),
    keepalive: 300, // while the inbox is full no packet is read, no ping answer either
    reconnectPeriod: 1000,
    reconnectOnConnackError: true,
  })
  // MQTT.js acknowledges once this calls back: not before there is room. Its `message` event comes too early for that.
  client.handleMessage = (packet, callback) => {
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
    inbox.put({ topic: packet.topic, payload, retain: packet.retain }).then(() => callback(), callback)
  }
  let away = false
  let stoodMs: number | null = null
  let thrown = 0
  client.on('connect', () => {
    stoodMs = now()
    if (away) log.info({ url }, 'the broker is back')
    away = false
    notify({ kind: 'part', part: 'broker', state: 'ok' })
    const read = (['records', 'status', 'stored', 'reply'] as const).map(everyHub)
    client.subscribe(read, { qos: 1 }, (error, granted) => {
      const refused = granted?.filter((g) => g.qos > 2).map((g) => g.topic) ?? []
      if (error || refused.length > 0)
        log.error({ err: error, refused }, 'the broker refuses the subscriptions of the clinic')
    })
  })
  const gone = (cause: string) => {
    if (!away) log.warn({ url, cause }, 'the broker is away: hubs keep their readings until it is back')
    away = true
    notify({ kind: 'part', part: 'broker', state: 'away' })
  }
  const told = (code: unknown) => (typeof code === 'number' ? ` (reason code ${code})` : '')
  client.on('error', (error) => gone(`${error.message}${told('code' in error ? error.code : null)}`))
  client.on('disconnect', ({ reasonCode }) => gone(`the broker ended the connection${told(reasonCode)}`))
  client.on('close', () => {
    if (client.disconnecting) return
    gone('the connection closed')
    thrown = stoodMs !== null && now() - stoodMs < THROWN_MS ? thrown + 1 : 0
    stoodMs = null
    if (thrown < THROWN_TIMES) return
    thrown = 0
    log.error(
      'the broker lets this clinic in and cuts it off at once: somebody else uses its client id; now under a new one',
    )
    Object.assign(client.options, {
      clientId: `${broker.clientId}-${randomUUID().slice(0, 8)}`,
      clean: true,
      properties: {},
    })
  })
  return client
}

/** Not kept by us for a broker that is away: it is said again. */
function sayCommand(client: mqtt.MqttClient, hub: string, command: Command, nowMs: number): boolean {
  if (!client.connected) return false
  // On MQTT 5 the broker drops it when its time is over, instead of troubling a hub that comes later with it.
  const seconds = Math.max(1, Math.ceil((Date.parse(command.deadline) - nowMs) / 1000))
  const properties = client.options.protocolVersion === 5 ? { messageExpiryInterval: seconds } : {}
  client.publish(topic(hub, 'command'), JSON.stringify(command), { ...DELIVERY.command, properties })
  return true
}

type WantMark = (hub: string, past?: number) => void

/** Batch by batch into the registry. While it is away the batch is held, nothing is marked, and the inbox fills. */
async function keepAll(parts: IngestParts, inbox: Inbox, wantMark: WantMark, signal: AbortSignal): Promise<void> {
  const { log, now, notify } = parts
  const strangers = new Set<string>()
  let keptAt = Number.NEGATIVE_INFINITY
  for (;;) {
    await inbox.filled(signal)
    if (signal.aborted) return
    // What comes close together shares a commit. The first, and a full batch, wait for nothing; others have their turn all the same.
    const gatherMs = inbox.bytes < BATCH_BYTES ? Math.min(keptAt + BATCH_MS - now(), BATCH_MS) : 0
    await delay(Math.max(0, gatherMs), undefined, { signal }).catch(() => undefined) // aborted: what has come is still kept
    keptAt = now()
    const messages = inbox.take(inbox.isLive(keptAt) ? LIVE_BATCH_BYTES : BATCH_BYTES, keptAt)
    notify({ kind: 'keeping', sinceMs: keptAt })
    let failures = 0
    while (!(await kept(parts, messages, wantMark, strangers, failures === 0))) {
      if (failures === 0) notify({ kind: 'part', part: 'registry', state: 'away' })
      failures++
      await delay(backOffMs(failures), undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
    }
    notify({ kind: 'keeping', sinceMs: null })
    if (failures > 0) {
      log.info({ failures }, 'the registry keeps records again')
      notify({ kind: 'part', part: 'registry', state: 'ok' })
    }
  }
}

const backOffMs = (failures: number) => Math.min(30_000, 100 * 2 ** failures) * (0.5 + Math.random() / 2)

/** What a full disk or a locked file says: it may pass. */
const PASSING = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|CANTOPEN|READONLY)/

/** @returns false when the registry did not take the batch: it may be repeated */
async function kept(
  parts: IngestParts,
  messages: readonly Message[],
  wantMark: WantMark,
  strangers: Set<string>,
  first: boolean,
): Promise<boolean> {
  const { registry, log, notify, now } = parts
  try {
    for (const change of await keepBatch(parts, messages, wantMark, strangers)) notify(change)
    return true
  } catch (error) {
    if (first) log.error({ err: error }, 'the registry did not take a batch')
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    if (PASSING.test(code)) return false
    if (messages.length > 1) {
      // Something in it is at fault: message by message, the others get through. Repeating is harmless.
      for (const message of messages) if (!(await kept(parts, [message], wantMark, strangers, false))) return false
      return true
    }
    const { topic, payload } = messages[0]!
    const hub = parseTopic(topic)?.hub ?? null
    const detail = `this clinic could not keep it (${code}); it has no mark, and the kiosk keeps what it has`
    const refused: Refused = { hub, topic, epoch: null, seq: null, reason: 'envelope', detail, body: bodyOf(payload) }
    return registry
      .transaction()
      .execute((trx) => keepRefused(trx, [refused], now()))
      .then(
        () => true,
        () => false,
      )
  }
}

async function keepBatch(
  parts: IngestParts,
  messages: readonly Message[],
  wantMark: WantMark,
  strangers: Set<string>,
): Promise<Change[]> {
  const { registry, keys, log, now } = parts
  const enrolled = new Set(
    (await registry.selectFrom('hubs').select('id').where('revoked_at_ms', 'is', null).execute()).map((h) => h.id),
  )
  const accepted: Intake['accepted'][number][] = []
  const refused: Refused[] = []
  const changes: Change[] = []
  const hubs = new Set<string>()
  for (const message of messages) {
    const at = parseTopic(message.topic)
    if (!at) continue
    if (!enrolled.has(at.hub)) {
      if (!strangers.has(at.hub))
        log.warn({ hub: at.hub }, 'a hub that is not enrolled here sends: it gets no mark and keeps what it has')
      strangers.add(at.hub)
    } else if (at.name === 'records') {
      await setImmediate() // each is a few milliseconds of work
      const intake = await readRecords(message, at.hub, keys)
      accepted.push(...intake.accepted)
      refused.push(...intake.refused)
      hubs.add(at.hub)
    } else if (at.name === 'status') {
      const status = readStatus(message, at.hub)
      if ('reason' in status) {
        refused.push(status)
        continue
      }
      const heardBefore = (await sessionsOf(registry, at.hub)).some((s) => s.session === status.session)
      await registry.transaction().execute((trx) => hear(trx, status, message.retain, now()))
      changes.push({ kind: 'kiosk', hub: at.hub })
      const mark = await currentMark(registry, at.hub)
      const answered = mark !== null && status.seen?.rev === mark.rev && status.seen.id === mark.id
      // A new session may keep epochs that the mark does not name yet.
      if (!answered || !heardBefore) wantMark(at.hub, status.seen?.rev)
    } else if (at.name === 'reply') {
      const reply = readReply(message, at.hub)
      if ('reason' in reply) refused.push(reply)
      else if (!message.retain && (await answered(registry, reply, now()))) await emptyLog(registry) // of the aliases it named
    } else if (at.name === 'stored') {
      await lookAtMark(registry, message, at.hub, wantMark)
    }
  }
  if (accepted.length + refused.length > 0) changes.push(...(await takeIn(registry, { accepted, refused }, now())))
  log.debug({ messages: messages.length, accepted: accepted.length, refused: refused.length }, 'batch kept')
  for (const hub of hubs) {
    wantMark(hub)
    const ofHub = (all: readonly { hub: string | null }[]) => all.filter((one) => one.hub === hub).length
    changes.push({ kind: 'taken', hub, accepted: ofHub(accepted), rejected: ofHub(refused) })
  }
  return changes
}

/** A mark on the broker that is not ours and not older than ours (a restored registry, another clinic's): ours goes past it. */
async function lookAtMark(registry: Registry, message: Message, hub: string, wantMark: WantMark): Promise<void> {
  const mark = StoredMark.safeParse(parsed(message.payload))
  const ours = await currentMark(registry, hub)
  if (!mark.success) {
    if (message.payload.length > 0) wantMark(hub)
  } else if (mark.data.id !== ours?.id && (message.retain || mark.data.rev >= (ours?.rev ?? 0))) {
    wantMark(hub, mark.data.rev)
  }
}

function parsed(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString())
  } catch {
    return null // no mark of any clinic
  }
}

/** At most one mark a hub in 100 ms; each says all that is committed by then. */
async function publishMarks(
  registry: Registry,
  client: mqtt.MqttClient,
  due: Map<string, number>,
  now: () => number,
  log: Logger,
  signal: AbortSignal,
) {
  while (!signal.aborted) {
    if (client.connected) {
      for (const [hub, past] of [...due]) {
        due.delete(hub)
        try {
          const mark = await nextMark(registry, hub, past, now())
          log.debug({ hub, rev: mark.rev }, 'mark told')
          client.publish(topic(hub, 'stored'), JSON.stringify(mark), DELIVERY.stored, (error) => {
            if (error) due.set(hub, Math.max(mark.rev, due.get(hub) ?? 0))
          })
        } catch (error) {
          due.set(hub, Math.max(past, due.get(hub) ?? 0))
          log.error({ err: error, hub }, 'no mark could be made; tried again')
        }
      }
    }
    await delay(MARK_EVERY_MS, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
  }
}
