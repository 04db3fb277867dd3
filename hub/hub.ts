// The wiring of a kiosk: devices → visit → outbox → uplink, and the visitor's screen beside it.
import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn, setInterval, setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { isReading } from '../devices/kit/event.ts'
import { isoAt, type Moment } from './clock.ts'
import type { DeviceSettings, HubConfig } from './config.ts'
import { seal } from './contract/seal.ts'
import type { Status } from './contract/status.ts'
import { VERSION } from './contract/topics.ts'
import { openHeld } from './held.ts'
import { aliasKey } from './key.ts'
import { hubMetrics } from './metrics.ts'
import { obey } from './obey.ts'
import { memoryOf } from './observe.ts'
import { openOutbox } from './outbox.ts'
import { pastStays } from './owner.ts'
import { type Heard, type Watched, watchDevice } from './ports/watch.ts'
import { keepRefused } from './refused.ts'
import { sayDamage } from './salvage.ts'
import { screen } from './screen/server.ts'
import type { Action, ScreenSource } from './screen/view.ts'
import { keptOnDisk, viewOf } from './show.ts'
import { hubTime, type Machine } from './trust.ts'
import { MemoryReads } from './undated.ts'
import { openUplink } from './uplink.ts'
import {
  act,
  failure,
  firstState,
  layCard,
  mayBeBusy,
  type Outcome,
  openVisit,
  pass,
  progress,
  reading,
  type VisitSettings,
} from './visit.ts'

export interface HubOptions {
  machine: Machine
  log: Logger
  version: string
  /** The visitor's page is up. `alive` resolves when all that arrived before has been dealt with and the disk was asked. */
  ready(url: string, alive: () => Promise<unknown>): void
}

const TICK_MS = 1000
const STOPPED_MS = 1000

/** Runs until `signal` ends it; resolves when everything is closed. Rejects when it cannot start, or by a bug. */
export async function runHub(config: HubConfig, options: HubOptions, signal: AbortSignal): Promise<void> {
  const { machine, log, version } = options
  const { hub, site, clinicKey } = config.enrolment
  const { zone } = site
  await mkdir(config.data, { recursive: true, mode: 0o700 })
  const settings: VisitSettings = {
    hub,
    zone,
    key: await aliasKey(join(config.data, 'alias.key')),
    idleEndMs: config.visit.idleEndSeconds * 1000,
    goodbyeMs: config.visit.goodbyeSeconds * 1000,
    siteSeconds: (id) => config.devices.find((device) => device.id === id)?.measuringSeconds,
  }
  const outbox = openOutbox(join(config.data, 'outbox.sqlite'), { keepDays: config.keepDays })
  sayDamage(outbox.state().damage, log)

  const time = hubTime(machine, outbox, log)
  const { now } = time
  const session = randomUUID()
  const started = isoAt(machine.wallMs(), zone)

  // ---- State, and one queue so that events keep their order while an identity is being sealed
  let state = firstState(pastStays(outbox.lastVisits(50), now()))
  const held = openHeld(
    outbox,
    (record) => {
      state = keptOnDisk(state, record, now(), zone)
      metrics.accepted(record.type)
      log.debug({ type: record.type, id: record.id }, 'kept')
    },
    log,
  )
  const reads = new MemoryReads(held.putMemory)
  let tail: Promise<unknown> = Promise.resolve()
  const inOrder = <T>(work: () => Promise<T> | T): Promise<T> => {
    const done = tail.then(work)
    tail = done.catch(() => undefined) // whoever called hears of it
    return done
  }

  let keeping: Promise<void> | undefined
  /** What arrives within one turn of the event loop shares a transaction. Resolves when the disk was asked. */
  function keepTogether(): Promise<void> {
    keeping ??= nextTurn().then(() =>
      inOrder(() => {
        keeping = undefined
        held.keep()
        show()
      }),
    )
    return keeping
  }

  /** A reading that arrived stays in hand until it is kept, whatever the disk says. */
  function take(outcome: Outcome, at: Moment) {
    state = outcome.state
    if (outcome.drafts.length === 0 || held.put(outcome.drafts, at)) return
    log.error('too much is held for a full disk: a reading was refused')
    metrics.rejected()
  }

  /** A visit opens only once its record is kept: with a full disk it does not open. */
  async function admit(outcome: Outcome, at: Moment) {
    const { identity } = outcome
    const sealed = identity ? await seal(identity, clinicKey) : null
    const drafts = outcome.drafts.map((draft) => (draft.type === 'visit' ? { ...draft, sealed } : draft))
    if (drafts.length > 0) {
      const put = held.put(drafts, at)
      held.keep()
      if (held.full()) {
        if (put) held.withdraw()
        return
      }
    }
    state = outcome.state
  }

  async function hear({ told, at, source, session: talk, waited }: Heard) {
    const { event } = told
    await inOrder(async () => {
      if (isReading(event)) {
        const outcome = reading(state, { ...told, event }, source, talk, at, settings, waited)
        const { drafts } = outcome
        if (source.driver.memory) reads.tell(source.id, memoryOf(source, talk, hub), talk, drafts, at)
        take(source.driver.memory ? { ...outcome, drafts: drafts.filter(({ id }) => id !== null) } : outcome, at)
      } else if (event.kind === 'failure') take(failure(state, event, source, talk, at, settings), at)
      else if (event.kind === 'progress') {
        state = progress(state, event, source, at)
        const visit = openVisit(state)?.visit ?? null
        uplink.sayLive({ v: 1, hub, at: isoAt(at.wallMs, zone), device: source.id, visit, pressure: event.pressure })
      } else if (!held.full()) await admit(layCard(state, event, at, settings, randomUUID), at)
    })
    if (held.size() > 0) await keepTogether()
    else show()
  }

  // ---- Devices, line, screen
  const deviceChanged = () => {
    show()
    uplink.sayStatus()
  }
  const refused = keepRefused(config.data, zone)
  const watch = (device: DeviceSettings) =>
    watchDevice(device, { now, zone, hear, refused, changed: deviceChanged, log })
  const uplink = openUplink({
    hub,
    broker: { ...config.enrolment.broker, ...(config.broker && { url: config.broker }) },
    outbox,
    status,
    statusMs: config.statusSeconds * 1000,
    uptimeMs: machine.uptimeMs,
    marked: (mark, straight, { covered, uncovered }) => {
      metrics.marked(covered, uncovered)
      if (straight) time.hear(Date.parse(mark.at))
      if (time.hasChanged()) uplink.sayStatus()
    },
    obey: (payload) => obey(payload, { hub, zone, outbox, now, log }),
    changed: () => show(),
    log,
  })
  const devices: Watched[] = config.devices.map(watch)
  const metrics = hubMetrics({
    version,
    token: config.metricsToken ?? null,
    wallMs: machine.wallMs,
    outbox: outbox.state,
    devices: () => devices.map((device) => device.status()),
    online: uplink.online,
    full: held.full,
    held: held.size,
    clockTrusted: time.trusted,
  })
  const sources = new Map(devices.map(({ source }) => [source.id, source]))

  function status(online: boolean): Status {
    const { epochs, queued, oldestMs, seen, damage } = outbox.state()
    return {
      v: 1,
      hub,
      session,
      started,
      at: isoAt(machine.wallMs(), zone),
      online,
      site: site.id,
      devices: devices.map((device) => device.status()),
      epochs,
      queued,
      oldest: oldestMs === null ? null : isoAt(oldestMs, zone),
      seen,
      damage: damage && { cause: damage.cause, salvaged: damage.salvaged, destroyed: damage.destroyed },
      clock: { trusted: time.trusted(), boot: machine.boot },
      versions: { hub: version, contract: VERSION },
    }
  }

  const view = () => {
    const { queued, damage } = outbox.state()
    return viewOf(state, now(), {
      site: site.name,
      zone,
      online: uplink.online(),
      queued,
      damaged: damage !== null && damage.destroyed !== 0,
      notice: config.screen.notice ?? null,
      aside: config.screen.aside ?? null,
      full: held.full(),
      devices: devices.map((device) => {
        const { id, state: is, cause } = device.status()
        const { kind, commands } = device.source.driver
        return { id, kind, state: is, cause, canStart: commands?.start !== undefined }
      }),
      idleWarnMs: config.visit.idleWarnSeconds * 1000,
      idleEndMs: settings.idleEndMs,
    })
  }
  const watchers = new Set<() => void>()
  let shown = ''
  function show() {
    const next = JSON.stringify(view())
    if (next === shown) return
    shown = next
    for (const changed of watchers) changed()
  }

  const source: ScreenSource = {
    view,
    subscribe(changed) {
      watchers.add(changed)
      return () => watchers.delete(changed)
    },
    async act(action: Action) {
      const device = 'device' in action ? devices.find((d) => d.source.id === action.device) : undefined
      const idle = action.do === 'start' && !held.full() && openVisit(state)?.step !== 'measuring'
      const stops = device?.source.driver.commands?.stop !== undefined
      const stopFirst = idle && stops && mayBeBusy(state, device.source, now(), settings)
      if (stopFirst) {
        await device.send('stop')
        await sleep(STOPPED_MS) // what it says of being stopped comes before our start
      }
      return inOrder(async () => {
        if (held.full() && (action.do === 'guest' || action.do === 'start')) throw new Error('the disk is full')
        const at = now()
        const outcome = act(state, action, at, settings, randomUUID, sources, stopFirst)
        const { command } = outcome
        const send = () => devices.find((d) => d.source.id === command?.device)?.send(command?.send ?? 'stop')
        if (command?.send === 'start') await send() // one that did not go out starts nothing
        await admit(outcome, at)
        show()
        if (command?.send === 'stop') await send()
      })
    },
  }

  /** Each second: the clock is looked at, idle visits end, a full disk is tried again. */
  async function tick(signal: AbortSignal) {
    for await (const _ of setInterval(TICK_MS, undefined, { signal }))
      await inOrder(() => {
        const at = now()
        if (time.hasChanged()) uplink.sayStatus()
        if (at.trusted && outbox.untrustedBoots().includes(at.boot)) {
          const { boot, uptimeMs, wallMs } = at
          const instant = isoAt(wallMs, zone)
          held.put([{ type: 'clock', id: randomUUID(), hub, boot, uptimeMs: Math.floor(uptimeMs), instant }], at)
          if (!held.full()) held.keep()
        }
        state = pass(state, at, settings)
        reads.endQuiet(at)
        if (!held.full() || outbox.writable()) held.keep()
        show()
      })
  }

  const ending = new AbortController() // by the signal, or because a part failed
  const all = AbortSignal.any([signal, ending.signal])
  try {
    const { aside } = config.screen
    const page = await screen(
      source,
      {
        host: config.screen.host,
        port: config.screen.port,
        aside,
        metrics,
        log: { info: (t) => log.info(t), warn: (t) => log.warn(t) },
      },
      all,
    )
    outbox.subscribe(show)
    options.ready(page.url, () =>
      inOrder(() => {
        held.keep()
        return outbox.writable()
      }),
    )
    const parts = [...devices.map((device) => device.run(all)), uplink.run(all), tick(all), page.closed]
    const failed = (error: Error) => {
      if (all.aborted && error.name === 'AbortError') return
      ending.abort()
      throw error
    }
    for (const end of await Promise.allSettled(parts.map((part) => part.catch(failed))))
      if (end.status === 'rejected') throw end.reason
  } finally {
    ending.abort()
    await tail
    reads.endAll()
    held.keep()
    outbox.close()
  }
}
