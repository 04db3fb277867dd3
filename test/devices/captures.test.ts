// One loop over every driver and its capture: however the bytes fall, the device's words arrive unchanged or not at all.
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decoder } from '../../devices/kit/decode.ts'
import { allDrivers, type Driver, findDriver } from '../../devices/kit/driver.ts'
import { type DeviceEvent, PLAUSIBLE } from '../../devices/kit/event.ts'
import { LinkClosed, openLink } from '../../devices/kit/link.ts'
import { deviceTable } from '../../devices/kit/table.ts'
import { captureOf, chunks, decode, goodFrames, joined, noise, onlyEvents, payload, port, step } from './wire.ts'

const drivers = await allDrivers()

/** A decoder tells the same frame twice in a row only once on ASTM, so streams here hold each frame once. */
function distinct(driver: Driver) {
  const seen = new Set<string>()
  return goodFrames(driver).filter(({ frame }) => !seen.has(frame.join()) && seen.add(frame.join()))
}

const plausible = (event: DeviceEvent) =>
  event.kind !== 'blood-pressure' ||
  (event.systolic >= PLAUSIBLE.systolic[0] &&
    event.systolic <= PLAUSIBLE.systolic[1] &&
    event.diastolic >= PLAUSIBLE.diastolic[0] &&
    event.systolic - event.diastolic >= PLAUSIBLE.pulsePressureAtLeast &&
    (event.pulse === null || (event.pulse >= PLAUSIBLE.pulse[0] && event.pulse <= PLAUSIBLE.pulse[1])))

describe.each(drivers.map((driver) => [driver.id, driver] as const))('%s', (id, driver) => {
  const capture = captureOf(driver)
  const told = distinct(driver).filter(({ events }) => events.length > 0)

  test('tells what its capture says, frame by frame', () => {
    expect(capture.driver).toBe(id)
    expect(told.length).toBeGreaterThan(0)
    for (const { title, steps } of capture.scenes) {
      const stream = decoder(driver)
      for (const step of steps.filter((s) => s.from === 'device')) {
        const before = stream.counts.refusedFrames
        expect(onlyEvents(stream.push(step.bytes)), title).toEqual(step.events)
        expect(stream.counts.refusedFrames > before, title).toBe(step.refused)
      }
    }
  })

  test('tells the same with all frames of a scene in one chunk, and one byte a chunk', () => {
    for (const { title, steps } of capture.scenes) {
      const bytes = joined(steps.filter((s) => s.from === 'device').map((s) => payload(driver, s.bytes)))
      const expected = steps.flatMap((s) => s.events)
      expect(decode(driver, [bytes]).events, title).toEqual(expected)
      const single = decode(
        driver,
        Array.from({ length: bytes.length / step(driver) }, (_, i) =>
          bytes.subarray(i * step(driver), (i + 1) * step(driver)),
        ),
      )
      expect(single.events, title).toEqual(expected)
      expect(single.counts, title).toEqual(decode(driver, [bytes]).counts)
    }
  })

  test('tells the same wherever a stream is cut in two', () => {
    const bytes = joined(told.slice(0, 3).map(({ frame }) => frame))
    const whole = decode(driver, [bytes])
    for (let at = step(driver); at < bytes.length; at += step(driver)) {
      const cut = decode(driver, [bytes.subarray(0, at), bytes.subarray(at)])
      expect(cut.events).toEqual(whole.events)
      expect(cut.counts).toEqual({ discardedBytes: 0, refusedFrames: 0 })
    }
  })

  test('finds every frame with noise before, between and after, and counts the noise', () => {
    const pieces = told.flatMap(({ frame }) => [noise(driver, 7), frame])
    const { events, counts } = decode(driver, [joined([...pieces, noise(driver, 5)])])
    expect(events).toEqual(told.flatMap((t) => t.events))
    expect(counts).toEqual({ discardedBytes: (told.length * 7 + 5) * step(driver), refusedFrames: 0 })
  })

  test('never gives a wrong value for one flipped bit', () => {
    for (const { frame, events } of told)
      for (let bit = 0; bit < frame.length * 8; bit++) {
        const spoilt = frame.slice()
        spoilt[bit >> 3]! ^= 1 << (bit & 7)
        const found = decode(driver, [spoilt]).events
        if (driver.check === 'none' || driver.checkCovers) expect(found.every(plausible)).toBe(true)
        else if (found.length > 0) expect(found).toEqual(events)
      }
  })

  test('finds a good frame after a bad one', () => {
    const [good] = told
    const other = told.at(-1)!
    const bad = good!.frame.slice()
    bad[bad.length >> 1]! ^= 0x81
    const { events } = decode(driver, [bad, other.frame])
    expect(events.slice(-other.events.length)).toEqual(other.events)
    if (step(driver) > 1) return // a report comes whole or not at all
    const cutShort = decode(driver, [good!.frame.subarray(0, good!.frame.length - 3), other.frame])
    expect(cutShort.events).toEqual(other.events)
  })

  test('tells nothing of a frame that is unplugged half-way, and the link ends', async () => {
    for (const { frame } of told.slice(0, 3)) {
      const device = port(driver, () => undefined)
      const link = openLink(driver, device.transport)
      const received = link.receive()
      for (const chunk of chunks(driver, frame.subarray(0, frame.length - Math.max(2, step(driver)))))
        device.say(payload(driver, chunk))
      device.unplug()
      await expect(received).rejects.toThrow(LinkClosed)
      await expect(link.receive()).rejects.toThrow(LinkClosed)
      await expect(link.ask(frame, 50)).rejects.toThrow(LinkClosed)
    }
  })

  test('keeps nothing private in raw', () => {
    for (const { frame } of told)
      for (const one of decode(driver, [frame]).told) {
        if (driver.kind === 'identity') expect(one.raw).toBeNull()
        else
          for (const [from, to] of driver.privateRanges?.(frame) ?? [])
            expect([...one.raw!.subarray(from, to)].every((byte) => byte === 0x20)).toBe(true)
      }
  })

  test('claims the evidence its capture names', () => {
    expect(capture.source).not.toBe('')
    expect(driver.evidence).toBe(capture.source.startsWith('from notes') ? 'from notes' : 'recorded')
  })

  test('names a duration for a live measurement', () => {
    if (driver.kind === 'blood-pressure') {
      expect(driver.measuringSeconds!.min).toBeGreaterThan(0)
      expect(driver.measuringSeconds!.max).toBeGreaterThan(driver.measuringSeconds!.min)
    }
  })
})

test('every driver has a capture beside it', () => {
  for (const { kind, id } of drivers)
    expect(existsSync(new URL(`../../devices/${kind}/${id}.capture`, import.meta.url)), id).toBe(true)
})

test('no model is claimed by two drivers', () => {
  const models = drivers.flatMap((driver) => driver.models)
  expect(models.length).toBe(new Set(models).size)
})

test('no USB id is claimed by two drivers', () => {
  const ids = drivers.flatMap(({ transport }) => transport.ids ?? []).map((id) => `${id.vendorId}:${id.productId}`)
  expect(ids.length).toBe(new Set(ids).size)
})

test.each(['devices/README.md', 'README.md'])('%s holds the table made from the drivers', (name) => {
  const readme = readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
  expect(readme).toContain(deviceTable(drivers))
})

test('an unknown driver is answered with those there are', async () => {
  await expect(findDriver('omron-hbp903')).rejects.toThrow(
    /no driver "omron-hbp903"; there are: .*and-tm2657, .*omron-hbp9030/,
  )
  expect((await findDriver('omron-hbp9030')).models).toContain('HBP-9030')
})
