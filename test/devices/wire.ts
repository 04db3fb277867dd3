// What the device tests share: captures as frames, ways to cut and spoil a stream, and a transport that holds a script.
import { readFileSync } from 'node:fs'
import { vi } from 'vitest'
import { type Capture, readCapture } from '../../devices/kit/capture.ts'
import { decoder, frameCutter, joined } from '../../devices/kit/decode.ts'
import type { Driver, Told, Transport } from '../../devices/kit/driver.ts'
import { type DeviceEvent, DeviceEvent as Event } from '../../devices/kit/event.ts'
import { openLink } from '../../devices/kit/link.ts'

export const captureOf = (driver: Driver): Capture =>
  readCapture(readFileSync(new URL(`../../devices/${driver.kind}/${driver.id}.capture`, import.meta.url), 'utf8'))

/** Protocol bytes of a chunk as captured: a HID report without its envelope. */
export function payload({ transport }: Driver, chunk: Uint8Array): Uint8Array {
  if (transport.type !== 'hid') return chunk
  const whole = new Uint8Array(transport.aligned ? Math.max(chunk.length, transport.reportLength) : chunk.length)
  whole.set(chunk)
  return transport.unwrap(whole)
}

/** Protocol bytes as chunks of the device's line: reports, if it is a HID device. */
export const chunks = (driver: Driver, bytes: Uint8Array): Uint8Array[] =>
  driver.transport.type === 'hid' ? driver.transport.wrap(bytes) : [bytes]

export const onlyEvents = (told: readonly Told[]): DeviceEvent[] =>
  told.flatMap(({ event }) => (event.kind === 'device' ? [] : [Event.parse(event)]))

/** Events and counts of a stream of protocol bytes given in these pieces. */
export function decode(driver: Driver, pieces: readonly Uint8Array[]) {
  const stream = decoder(driver)
  const told = pieces.flatMap((piece) => chunks(driver, piece)).flatMap((chunk) => stream.push(chunk))
  told.push(...stream.end())
  return { told, events: onlyEvents(told), counts: stream.counts }
}

/** The good frames of a capture, each with the events it means on its own. */
export function goodFrames(driver: Driver): { frame: Uint8Array; events: DeviceEvent[] }[] {
  return captureOf(driver).scenes.flatMap(({ steps }) => {
    const cutter = frameCutter(driver, { discardedBytes: 0, refusedFrames: 0 })
    const said = steps.filter((step) => step.from === 'device' && !step.refused)
    const frames = said.flatMap((step) => [...cutter.push(step.bytes)])
    return frames.map((frame) => ({ frame, events: decode(driver, [frame]).events }))
  })
}

/** Where a stream can be cut: between any two bytes, or between reports only. */
export const step = ({ transport }: Driver): number =>
  transport.type === 'hid' && transport.aligned ? transport.reportLength : 1

/** Noise, so many steps of it, nothing of which can begin a frame of this driver. */
export function noise(driver: Driver, length: number): Uint8Array {
  if (step(driver) > 1) return new Uint8Array(length * step(driver)).fill(0xf4)
  const quiet = Array.from({ length: 256 }, (_, byte) => byte).filter(
    (byte) => driver.cutFrame(Uint8Array.of(byte)) === 'noise',
  )
  return Uint8Array.from({ length }, (_, i) => quiet[(i * 37) % quiet.length]!)
}

/** A port in memory: `answer` turns what the host wrote into what the device says; `say` speaks unasked. */
export function port(driver: Driver, answer: (written: Uint8Array, say: (bytes: Uint8Array) => void) => void) {
  const waiting: Uint8Array[] = []
  const written: Uint8Array[] = []
  let wake: (() => void) | undefined
  let ended = false
  const say = (bytes: Uint8Array) => {
    waiting.push(...chunks(driver, bytes))
    wake?.()
  }
  const unplug = () => {
    ended = true
    wake?.()
  }
  async function* incoming() {
    for (;;) {
      const chunk = waiting.shift()
      if (chunk) yield chunk
      else if (ended) return
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  }
  const transport: Transport = {
    chunks: incoming(),
    async write(bytes) {
      const said = payload(driver, bytes)
      written.push(said)
      answer(said, say)
    },
    async close() {
      unplug()
    },
  }
  return { transport, say, unplug, written }
}

export type Answer = Parameters<typeof port>[1]

/** Runs a conversation for so many seconds of the test's simulated time and then unplugs the device. */
export async function converse(
  driver: Driver,
  seconds: number,
  answer: Answer,
  begin?: (say: (bytes: Uint8Array) => void) => void,
  model = driver.models[0],
) {
  const device = port(driver, answer)
  const link = openLink(driver, device.transport)
  const told: Told[] = []
  const stopping = new AbortController()
  let ended: unknown = 'still talking'
  const talk = async () => {
    try {
      const context = { now: () => Date.now(), signal: stopping.signal, model }
      for await (const one of driver.read(link, context)) told.push(one)
      ended = 'returned'
    } catch (error) {
      ended = error
    }
  }
  const talking = talk()
  begin?.(device.say)
  await vi.advanceTimersByTimeAsync(seconds * 1000)
  const was = ended
  device.unplug()
  await talking
  return {
    told,
    events: told.map((t) => t.event),
    written: device.written,
    ended: was,
    counts: link.counts,
    last: ended,
  }
}

export { joined }
