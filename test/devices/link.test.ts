// The link and the pure decoder: nothing hangs, nothing is swallowed, nothing grows, whatever comes over the wire.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOf, crc16, fromHex, hex, sum, wholeReport, xor } from '../../devices/kit/bytes.ts'
import { decoder, frameCutter } from '../../devices/kit/decode.ts'
import { allDrivers, type Driver, findDriver } from '../../devices/kit/driver.ts'
import { deviceTime } from '../../devices/kit/event.ts'
import { LinkClosed, LinkTimeout, openLink } from '../../devices/kit/link.ts'
import { decode, goodFrames, joined, onlyEvents, port, step } from './wire.ts'

const drivers = await allDrivers()
const reader = await findDriver('sdt-samv')
const ultraEasy = await findDriver('lifescan-ultraeasy')
const NO_CARD = fromHex('AAAAAA9669 0004 000080 84')
const FOUND = fromHex('AAAAAA9669 0008 00009F 00000000 97')
const FIND = fromHex('AAAAAA9669 0003 2001 22')

test('sums, CRC and hex are those of the standards', () => {
  expect(crc16(bytesOf('123456789'))).toBe(0x29b1)
  expect(xor(fromHex('01 30 30 02'))).toBe(0x03)
  expect(sum(fromHex('32 50 7C 31 0D 17'))).toBe(0x53)
  expect(hex(fromHex('0aFF 10'))).toBe('0aff10')
  expect(() => fromHex('0x12')).toThrow('not hex: "0x12" (expected pairs of 0-9 a-f)')
})

test('a date that does not exist is null and never rolled over', () => {
  expect(deviceTime([2026, 3, 2], [8, 15])).toBe('2026-03-02T08:15')
  expect(deviceTime([2026, 3, 2], [8, 15, 9])).toBe('2026-03-02T08:15:09')
  for (const date of [
    [2026, 0, 0],
    [2026, 2, 30],
    [2255, 255, 255],
    [2026, 13, 1],
  ] as const)
    expect(deviceTime(date, [8, 15])).toBeNull()
  expect(deviceTime([2026, 3, 2], [24, 0])).toBeNull()
})

test('on an aligned line a report is a frame or nothing: bytes of a refused one never join those of the next', () => {
  const reports: Driver = {
    ...reader,
    transport: { type: 'hid', ids: [], reportLength: 4, aligned: true, unwrap: (r) => r, wrap: (p) => [p] },
    cutFrame: wholeReport(4, ([first, , , last]) => first === 1 && last === 2),
  }
  const counts = { discardedBytes: 0, refusedFrames: 0 }
  const cutter = frameCutter(reports, counts)
  expect(cutter.push(fromHex('01000000 09010002 09090102 01ff0002')).map(hex)).toEqual(['01ff0002'])
  expect(counts).toEqual({ discardedBytes: 12, refusedFrames: 3 })
  expect(cutter.pending()).toBe(0)
})

test('an answer follows its question, and silence is a LinkTimeout', async () => {
  let silent = false
  const device = port(reader, (_, say) => {
    if (!silent) say(NO_CARD)
  })
  const link = openLink(reader, device.transport)
  expect(await link.ask(FIND, 1000)).toEqual(NO_CARD)
  silent = true
  await expect(link.ask(FIND, 10)).rejects.toThrow(LinkTimeout)
  await link.close()
})

test('a late answer is not taken for the answer to the next question', async () => {
  const device = port(reader, (_, say) => say(FOUND))
  const link = openLink(reader, device.transport)
  device.say(NO_CARD)
  await link.rest(1)
  expect(await link.ask(FIND, 1000)).toEqual(FOUND)
  expect(link.counts.refusedFrames).toBe(1)
  await link.close()
})

test('two questions at once are a fault of the caller', async () => {
  const link = openLink(reader, port(reader, () => undefined).transport)
  const first = link.receive()
  await expect(link.receive()).rejects.toThrow('one question at a time')
  await link.close()
  await expect(first).rejects.toThrow(LinkClosed)
})

test('every wait ends with the port: receiving, asking, resting, sending', async () => {
  for (const wait of ['receive', 'ask', 'rest'] as const) {
    const device = port(reader, () => undefined)
    const link = openLink(reader, device.transport)
    const waiting = wait === 'receive' ? link.receive() : wait === 'ask' ? link.ask(FIND) : link.rest(60_000)
    device.unplug()
    await expect(waiting).rejects.toThrow('the port ended')
    await expect(link.send(FIND)).rejects.toThrow(LinkClosed)
  }
  const stuck = openLink(reader, { ...port(reader, () => undefined).transport, write: () => new Promise(() => {}) })
  const sending = stuck.send(FIND)
  await stuck.close()
  await expect(sending).rejects.toThrow(LinkClosed)
})

test('a port error is the cause of LinkClosed', async () => {
  async function* broken() {
    yield NO_CARD
    throw new Error('EIO')
  }
  const link = openLink(reader, { ...port(reader, () => undefined).transport, chunks: broken() })
  expect(await link.receive()).toEqual(NO_CARD) // what came whole before is still received
  await expect(link.receive()).rejects.toMatchObject({ name: 'LinkClosed', cause: { message: 'EIO' } })
})

test('a damaged length byte swallows no good frame: after a silence it is stepped over', async () => {
  const device = port(ultraEasy, () => undefined)
  const link = openLink(ultraEasy, device.transport, { silenceMs: 20 })
  const damaged = fromHex('02 F0 02 05 06 95 D1 64 4E C4 00 00 00 03 43 4D')
  const good = fromHex('02 06 06 03 CD 41')
  device.say(joined([damaged, good]))
  expect(await link.receive(5000)).toEqual(good)
  await link.close()
})

test('more frames than a driver takes stay in the port, and none is lost', async () => {
  const device = port(reader, () => undefined)
  const link = openLink(reader, device.transport)
  for (let i = 0; i < 1000; i++) device.say(i % 2 ? FOUND : NO_CARD)
  for (let i = 0; i < 1000; i++) expect(await link.receive(1000)).toEqual(i % 2 ? FOUND : NO_CARD)
  await link.close()
})

test('events do not depend on how a stream with noise is cut', () => {
  for (const driver of drivers) {
    const frames = goodFrames(driver).map(({ frame }) => frame)
    const size = step(driver)
    const garbage = fc.array(fc.uint8Array({ minLength: size, maxLength: size }), { maxLength: 12 }).map(joined)
    const piece = fc.oneof(fc.constantFrom(...frames), garbage)
    const stream = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => joined(pieces))
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 6 }), (bytes, places) => {
        const cuts = [...new Set(places.map((at) => at % (bytes.length + 1)).map((at) => at - (at % size)))].sort(
          (a, b) => a - b,
        )
        const pieces = [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length))
        expect(decode(driver, pieces).events).toEqual(decode(driver, [bytes]).events)
      }),
      { numRuns: 40 },
    )
  }
})

describe('without an end', () => {
  const MB = 1 << 20
  test.each(drivers.map((d) => [d.id, d] as const))(
    '100 MB on %s leave no memory behind and no reading',
    (_, driver) => {
      const stream = decoder(driver)
      const chunk = new Uint8Array(MB).fill('A'.charCodeAt(0))
      const before = process.memoryUsage().arrayBuffers
      for (let i = 0; i < 100; i++) expect(onlyEvents(stream.push(chunk))).toEqual([])
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MB)
      expect(stream.counts.discardedBytes).toBeGreaterThanOrEqual(99 * MB)
    },
  )

  test.each(drivers.map((d) => [d.id, d] as const))('%s works as long on twice the garbage, no longer', (_, driver) => {
    const [good] = goodFrames(driver)
    const start = good!.frame.subarray(0, 2) // the worst garbage: what looks like a beginning, again and again
    const garbage = (length: number) => Uint8Array.from({ length }, (_, i) => start[i % start.length]!)
    const took = (length: number) => {
      const from = performance.now()
      const { events } = decode(driver, [garbage(length)])
      expect(events).toEqual([])
      return performance.now() - from
    }
    took(50_000)
    expect(took(400_000)).toBeLessThan(Math.max(took(100_000), 20) * 16) // four times the bytes; squared work would be 16
  })
})
