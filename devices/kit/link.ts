// Chunks → whole frames, and one question at a time with a time-out; what a driver talks to.
import { type Counts, frameCutter, type OnRefused, type Refuse, tell, tellNonsense } from './decode.ts'
import { type DriverDefinition, type Facts, FrameError, type Told, type Transport } from './driver.ts'

export interface Link {
  send(frame: Uint8Array): Promise<void>
  /** The next whole frame; rejects with LinkTimeout after `timeoutMs`, waits for ever without. */
  receive(timeoutMs?: number): Promise<Uint8Array>
  /** Sends, then receives. An answer that came too late for its own question is refused first. */
  ask(frame: Uint8Array, timeoutMs?: number): Promise<Uint8Array>
  /** Waits, and ends early only with the port. */
  rest(ms: number): Promise<void>
  /** What the frame tells; nonsense is counted as refused and tells nothing. */
  tell(frame: Uint8Array, earlier?: readonly Facts[]): Told[]
  readonly counts: Readonly<Counts>
}

/** No answer in time. */
export class LinkTimeout extends Error {
  override name = 'LinkTimeout'
}

/** The answer, or null when it is nonsense: then the next record may be asked for. Rejects with LinkTimeout on silence. */
export async function askPast(link: Link, frame: Uint8Array, timeoutMs: number): Promise<Uint8Array | null> {
  const before = link.counts.refusedFrames
  try {
    return await link.ask(frame, timeoutMs)
  } catch (error) {
    if (!(error instanceof LinkTimeout) || link.counts.refusedFrames === before) throw error
    return null
  }
}

/** The port is gone or was closed; `cause` is the port's own error, if it had one. */
export class LinkClosed extends Error {
  override name = 'LinkClosed'
}

export interface LinkOptions {
  /** A frame that stays incomplete this long is stepped over: a damaged length byte must not swallow good frames. */
  silenceMs?: number // 1000
  refused?: OnRefused
}

/** Frames that may wait for the driver; beyond this the port is not read (back-pressure instead of memory). */
const MOST_WAITING = 256

/** Every wait rejects with LinkClosed once the port ends; frames that came whole before are still received. */
export function openLink(
  driver: DriverDefinition,
  transport: Transport,
  { silenceMs = 1000, refused }: LinkOptions = {},
): Link & { waiting(): number; close(): Promise<void> } {
  const counts: Counts = { discardedBytes: 0, refusedFrames: 0 }
  const cutter = frameCutter(driver, counts, refused)
  const waiting: Uint8Array[] = []
  const onClosed = new Set<(error: LinkClosed) => void>()
  let closed: LinkClosed | undefined
  let receiver: ((frame: Uint8Array) => void) | undefined
  let readOn: (() => void) | undefined
  let silence: NodeJS.Timeout | undefined

  /** A promise that ends with the port whatever happens; `begin` returns how to clean up. */
  const untilClosed = <T>(begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void) =>
    new Promise<T>((resolve, reject) => {
      if (closed) {
        reject(closed)
        return
      }
      const finish = <A>(settle: (value: A) => void) => {
        return (value: A) => {
          onClosed.delete(failed)
          cleanUp()
          settle(value)
        }
      }
      const failed = finish(reject)
      onClosed.add(failed)
      const cleanUp = begin(finish(resolve), failed)
    })

  const deliver = (frames: Uint8Array[]) => {
    for (const frame of frames) waiting.push(frame)
    if (receiver && waiting.length > 0) receiver(waiting.shift()!)
  }
  const shut = (error: LinkClosed) => {
    if (closed) return
    clearTimeout(silence)
    deliver(cutter.end())
    closed = error
    for (const failed of [...onClosed]) failed(error)
    readOn?.()
  }

  async function pump() {
    try {
      for await (const chunk of transport.chunks) {
        if (closed) return
        clearTimeout(silence)
        deliver(cutter.push(chunk))
        if (cutter.pending() > 0) silence = setTimeout(() => deliver(cutter.end()), silenceMs)
        if (waiting.length >= MOST_WAITING)
          await new Promise<void>((resolve) => {
            readOn = resolve
          })
      }
      shut(new LinkClosed('the port ended'))
    } catch (cause) {
      shut(new LinkClosed('the port failed', { cause }))
    }
  }
  void pump()

  const link: Link = {
    counts,
    send: (frame) =>
      untilClosed((resolve, reject) => {
        const line = driver.transport
        const write = async () => {
          for (const report of line.type === 'hid' ? line.wrap(frame) : [frame]) await transport.write(report)
        }
        write().then(resolve, (cause) => reject(new LinkClosed('the port refused what was sent', { cause })))
        return () => undefined
      }),
    async receive(timeoutMs) {
      if (receiver) throw new Error('one question at a time: this link is already receiving')
      const frame = waiting.shift()
      if (waiting.length < MOST_WAITING) readOn?.()
      if (frame) return frame
      return untilClosed<Uint8Array>((resolve, reject) => {
        receiver = resolve
        const late = () => reject(new LinkTimeout(`no whole frame within ${timeoutMs} ms`))
        const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs)
        return () => {
          receiver = undefined
          clearTimeout(timer)
        }
      })
    },
    async ask(frame, timeoutMs) {
      counts.refusedFrames += waiting.splice(0).length
      readOn?.()
      await link.send(frame)
      return link.receive(timeoutMs)
    },
    rest: (ms) =>
      untilClosed((resolve) => {
        const timer = setTimeout(resolve, ms)
        return () => clearTimeout(timer)
      }),
    tell(frame, earlier) {
      try {
        const refuse: Refuse = (_error, record) => {
          counts.refusedFrames++
          if (record) refused?.(record)
        }
        return tell(driver, frame, earlier, refuse)
      } catch (error) {
        if (!(error instanceof FrameError)) throw error
        counts.refusedFrames++
        tellNonsense(driver, frame, refused)
        return []
      }
    },
  }
  return {
    ...link,
    /** Frames that came whole and were not received yet. */
    waiting: () => waiting.length,
    async close() {
      shut(new LinkClosed('closed by this side'))
      await transport.close()
    },
  }
}
