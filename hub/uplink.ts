// Rows → MQTT (3.1.1, QoS 1) until the clinic's stored mark covers them; the broker's PUBACK promises nothing (promises 1.4, 1.5).
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt, { type MqttClient } from 'mqtt'
import type { Logger } from 'pino'
import type { Reply } from './contract/command.ts'
import type { Enrolment } from './contract/enrolment.ts'
import type { LiveMessage } from './contract/live.ts'
import { MAX_BYTES, MAX_RECORDS } from './contract/record.ts'
import type { Status } from './contract/status.ts'
import { covers, StoredMark } from './contract/stored.ts'
import { DELIVERY, topic } from './contract/topics.ts'
import { connectOptions, goodbyeOf, reasonOf } from './line.ts'
import type { Outbox, Position, Row, Taken } from './outbox.ts'
import { OutboxFull } from './outbox-file.ts'
import { wireText } from './wire.ts'

export interface UplinkOptions {
  hub: string
  broker: Enrolment['broker']
  outbox: Outbox
  status(online: boolean): Status
  statusMs: number
  uptimeMs(): number
  /** A newer mark was taken; `straight`: it was not a retained one, so its `at` is the clinic's time of now. */
  marked(mark: StoredMark, straight: boolean, taken: Taken): void
  /** The clinic asks for something. @returns what to answer; null: nothing */
  obey(payload: Uint8Array): Reply | null
  /** The line came or went. */
  changed(): void
  log: Logger
}

const MOST_ROWS = 10_000
const MOST_MESSAGES = 16
const LIVE_SLOTS = 1
const LIVE_ROWS = MAX_RECORDS // kept free of the backlog
/** A row listed as missing may still be on its way through the clinic this long after its PUBACK. */
const ON_ITS_WAY_MS = 10_000
const PROBE_MS = { first: 10_000, most: 5 * 60_000 } // a village line is metered
const RECONNECT_MS = { first: 500, most: 15_000 }
/** Some carry random figures. */
const MOST_CAUSES = 5
const FAREWELL_MS = 500

interface Sent extends Position {
  epoch: string
  /** Uptime of its PUBACK; null while there is none. */
  ackedMs: number | null
}

const keyOf = ({ opening, seq }: Position) => `${opening}:${seq}`
const START: Position = { opening: 0, seq: 0 }
const isBefore = (a: Position, b: Position) => a.opening < b.opening || (a.opening === b.opening && a.seq < b.seq)

export function openUplink(options: UplinkOptions) {
  const { hub, outbox, log, uptimeMs } = options
  let client: MqttClient | null = null // only while connected
  let mark: StoredMark | null = null
  const sent = new Map<string, Sent>()
  let flying = 0
  let backlog = START
  let live = outbox.end()
  let progressMs = 0
  let probeMs = PROBE_MS.first
  /** Uptime of a probe that waits for its mark, and of the last one that got it. */
  let probedMs: number | null = null
  let lostBeforeMs = Number.NEGATIVE_INFINITY
  let pumping: NodeJS.Immediate | undefined
  let awayMs: number | null = null

  /** Rows may be sent (again) from here. */
  const rewindTo = (position: Position) => {
    if (!isBefore(backlog, position)) backlog = { opening: position.opening, seq: position.seq - 1 }
  }

  // ---- Sending

  /** The first run of consecutive unsent rows, as one message. Null when there is none. */
  function nextMessage(after: Position, room: number): { rows: Row[]; payload: string; passed: Position } | null {
    const found = outbox.waiting(after, MAX_RECORDS)
    if (found.length === 0) return null
    const rows: Row[] = []
    const texts: string[] = []
    let passed = after
    let bytes = 200 // the envelope
    for (const row of found) {
      const previous = rows.at(-1)
      if (sent.has(keyOf(row))) {
        if (previous) break
        passed = row
        continue
      }
      if (previous && (row.opening !== previous.opening || row.seq !== previous.seq + 1)) break
      const text = wireText(row, hub, (reason) =>
        log.error(
          { epoch: row.epoch, seq: row.seq, reason },
          'a row cannot be sent as it is: a failure goes in its place',
        ),
      )
      bytes += Buffer.byteLength(text) + 1
      if (rows.length === room || (previous && bytes > MAX_BYTES)) break
      rows.push(row)
      texts.push(text)
      passed = row
    }
    const first = rows[0]
    const head = first && JSON.stringify({ v: 1, hub, epoch: first.epoch, first: first.seq })
    const payload = head ? `${head.slice(0, -1)},"records":[${texts.join(',')}]}` : ''
    return { rows, payload, passed: { opening: passed.opening, seq: passed.seq } }
  }

  function publish(line: MqttClient, rows: readonly Row[], payload: string) {
    if (sent.size === 0) progressMs = uptimeMs()
    const entries = rows.map(({ opening, seq, epoch }): Sent => ({ opening, seq, epoch, ackedMs: null }))
    for (const entry of entries) sent.set(keyOf(entry), entry)
    flying++
    log.debug({ epoch: rows[0]?.epoch, first: rows[0]?.seq, records: rows.length, bytes: payload.length }, 'sent')
    line.publish(topic(hub, 'records'), payload, DELIVERY.records, (error) => {
      if (line !== client) return // that connection is gone, and what it had not acknowledged was released
      flying--
      if (error) log.warn({ reason: reasonOf(error) }, 'the broker did not take a message')
      for (const entry of entries) entry.ackedMs = error ? null : uptimeMs()
      if (error) release(entries)
      wake()
    })
  }

  function release(entries: Iterable<Sent>) {
    for (const entry of entries) {
      sent.delete(keyOf(entry))
      rewindTo(entry)
    }
  }

  /** Sends what the window lets: live rows first, then the backlog from its oldest. */
  function pump() {
    const line = client
    if (!line) return
    while (flying < MOST_MESSAGES && sent.size < MOST_ROWS) {
      const next = nextMessage(live, Math.min(MAX_RECORDS, MOST_ROWS - sent.size))
      if (!next) break
      live = next.passed
      if (next.rows.length > 0) publish(line, next.rows, next.payload)
    }
    if (flying >= MOST_MESSAGES - LIVE_SLOTS || sent.size >= MOST_ROWS - LIVE_ROWS) return
    const next = nextMessage(backlog, Math.min(MAX_RECORDS, MOST_ROWS - LIVE_ROWS - sent.size))
    if (!next) return
    backlog = next.passed
    if (next.rows.length > 0) publish(line, next.rows, next.payload)
    wake() // one at a time: a cuff that speaks meanwhile has its turn
  }

  function wake() {
    if (pumping || !client) return
    pumping = setImmediate(() => {
      pumping = undefined
      pump()
    })
  }

  // ---- The clinic's answer

  function hear(payload: Uint8Array, straight: boolean) {
    let json: unknown
    try {
      json = JSON.parse(Buffer.from(payload).toString('utf8'))
    } catch (error) {
      log.warn({ reason: String(error), bytes: payload.length }, 'a stored mark is no JSON and was ignored')
      return
    }
    const parsed = StoredMark.safeParse(json)
    if (!parsed.success) {
      log.warn(
        { faults: parsed.error.issues.length, bytes: payload.length },
        'a stored mark was not understood and was ignored',
      )
      return
    }
    try {
      const taken = outbox.take(parsed.data)
      if (!taken) return
      log.debug({ rev: parsed.data.rev, ...taken }, 'mark taken')
      mark = parsed.data
      if (taken.uncovered > 0) backlog = START
      review()
      options.marked(mark, straight, taken)
    } catch (error) {
      if (!(error instanceof OutboxFull)) throw error
      log.warn({ reason: error.message }, 'a stored mark could not be taken: it will be by the next one')
    }
  }

  /** Forgets what the mark covers, and lets go again what it says is missing and is no longer on its way. */
  function review() {
    const now = uptimeMs()
    const late = (entry: Sent) => entry.ackedMs !== null && now - entry.ackedMs > ON_ITS_WAY_MS
    let progress = false
    const again: Sent[] = []
    for (const [key, entry] of sent) {
      const covered = mark ? covers(mark, entry.epoch, entry.seq) : undefined
      if (covered) {
        sent.delete(key)
        progress = true
      } else if (late(entry) && (isListedMissing(mark, entry) || entry.ackedMs! < lostBeforeMs)) again.push(entry)
    }
    if (progress) {
      // A probe got through, so what was acknowledged before it and stays away was lost on the way.
      if (probedMs !== null) lostBeforeMs = probedMs
      progressMs = now
      probeMs = PROBE_MS.first
      probedMs = null
    }
    release(again)
    wake()
  }

  /** Without progress: the oldest unanswered row once more, alone, ever more rarely. */
  function probe() {
    const now = uptimeMs()
    if (!client || sent.size === 0 || flying > 0 || now - progressMs < probeMs) return
    const [oldest] = [...sent.values()].sort((a, b) => (isBefore(a, b) ? -1 : 1))
    const row = oldest && outbox.waiting({ opening: oldest.opening, seq: oldest.seq - 1 }, 1)[0]
    if (!row || keyOf(row) !== keyOf(oldest)) return
    sent.delete(keyOf(oldest))
    const next = nextMessage({ opening: row.opening, seq: row.seq - 1 }, 1)
    if (next && next.rows.length > 0) publish(client, next.rows, next.payload)
    progressMs = now
    probeMs = Math.min(probeMs * 2, PROBE_MS.most)
    probedMs = now
  }

  // ---- The line

  const sayStatus = (line: MqttClient, online: boolean) =>
    line.publish(topic(hub, 'status'), JSON.stringify(options.status(online)), DELIVERY.status)

  /** One connection, from CONNECT until it is gone. @returns whether it ever stood */
  async function connection(signal: AbortSignal): Promise<{ stood: boolean; reason: string | null }> {
    const line = mqtt.connect(options.broker.url, connectOptions(hub, options.broker, options.status(false)))
    const tick = setInterval(() => {
      review()
      probe()
    }, 1000)
    const beat = setInterval(() => {
      if (client === line) sayStatus(line, true)
    }, options.statusMs)
    let stood = false
    let reason: string | null = null
    const gone = new Promise<void>((resolve) => line.once('close', resolve))
    const farewell = async () => {
      if (client === line) {
        const said = new Promise<void>((resolve) => {
          const payload = JSON.stringify(options.status(false))
          line.publish(topic(hub, 'status'), payload, DELIVERY.status, () => resolve())
        })
        await Promise.race([said, sleep(FAREWELL_MS)])
      }
      line.end(true)
    }
    const leave = () => void farewell()
    line.on('error', (error) => {
      reason = reasonOf(error)
    })
    line.on('disconnect', (packet) => {
      reason = goodbyeOf(packet)
    })
    line.on('message', (name, payload, packet) => {
      if (name === topic(hub, 'stored')) hear(payload, !packet.retain)
      if (name !== topic(hub, 'command')) return
      const reply = options.obey(payload)
      if (reply) line.publish(topic(hub, 'reply'), JSON.stringify(reply), DELIVERY.reply)
    })
    line.on('connect', () => {
      stood = true
      log.debug({ clientId: line.options.clientId }, 'the broker let this hub in')
      if (awayMs !== null) log.info({ awaySeconds: Math.round((uptimeMs() - awayMs) / 1000) }, 'the broker is back')
      awayMs = null
      line.subscribe([topic(hub, 'stored'), topic(hub, 'command')], { qos: 1 }, (error) => {
        if (error) log.warn({ reason: reasonOf(error) }, 'the broker refuses to let this hub read what the clinic says')
      })
      client = line
      flying = 0
      progressMs = uptimeMs()
      live = outbox.end()
      backlog = START
      sayStatus(line, true)
      options.changed()
      wake()
    })
    signal.addEventListener('abort', leave, { once: true })
    if (signal.aborted) leave()
    await gone
    signal.removeEventListener('abort', leave)
    clearInterval(tick)
    clearInterval(beat)
    line.end(true)
    if (client === line) client = null
    flying = 0
    release([...sent.values()].filter((entry) => entry.ackedMs === null))
    options.changed()
    return { stood, reason }
  }

  return {
    online: () => client !== null,

    /** Says the status now: something about the hub changed. */
    sayStatus() {
      if (client) sayStatus(client, true)
    },

    /** Live cuff pressure, for a doctor who is watching: sent or forgotten. */
    sayLive(message: LiveMessage) {
      client?.publish(topic(hub, 'live'), JSON.stringify(message), DELIVERY.live)
    },

    /** Keeps the line until `signal` ends it. */
    async run(signal: AbortSignal): Promise<void> {
      const unsubscribe = outbox.subscribe(wake)
      let waitMs = RECONNECT_MS.first
      const told = new Set<string>()
      while (!signal.aborted) {
        const { stood, reason } = await connection(signal)
        if (signal.aborted) break
        if (stood) told.clear()
        awayMs ??= uptimeMs()
        // Each cause once: behind a line that broke may stand a broker that no longer lets this hub in.
        const cause = reason ?? 'the connection ended'
        if (told.size < MOST_CAUSES && !told.has(cause))
          log.warn({ reason: cause }, 'the broker is away: readings are kept here')
        told.add(cause)
        waitMs = stood ? RECONNECT_MS.first : Math.min(waitMs * 2, RECONNECT_MS.most)
        // Many hubs lose one broker together: they must not come back together.
        await sleep(waitMs * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined)
      }
      unsubscribe()
    },
  }
}

const isListedMissing = (mark: StoredMark | null, { epoch, seq }: Sent) =>
  mark?.marks.some((one) => one.epoch === epoch && seq <= one.through) ?? false
