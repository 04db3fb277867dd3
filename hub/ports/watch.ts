// One device for as long as the hub lives: open its port, talk, lose it, back off, open it again; and count what went by.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type Counts, decoder } from '../../devices/kit/decode.ts'
import type { Driver, Told } from '../../devices/kit/driver.ts'
import { type DeviceEvent, type DeviceInfo, isReading } from '../../devices/kit/event.ts'
import { type Link, LinkClosed, LinkTimeout, openLink } from '../../devices/kit/link.ts'
import { deviceOffsetSeconds, isoAt, type Moment } from '../clock.ts'
import type { DeviceSettings } from '../config.ts'
import type { DeviceStatus } from '../contract/status.ts'
import { Session, type Source } from '../observe.ts'
import { foundPorts, portFor } from './found.ts'
import { openHid } from './hid.ts'
import { type OpenPort, type PortCause, PortError } from './port.ts'
import { openSerial } from './serial.ts'
import { openTcp } from './tcp.ts'

/** What a device said, when it arrived, and whether it lay in the port before we opened it. */
export interface Heard {
  told: Told & { event: DeviceEvent }
  at: Moment
  source: Source
  session: Session
  waited: boolean
}

export interface WatchOptions {
  now(): Moment
  zone: string
  /** Resolves once the event has been dealt with: a device is read no faster than its records are kept. */
  hear(heard: Heard): Promise<void>
  /** Bytes that were refused, for support. */
  refused(source: Source, at: Moment, bytes: Uint8Array): void
  /** Its status changed in more than its counts. */
  changed(): void
  log: Logger
}

export interface Watched {
  source: Source
  status(): DeviceStatus
  /** Starts or stops a measurement. Throws when the device is not open or has no such command. */
  send(command: 'start' | 'stop'): Promise<void>
  /** Resolves when `signal` has ended it and the port is closed. */
  run(signal: AbortSignal): Promise<void>
}

const REOPEN_MS = { first: 250, most: 1500 } // looking at an empty port costs nothing, and a visitor waits
const ASK_AGAIN_MS = 1000

type Away = PortCause | 'silent' | 'wrong-device'
const STATE: Record<Away, 'lost' | 'refused'> = {
  gone: 'lost',
  ambiguous: 'refused',
  silent: 'lost',
  busy: 'refused',
  'not-permitted': 'refused',
  'not-a-device': 'refused',
  'wrong-device': 'refused',
}

export function watchDevice(settings: DeviceSettings, options: WatchOptions): Watched {
  const { driver } = settings
  const { now, zone } = options
  const log = options.log.child({ device: settings.id })
  const source: Source = { id: settings.id, driver, place: placeOf(settings.port) }
  const counts = { events: 0, discardedBytes: 0, refusedFrames: 0 } // of links that are closed, and of what waited
  const refused = (bytes: Uint8Array) => options.refused(source, now(), bytes)
  let link: ReturnType<typeof openLink> | undefined
  let model = driver.models[0]
  let clockOffsetSeconds: number | null = null
  let state: DeviceStatus['state'] = 'opening'
  let cause: Away | null = null
  let since = now()

  const add = (more: Readonly<Counts>) => {
    counts.discardedBytes += more.discardedBytes
    counts.refusedFrames += more.refusedFrames
  }
  /** Log once when it goes, and for another reason once more; once when it is back. */
  const goes = (why: Away, message: string) => {
    if (cause === why) return
    if (cause === null) since = now()
    state = STATE[why]
    cause = why
    log.warn({ cause }, `device away: ${message}`)
    options.changed()
  }
  const isBack = () => {
    if (state === 'open') return
    const at = now()
    const awaySeconds = Math.round((at.uptimeMs - since.uptimeMs) / 1000)
    log.info(cause === null ? {} : { awaySeconds, cause }, cause === null ? 'device open' : 'device back')
    state = 'open'
    cause = null
    since = at
    options.changed()
  }

  function learn(info: DeviceInfo, session: Session) {
    session.learn(info, now())
    model = info.model ?? model
    if (session.clock) clockOffsetSeconds = deviceOffsetSeconds(session.clock, zone)
  }

  async function hear({ event, ...rest }: Told, session: Session) {
    isBack()
    if (event.kind === 'device') return learn(event, session)
    if (event.kind !== 'progress') counts.events++
    log.debug({ kind: event.kind }, 'heard')
    await options.hear({ told: { event, ...rest }, at: now(), source, session, waited: false })
  }

  /** A live reading that waited is kept, and is nobody's; a card or an old answer that waited means nothing any more. */
  async function hearWaiting(waited: Uint8Array) {
    if (waited.length === 0) return
    const old = decoder(driver, refused)
    const session = new Session()
    for (const { event, ...rest } of [...old.push(waited), ...old.end()]) {
      if (event.kind === 'device') learn(event, session)
      if (driver.memory || driver.repeats || !isReading(event)) continue
      counts.events++
      await options.hear({ told: { event, ...rest }, at: now(), source, session, waited: true })
    }
    add(old.counts)
    log.info({ bytes: waited.length }, 'bytes waited in the port before it was opened: nobody’s')
  }

  /** One conversation, and why it ended. Throws only LinkClosed. */
  async function* talk(open: Link, signal: AbortSignal): AsyncGenerator<Told | { away: Away; message: string }> {
    try {
      yield* driver.read(open, {
        now: () => now().wallMs,
        signal,
        ...(settings.model !== undefined && { model: settings.model }),
      })
      yield { away: 'silent', message: 'it does not answer' }
    } catch (error) {
      if (error instanceof LinkClosed || !(error instanceof Error)) throw error
      // A driver that refuses what it hears says why, and never quotes a frame.
      yield { away: error instanceof LinkTimeout ? 'silent' : 'wrong-device', message: error.message }
    }
  }

  /** Talks through an open port until it is gone. */
  async function converse(port: OpenPort, signal: AbortSignal) {
    const open = openLink(driver, port, { refused })
    const underWay: Promise<void>[] = []
    const end = () => void open.close()
    signal.addEventListener('abort', end, { once: true })
    try {
      await hearWaiting(port.waited)
      link = open
      isBack()
      while (!signal.aborted) {
        const session = new Session()
        for await (const said of talk(open, signal)) {
          if ('away' in said) {
            goes(said.away, said.message)
            continue
          }
          const dealtWith = hear(said, session)
          dealtWith.catch(() => undefined) // whoever waits for all of them hears of it
          underWay.push(dealtWith)
          // What a device has pushed and we hold already is kept together; one that is asked, or is silent now, waits for the disk.
          if (driver.memory || open.waiting() === 0) await Promise.all(underWay.splice(0))
        }
        await open.rest(ASK_AGAIN_MS)
      }
    } catch (error) {
      if (!(error instanceof LinkClosed)) throw error
      if (!signal.aborted) goes('gone', causeText(error))
    } finally {
      link = undefined
      signal.removeEventListener('abort', end)
      await Promise.all(underWay)
      await open.close()
      add(open.counts)
    }
  }

  return {
    source,
    status: () => ({
      id: settings.id,
      driver: driver.id,
      vendor: driver.vendor,
      model,
      kind: driver.kind,
      state,
      cause,
      since: isoAt(since.wallMs, zone),
      counts: {
        events: counts.events,
        discardedBytes: counts.discardedBytes + (link?.counts.discardedBytes ?? 0),
        refusedFrames: counts.refusedFrames + (link?.counts.refusedFrames ?? 0),
      },
      clockOffsetSeconds,
    }),
    async send(command) {
      const bytes = driver.commands?.[command]
      if (!bytes) throw new Error(`device ${settings.id} (${driver.id}) has no command to ${command}`)
      if (!link || state !== 'open') throw new Error(`device ${settings.id} is not open (${cause ?? state})`)
      await link.send(bytes)
    },
    async run(signal) {
      let waitMs = REOPEN_MS.first
      while (!signal.aborted) {
        try {
          await converse(await openPort(settings.port, driver, signal), signal)
          waitMs = REOPEN_MS.first
        } catch (error) {
          if (!(error instanceof PortError)) throw error
          goes(error.reason, error.message)
          waitMs = Math.min(waitMs * 2, REOPEN_MS.most)
        }
        const jittered = waitMs * (0.75 + Math.random() / 2) // several devices of one hub come back one after the other
        await sleep(jittered, undefined, { signal }).catch(() => undefined) // woken early only by the signal
      }
    },
  }
}

/** The port's own words, where it has any. */
const causeText = (error: LinkClosed) => (error.cause instanceof Error ? error.cause.message : 'the port is gone')

const placeOf = (port: DeviceSettings['port']): string => {
  if (port.type === 'tcp') return `tcp:${port.host}:${port.port}`
  const { type, path, vendorId, productId, serial, place } = port
  if (path !== undefined) return `${type}:${path}`
  return `${type}:${[vendorId, productId, serial, ...(place === undefined ? [] : [place])].join(':')}`
}

/** @throws PortError */
export async function openPort(
  port: DeviceSettings['port'],
  { transport }: Driver,
  signal: AbortSignal,
): Promise<OpenPort> {
  if (port.type === 'tcp') return openTcp(port, signal)
  // A serial adapter can be anybody's: there only the settings say which.
  const ids = transport.type === 'hid' ? transport.ids : []
  const path = port.path ?? portFor(port.type, port, ids, await foundPorts())
  if (transport.type === 'hid') return openHid(path, transport)
  if (port.type !== 'serial') throw new Error('a serial device is at a serial port')
  const baud = port.baud ?? transport.baud
  if (baud === null) throw new Error('no speed is set for this line: the config was not checked')
  return openSerial(
    {
      path,
      baud,
      dataBits: port.dataBits ?? transport.dataBits ?? 8,
      parity: port.parity ?? transport.parity ?? 'none',
      stopBits: port.stopBits ?? transport.stopBits ?? 1,
      dtr: transport.dtr ?? false,
    },
    signal,
  )
}
