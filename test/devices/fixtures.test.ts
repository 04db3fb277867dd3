// The public frames (and those composed from their sources): every fact in them is read, every reading comes out.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { fromHex, sum, xor } from '../../devices/kit/bytes.ts'
import { frameCutter } from '../../devices/kit/decode.ts'
import { allDrivers, type Driver } from '../../devices/kit/driver.ts'
import { isReading } from '../../devices/kit/event.ts'
import { chunks, decode, payload } from './wire.ts'

type Decoded = Record<string, unknown>
interface Fixture {
  device: string
  direction: string
  hex: string
  decoded: Decoded
  origin: 'public' | 'derived'
}

/** What a fixture says about itself, its transport or our knowledge, and no frame carries. */
const REMARKS = [
  ...['layer', 'note', 'meaning', 'checksumOk', 'answers', 'case', 'frames', 'trigger', 'leading', 'trailing'],
  ...['frameLength', 'photo', 'fingerprint', 'person', 'mgdl', 'mmolDisplayed', 'uniqueFrames', 'expect', 'skip'],
  ...['command', 'staleText'], // what the host had asked; what is left over behind a report
  'samples', // some of a memory's readings, looked for among the events
  ...['field3', 'field4'], // where the terminator's code stands: told as terminationCode
]
/** Named after what the host had asked, which a frame does not say; or looked up in tables the hub has no use for. */
const LOOKED_UP = ['nation', 'sex', 'longTerm', 'oldNumberDerived']

const fixtures = (driver: Driver): Fixture[] =>
  JSON.parse(readFileSync(new URL(`../fixtures/${driver.id}.json`, import.meta.url), 'utf8')).filter(
    (fixture: Fixture) => fixture.direction === 'device->host',
  )

/** FreeStyle meters send text in reports of this type. */
const TEXT_REPORT = 0x60

/** A fixture's protocol bytes; those of a HID device come as reports or, where its layer says so, joined. */
function bytesOf(driver: Driver, { hex, decoded }: Fixture): Uint8Array {
  const bytes = fromHex(hex)
  if (String(decoded.layer).startsWith('text')) return Uint8Array.of(TEXT_REPORT, bytes.length, ...bytes)
  if (driver.transport.type !== 'hid' || !String(decoded.layer).startsWith('hid')) return bytes
  const reports = Array.from({ length: bytes.length / 64 }, (_, i) => bytes.subarray(i * 64, i * 64 + 64))
  return Uint8Array.from(reports.flatMap((report) => [...payload(driver, report)]))
}

function facts(driver: Driver, bytes: Uint8Array) {
  const counts = { discardedBytes: 0, refusedFrames: 0 }
  const cutter = frameCutter(driver, counts)
  const found = [...chunks(driver, bytes).flatMap(cutter.push), ...cutter.end()].map((frame) => driver.parse(frame))
  return { found: found.filter((f) => f.kind !== 'control' && f.kind !== 'line end'), all: found, counts }
}

/** A report of a card reader is told by the name of the frame it carries. */
const carried = (name: unknown): Decoded =>
  (JSON.parse(readFileSync(new URL('../fixtures/sdt-samv.json', import.meta.url), 'utf8')) as Fixture[]).find(
    ({ decoded }) => decoded.case === name,
  )!.decoded

function expected(decoded: Decoded): Decoded {
  if (String(decoded.kind).startsWith('hid-report')) return expected(carried(decoded.frame))
  const kept = Object.fromEntries(Object.entries(decoded).filter(([name]) => !REMARKS.includes(name)))
  if (kept.kind === 'response') delete kept.kind
  if (kept.analyte === 'carbohydrate') Object.assign(kept, { analyte: 'Carb', unit: '1' })
  delete kept.unitCode
  for (const name of ['chipManagementNo', 'chipSerial', 'samIdRaw'])
    if (typeof kept[name] === 'string') kept[name] = kept[name].toLowerCase()
  if (typeof kept.fields === 'object')
    kept.fields = expect.objectContaining(
      Object.fromEntries(Object.entries(kept.fields ?? {}).filter(([name]) => !LOOKED_UP.includes(name))),
    )
  return kept
}

const invalid = ({ decoded }: Fixture) =>
  decoded.kind === 'invalid' || decoded.type === 'garbage' || decoded.checksumOk === false || decoded.complete === false

const pressure = ({ systolic, diastolic, pulse, deviceTime = null, mean = null }: Decoded): Decoded => ({
  ...{ kind: 'blood-pressure', systolic, diastolic, mean, pulse, unit: 'mm[Hg]', deviceTime },
})

/** The readings a fixture's facts mean, told in our event's words, by their place; how many there are in all. */
function readings({ decoded }: Fixture): { count: number; at: [number, Decoded][] } {
  const listed = (decoded.samples ?? decoded.readings) as Decoded[] | undefined
  if (listed)
    return {
      count: Number(decoded.recordCount ?? decoded.cycles),
      at: listed.map((d, i) => [Number(d.index ?? i), marked(d)]),
    }
  const several = body(decoded)
  if (several.length > 1) return { count: several.length, at: several.map((one, i) => [i, one]) }
  const one = reading(decoded)
  return { count: one ? 1 : 0, at: one ? [[0, one]] : [] }
}

const marked = (decoded: Decoded): Decoded => ({
  ...pressure(decoded),
  flags: [...(decoded.irregular ? ['irregular-pulse'] : []), ...(decoded.cuffOk === false ? ['cuff-fit'] : [])],
})

/** Weight and height as a scale sent them, what an oximeter showed; nothing where no finger was in, or no person stood. */
function body(d: Decoded): Decoded[] {
  const one = (kind: string, value: unknown, unit: string) =>
    typeof value === 'number' && value > 10 ? [{ kind, value, unit }] : []
  const pounds = d.units === 'imperial'
  return [
    ...one('body-weight', d.weightKg ?? d.weight, pounds ? '[lb_av]' : 'kg'),
    // Typed in where the scale has no rod.
    ...(d.model === undefined ? one('body-height', d.heightCm ?? d.height, pounds ? '[in_i]' : 'cm') : []),
    ...one('oxygen-saturation', d.spo2, '%'),
  ]
}

/** Null for whatever is no reading. */
function reading(decoded: Decoded): Decoded | null {
  const [bodily] = body(decoded)
  if (bodily) return bodily
  if ('weekStart' in decoded) return null // an average is no reading
  if ('systolic' in decoded && decoded.systolic !== null) return pressure(decoded)
  if (decoded.kind === 'record-value' && decoded.analyte && decoded.analyte !== 'glucose') return null
  if (
    !['reading', 'record-value'].includes(String(decoded.kind)) ||
    decoded.control === true ||
    decoded.parityError === true
  )
    return null
  const range = decoded.range === 'HI' ? 'above' : decoded.range === 'LO' ? 'below' : null
  return { kind: 'glucose', value: decoded.value, unit: decoded.unit, range, deviceTime: decoded.time ?? null }
}

const drivers = await allDrivers()

/** Its frames are records, of which several run over blocks: they have a test of their own below. */
const framed = drivers.filter(({ id }) => id !== 'omron-hem7322u')

describe.each(framed.map((driver) => [driver.id, driver] as const))('%s', (_, driver) => {
  const all = fixtures(driver)
  const frames = all.filter((f) => !invalid(f) && !['stream', 'session', 'sequence'].includes(String(f.decoded.kind)))

  test('reads every fact of every frame', () => {
    expect(frames.length).toBeGreaterThan(0)
    for (const fixture of frames) {
      const read = facts(driver, bytesOf(driver, fixture))
      const [only] = fixture.decoded.kind === 'control' ? read.all : read.found
      expect(read.counts).toEqual({ discardedBytes: 0, refusedFrames: 0 })
      expect(only, fixture.hex.slice(0, 60)).toMatchObject(expected(fixture.decoded))
    }
  })

  test('tells every reading, and no reading where there is none', () => {
    for (const fixture of frames) {
      const { events } = decode(driver, [bytesOf(driver, fixture)])
      const told = events.filter((event) => isReading(event))
      const { count, at } = readings(fixture)
      expect(told.length, fixture.hex.slice(0, 60)).toBe(count)
      for (const [place, wanted] of at) expect(told[place]).toMatchObject(wanted)
    }
  })

  test('tells nothing of a frame whose check is wrong or that is cut short', () => {
    for (const fixture of all.filter(invalid)) {
      const { events, counts } = decode(driver, [bytesOf(driver, fixture)])
      expect(events).toEqual([])
      // A sum over a whole answer is proven in the conversation.
      if (!driver.checkCovers) expect(counts.discardedBytes).toBe(bytesOf(driver, fixture).length)
    }
  })
})

test('a record of an Omron HEM-7322U is read out of the block that carries it', () => {
  const omron = drivers.find((d) => d.id === 'omron-hem7322u')!
  for (const { hex, decoded } of fixtures(omron)) {
    const counted = Uint8Array.of(48, 0x81, 0, 0x02, 0xac, 40, ...fromHex(hex), ...new Uint8Array(26).fill(0xff), 0)
    const { events } = decode(omron, [Uint8Array.of(2, ...counted, xor(counted), ...new Uint8Array(14))])
    expect(events).toMatchObject(decoded.empty ? [] : [pressure(decoded)])
  }
})

test('a captured record of a Microlife BPA is read out of a memory of one', () => {
  const bpa = drivers.find((d) => d.id === 'microlife-bpa')!
  const text = `00010000${'9'.repeat(24)}15000000000000000461588404615884`
  const ascii = (of: string) => Uint8Array.from(Buffer.from(of, 'latin1'))
  const check = sum(ascii(text)).toString(16).toUpperCase().padStart(2, '0')
  const { events } = decode(bpa, [ascii(`\x06${text}${check}`)])
  expect(events).toMatchObject([pressure({ systolic: 132, diastolic: 86, pulse: 70 })])
})

test('a whole session of the specification gives its readings and none of its control tests', () => {
  const contour = drivers.find((d) => d.id === 'ascensia-contour')!
  const session = fixtures(contour).find((f) => f.decoded.kind === 'session')!
  const { events } = decode(contour, [bytesOf(contour, session)])
  const wanted = (session.decoded.readings as { control: boolean; value: number | null; time: string }[]).filter(
    (r) => !r.control,
  )
  expect(events).toMatchObject(wanted.map(({ value, time }) => ({ kind: 'glucose', value, deviceTime: time })))
})

test.each(['abbott-freestyle-hid', 'abbott-freestyle-serial', 'lifescan-ultra2', 'menarini-areo'])(
  'whole memories of the %s give their readings and nothing else',
  (id) => {
    const meter = drivers.find((d) => d.id === id)!
    const sessions = fixtures(meter).filter((f) => f.decoded.kind === 'session')
    expect(sessions.length).toBeGreaterThan(0)
    for (const session of sessions) {
      const wanted = (session.decoded.readings as Decoded[])
        .filter((r) => r.control !== true && (r.analyte ?? 'glucose') === 'glucose')
        .map((r) => reading({ ...r, kind: 'reading' }))
      expect(decode(meter, [bytesOf(meter, session)])).toMatchObject({ events: wanted, counts: { refusedFrames: 0 } })
    }
  },
)

test('no driver takes a frame of a device that is left out for a reading or a card of its own', () => {
  const leftOut: { device: string; reason: string; hex: string }[] = JSON.parse(
    readFileSync(new URL('../fixtures/left-out.json', import.meta.url), 'utf8'),
  )
  expect(leftOut.length).toBeGreaterThan(20)
  expect(leftOut.every(({ reason }) => reason.length > 10)).toBe(true)
  // A HID report comes from a device whose USB id is known; a serial adapter can be anybody's.
  const could = drivers.filter(
    ({ kind, transport }) => kind === 'glucose' || kind === 'identity' || transport.type === 'serial',
  )
  const claims = (event: { kind: string }) => isReading(event) || event.kind === 'card'
  for (const { device, hex } of leftOut)
    for (const driver of could)
      expect(decode(driver, [fromHex(hex)]).events.filter(claims), `${device} by ${driver.id}`).toEqual([])
})

test('streams resynchronise as the notes say', () => {
  const reader = drivers.find((d) => d.id === 'sdt-samv')!
  const streams = fixtures(reader).filter((f) => f.decoded.kind === 'stream' && !invalid(f))
  expect(streams.map((f) => facts(reader, bytesOf(reader, f)).counts.discardedBytes)).toEqual(
    streams.map((f) => f.decoded.skip),
  )
  expect(streams.map((f) => facts(reader, bytesOf(reader, f)).found.map((x) => x.kind))).toEqual([
    ['found'],
    ['status', 'found'],
  ])
})
