// `kiosk-hub record`: a live device's conversation as a .capture, private bytes blanked before they are written. How a device from the field reaches us.
import { appendFileSync, existsSync } from 'node:fs'
import { fromHex, hex, latin1 } from '../devices/kit/bytes.ts'
import { decoder, frameCutter } from '../devices/kit/decode.ts'
import { type Driver, type DriverDefinition, FrameError, type Transport } from '../devices/kit/driver.ts'
import { LinkClosed, LinkTimeout, openLink } from '../devices/kit/link.ts'

/** A number as long as those that identify a person: 15 digits, or 17 and a digit or X. */
const IDENTITY = /\d{17}[\dXx]|\d{15}/g

const spaced = (bytes: Uint8Array) => hex(bytes).replaceAll(/..(?=.)/g, '$& ')

export interface Recording {
  /** What the device sent, in one piece. */
  heard(bytes: Uint8Array): void
  asked(bytes: Uint8Array): void
  end(): void
}

/** Puts lines of a capture out, for a device whose driver is known: whole frames, private ranges blanked, events below them. */
export function captureOf(driver: Driver, day: string, write: (line: string) => void): Recording {
  if (driver.kind === 'identity') throw new Error(`${driver.id}: a card is private whole and is not recorded`)
  const line = driver.transport
  const counts = { discardedBytes: 0, refusedFrames: 0 }
  // Where frames have private ranges, bytes outside of any frame may be private too.
  const shown = driver.privateRanges ? undefined : (bytes: Uint8Array) => write(`# refused: ${spaced(bytes)}`)
  const cutter = frameCutter(driver, counts, shown)
  const plain = decoder(driver)
  const masked = decoder(driver)
  const said = (stream: typeof plain, chunks: Uint8Array[]) =>
    chunks
      .flatMap((chunk) => stream.push(chunk))
      .flatMap(({ event }) => (event.kind === 'device' ? [] : [JSON.stringify(event)]))
  let discarded = 0

  function put(frame: Uint8Array) {
    const ranges = driver.privateRanges?.(frame) ?? []
    const copy = frame.slice()
    for (const [from, to] of ranges) copy.fill(0x20, from, to)
    const chunks = (bytes: Uint8Array) => (line.type === 'hid' ? line.wrap(bytes) : [bytes])
    const meant = said(plain, chunks(frame))
    const refusedBefore = masked.counts.refusedFrames
    for (const chunk of chunks(copy)) write(`< ${spaced(chunk)}`)
    const kept = said(masked, chunks(copy))
    for (const event of kept) write(`= ${event}`)
    if (masked.counts.refusedFrames > refusedBefore) write('! FrameError')
    // Its check covered what is blanked: the next of us puts an invented number and its check there.
    for (const event of meant.filter((one) => !kept.includes(one)))
      write(`# before private bytes were blanked: ${event}`)
  }
  const stepped = () => {
    if (counts.discardedBytes > discarded) write(`# stepped over: ${counts.discardedBytes - discarded} bytes`)
    discarded = counts.discardedBytes
  }

  write(`# ${driver.id}: recorded from a live device`)
  write(`# source: recorded with kiosk-hub record, ${day}`)
  return {
    heard(bytes) {
      for (const frame of cutter.push(bytes)) put(frame)
      stepped()
    },
    asked: (bytes) => write(`> ${spaced(bytes)}`),
    end() {
      for (const frame of cutter.end()) put(frame)
      stepped()
    },
  }
}

/** For a device nobody knows yet: chunks as they came, with nothing but numbers like a person's blanked. */
export function rawCapture(name: string, day: string, write: (line: string) => void): Recording {
  write(`# ${name}: recorded from a live device nobody has described`)
  write(`# source: recorded with kiosk-hub record, ${day}`)
  write('# Numbers of 15 or 18 digits are blanked; look through the rest for names before you send it.')
  return {
    heard(bytes) {
      const text = latin1(bytes).replaceAll(IDENTITY, (number) => ' '.repeat(number.length))
      write(`< ${spaced(fromHex(Buffer.from(text, 'latin1').toString('hex')))}`)
    },
    asked: (bytes) => write(`> ${spaced(bytes)}`),
    end: () => undefined,
  }
}

/** A transport that also records what goes by. */
const recorded = (transport: Transport, recording: Recording): Transport => ({
  ...transport,
  chunks: (async function* () {
    for await (const chunk of transport.chunks) {
      recording.heard(chunk)
      yield chunk
    }
  })(),
  write(bytes) {
    recording.asked(bytes)
    return transport.write(bytes)
  },
})

export interface RecordOptions {
  /** The .capture to write; it must not be there. */
  file: string
  driver: Driver | null
  /** Its name in the file, for a device without a driver. */
  name: string
  /** Today, as 2026-11-28. */
  day: string
  now(): number
}

/**
 * Records until the signal or the end of the port; each line is in the file when it is known.
 * @returns how many lines the device and the host have said
 * @throws Error when the file is there or the driver is a card reader's
 */
export async function record(transport: Transport, options: RecordOptions, signal: AbortSignal): Promise<number> {
  const { file, driver, name, day } = options
  if (existsSync(file)) throw new Error(`${file} is there already: a recording takes the place of nothing`)
  let lines = 0
  const write = (line: string) => {
    if (/^[<>]/.test(line)) lines++
    appendFileSync(file, `${line}\n`)
  }
  const recording = driver ? captureOf(driver, day, write) : rawCapture(name, day, write)
  const watched = recorded(transport, recording)
  try {
    if (driver) await converse(driver, watched, options, signal)
    else {
      signal.addEventListener('abort', () => void transport.close(), { once: true })
      for await (const _ of watched.chunks) if (signal.aborted) break
    }
  } finally {
    recording.end()
    await transport.close()
  }
  return lines
}

/** Talks as the hub would, again and again, until the signal or the end of the port. */
async function converse(driver: DriverDefinition, transport: Transport, { now }: RecordOptions, signal: AbortSignal) {
  const link = openLink(driver, transport)
  signal.addEventListener('abort', () => void link.close(), { once: true })
  try {
    while (!signal.aborted) {
      try {
        for await (const _ of driver.read(link, { now, signal }));
      } catch (error) {
        if (error instanceof LinkClosed || !(error instanceof LinkTimeout || error instanceof FrameError)) throw error
      }
      await link.rest(1000)
    }
  } catch (error) {
    if (!(error instanceof LinkClosed)) throw error
  } finally {
    await link.close()
  }
}
