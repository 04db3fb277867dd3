// Why the simulated devices may be believed: told what a captured frame says, they send that frame, byte for byte.
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { encodeBp868f } from '../../simulators/devices/ampall-bp868f.ts'
import { encodeTm2657 } from '../../simulators/devices/and-tm2657.ts'
import * as contour from '../../simulators/devices/ascensia-contour.ts'
import * as contourUsb from '../../simulators/devices/ascensia-contour-usb.ts'
import { encodeFrame } from '../../simulators/devices/astm.ts'
import * as contec from '../../simulators/devices/contec-08a.ts'
import { joined } from '../../simulators/devices/device.ts'
import { encodePacket } from '../../simulators/devices/lifescan.ts'
import * as ultraEasy from '../../simulators/devices/lifescan-ultraeasy.ts'
import * as rbp from '../../simulators/devices/maibobo-rbp.ts'
import * as b3 from '../../simulators/devices/microlife-b3.ts'
import * as bpa from '../../simulators/devices/microlife-bpa.ts'
import { encodeHbp9020 } from '../../simulators/devices/omron-hbp9020.ts'
import { encodeHbp9030 } from '../../simulators/devices/omron-hbp9030.ts'
import { encodeFt201 } from '../../simulators/devices/paramatech-ft201.ts'
import { encodeCard, encodeSdt } from '../../simulators/devices/sdt.ts'
import { encodeReports } from '../../simulators/devices/sdt-hid.ts'
import { encodeBr500 } from '../../simulators/devices/terumo-br500.ts'
import { captured, type Fixture, reproduces, upperHex } from './captured.ts'

const figure = z.number().nullable()

const Tm2657 = z.object({
  model: z.enum(['TM2657', 'TM2655']),
  deviceTime: z.string(),
  error: z.string(),
  systolic: figure,
  diastolic: figure,
  mean: figure,
  pulse: figure,
  maxPulseAmplitude: z.number(),
  irregularBeats: z.number().default(0),
  movement: z.number().default(0),
  remeasure: z.number().default(0),
  measureSeconds: z.number().default(0),
})
reproduces('and-tm2657', 4, (decoded) => {
  if (decoded.ack) return Uint8Array.of(0x16, 0x16, 0x01, 0x30, 0x30, 0x06)
  const {
    deviceTime: at,
    error: code,
    maxPulseAmplitude: amplitude,
    measureSeconds: seconds,
    remeasure,
    ...rest
  } = Tm2657.parse(decoded)
  return encodeTm2657({ ...rest, at, code, amplitude, seconds, remeasured: remeasure })
})

const Hbp9030 = z.object({
  deviceTime: z.string(),
  subjectId: z.string(),
  error: z.number(),
  systolic: figure,
  diastolic: figure,
  pulse: figure,
  movementCount: z.number(),
})
reproduces('omron-hbp9030', 3, (decoded) => {
  const { deviceTime: at, subjectId: subject, movementCount: movement, ...rest } = Hbp9030.parse(decoded)
  return encodeHbp9030({ ...rest, at, subject, movement })
})

const Hbp9020 = z.object({
  deviceTime: z.string(),
  subjectId: z.string(),
  systolic: z.number(),
  mean: z.number(),
  diastolic: z.number(),
  pulse: z.number(),
  trailer: z.number(),
})
reproduces('omron-hbp9020', 2, (decoded) => {
  const { deviceTime: at, subjectId: subject, ...rest } = Hbp9020.parse(decoded)
  // Which end of line a device uses is no fact of the reading: the one seen with CR alone is the one of 2016.
  return encodeHbp9020({ ...rest, at, subject }, at.startsWith('2016') ? '\r' : '\r\n')
})

const Pushed = z.object({ systolic: z.number(), diastolic: z.number(), pulse: z.number() })
const Dated = Pushed.extend({ deviceTime: z.string() })
reproduces('maibobo-rbp', 4, (decoded) => {
  if (decoded.type === 'pressure') return rbp.encodeRbp(5, rbp.pressureData(Number(decoded.cuffPressure)))
  if (decoded.type === 'error') return rbp.encodeRbp(7, [Number(decoded.code)])
  if (decoded.type === 'ack') return rbp.encodeRbp(Number(decoded.sub), [0])
  const { deviceTime: at, ...rest } = Dated.extend({ user: z.number() }).parse(decoded)
  return rbp.encodeRbp(6, rbp.resultData({ ...rest, at }))
})

reproduces('ampall-bp868f', 1, (decoded) =>
  encodeBp868f(Pushed.extend({ mean: z.number(), arrhythmia: z.number() }).parse(decoded)),
)

reproduces('paramatech-ft201', 1, (decoded) => {
  const { deviceTime: at, ...rest } = Dated.parse(decoded)
  return encodeFt201({ ...rest, at })
})

reproduces('terumo-br500', 1, (decoded) => {
  const {
    deviceTime: at,
    subjectId,
    ...rest
  } = Dated.extend({ mean: z.number(), subjectId: z.string() }).parse(decoded)
  return encodeBr500({ ...rest, at, subject: subjectId })
})

/** A report is filled up with zeros; the fixtures hold its beginning. */
const begun = (bytes: Uint8Array, length: number) => joined(bytes, Array(length - bytes.length).fill(0))
reproduces('contec-08a', 5, (decoded) => {
  if (decoded.deviceOn) return begun(contec.statusBytes, 16)
  if ('recordCount' in decoded) return contec.headerBytes(Number(decoded.recordCount), Number(decoded.user))
  const { deviceTime: at, ...rest } = Dated.extend({ mean: z.number(), userTag: z.number() }).parse(decoded)
  return begun(contec.encodeRecord({ ...rest, at }), 16)
})

reproduces('microlife-bpa', 1, (decoded) =>
  bpa.encodeMemory(
    String(decoded.patientId),
    z
      .array(Dated)
      .parse(decoded.readings)
      .map(({ deviceTime: at, ...rest }) => ({ ...rest, at })),
  ),
)

describe('microlife-b3', () => {
  const [dump] = captured('microlife-b3')
  const Sample = Pushed.extend({
    index: z.number(),
    deviceTime: z.string().nullable(),
    irregular: z.boolean(),
    cuffOk: z.boolean(),
  })
  test('sends each record of the dump that its facts tell byte for byte, at its place, and the head and sum of its own', () => {
    const samples = z.array(Sample).parse(dump!.decoded.samples)
    expect(samples.length).toBeGreaterThanOrEqual(5)
    const whole = Buffer.from(dump!.hex, 'hex')
    for (const { index, deviceTime: at, ...rest } of samples) {
      const record = b3.encodeMemory([{ ...rest, at }]).subarray(42, 52)
      expect(upperHex(record)).toBe(upperHex(whole.subarray(42 + index * 10, 52 + index * 10)))
    }
    const all = Array.from({ length: 29 }, (_, i) => {
      const [systolic, diastolic, pulse, year, month, day, hour, minute, flags] = whole.subarray(
        42 + i * 10,
        51 + i * 10,
      )
      const two = (n: number | undefined) => String(n).padStart(2, '0')
      const at = month === 0 ? null : `20${two(year)}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}`
      const marks = { irregular: (flags! & 0x40) !== 0, cuffOk: (flags! & 0x80) !== 0 }
      return { systolic: systolic!, diastolic: diastolic!, pulse: pulse!, at, ...marks }
    })
    expect(upperHex(b3.encodeMemory(all))).toBe(dump!.hex.toUpperCase())
  })
})

const Link = z.object({ disconnect: z.boolean(), ack: z.boolean(), E: z.number(), S: z.number() })
reproduces('lifescan-ultraeasy', 13, (decoded) => {
  const { disconnect, ack, E, S } = Link.parse(decoded.link)
  const link = (disconnect ? 8 : 0) | (ack ? 4 : 0) | (E << 1) | S
  const time = String(decoded.time)
  switch (decoded.kind) {
    case 'serial':
      return encodePacket(link, ultraEasy.serialPayload(String(decoded.serial)))
    case 'version':
      return encodePacket(link, ultraEasy.versionPayload(String(decoded.version)))
    case 'clock':
      return encodePacket(link, ultraEasy.clockPayload(time))
    case 'unit':
      return encodePacket(link, ultraEasy.unitPayload(z.enum(['mg/dL', 'mmol/L']).parse(decoded.displayUnit)))
    case 'count':
      return encodePacket(link, ultraEasy.countPayload(Number(decoded.count)))
    case 'reading': {
      const value = z.union([z.number(), z.enum(['HI', 'LO'])]).parse(decoded.range ?? decoded.value)
      return encodePacket(link, ultraEasy.recordPayload({ value, at: time }))
    }
    default:
      return encodePacket(link)
  }
})

const marks = <T extends string>(known: readonly T[]) => z.array(z.enum(known)).default([])
const ContourReading = z.object({
  rawValue: z.string(),
  unit: z.enum(['mg/dL', 'mmol/L']),
  reference: z.enum(['plasma', 'whole blood']),
  flags: marks(['<', '>', 'T']),
  userMarks: marks(['A', 'B', 'D']),
  statusCodes: marks(['E', 'D']),
  time: z.string(),
})
const referenceOf = (name: unknown) => (name === 'plasma' ? 'P' : 'B')

function contourRecord(d: Fixture['decoded']): string {
  const sequence = Number(d.sequence)
  switch (d.kind) {
    case 'header': {
      const sender = `${d.product}^${d.softwareVersion}\\${d.eepromVersion}^${d.serial}`
      return contour.headerRecord({ password: String(d.password), sender, clock: String(d.deviceTime) })
    }
    case 'patient':
      return `P|${sequence}`
    case 'order':
      return contour.orderRecord(sequence, d.actionCode === 'Q')
    case 'average': {
      const reference = referenceOf(d.reference)
      const range = d.referenceRange ? { range: String(d.referenceRange), flag: '<' as const } : {}
      const value = Number(d.rawValue)
      return contour.averageRecord(sequence, {
        name: String(d.analyte),
        value,
        unit: String(d.unit),
        reference,
        ...range,
      })
    }
    case 'terminator':
      return contour.terminatorRecord
    default: {
      const { rawValue: value, reference, userMarks, statusCodes: status, time: at, ...rest } = ContourReading.parse(d)
      return contour.resultRecord(sequence, {
        ...rest,
        value,
        reference: referenceOf(reference),
        marks: userMarks,
        status,
        at,
      })
    }
  }
}
reproduces('ascensia-contour', 20, (d) => encodeFrame(Number(d.frameNumber), contourRecord(d), d.terminator === 'ETX'))

describe('ascensia-contour-usb', () => {
  const EOT = [0x04]
  const ENQ = [0x05]
  const fixtures = captured('ascensia-contour-usb')
  const reports = (payload: Uint8Array) => joined(...contourUsb.encodeReports(payload))
  const sent = (bytes: Uint8Array) => expect(fixtures.map((f) => f.hex.toUpperCase())).toContain(upperHex(bytes))
  const settings = 'A=1^C=03^G=0^I=0200^R=0^S=1^U=0^V=20600^X=070070070070180130180250^Y=360126090050099050300089^Z=1'
  const contourUsbMeter = {
    sender: 'Bayer7390^01.26\\01.05\\02.06.20^7390-2902076^7393A',
    settings,
    results: 0,
    clock: '2013-02-02T03:41',
  }

  test('sends its two headers, the one before the ACK with EOT and ENQ round it, as captured', () => {
    const first = contourUsb.headerRecord({ ...contourUsbMeter, password: 'FrqvFW', processing: '' })
    sent(reports(joined(EOT, encodeFrame(1, first, false), ENQ)))
    const second = contourUsb.headerRecord({ ...contourUsbMeter, password: 'Jwi9Rs', processing: 'P' })
    sent(reports(encodeFrame(1, second, false)))
  })

  test('sends the header of a Next Link, whose ENQ comes in a report of its own, as captured', () => {
    const header = contourUsb.headerRecord({
      password: '7OiUTY',
      sender: 'Bayer6200^01.22\\01.13\\XX.XX^6201- C36847^0000-^C36847',
      settings: 'A=1^C=41^G=en,en\\es^I=0200^R=0^S=0^U=0^X=070070070070180130180250^Y=360126099054120054252099^Z=1',
      results: 0,
      processing: '',
      clock: '2013-05-08T15:32',
    })
    sent(joined(reports(joined(EOT, encodeFrame(1, header, false))), reports(Uint8Array.from(ENQ))))
  })

  test('sends the header of a meter with 1714 results as captured', () => {
    const header = contourUsb.headerRecord({
      password: '7w3LBL',
      sender: 'Bayer7390^01.24\\01.04\\09.02.20^7390-2336773^7403-',
      settings: 'A=1^C=63^G=1^I=0200^R=0^S=1^U=0^V=10600^X=070070070070180130150250^Y=360126090050099050300089^Z=1',
      results: 1714,
      processing: '',
      clock: '2019-09-22T13:04',
    })
    sent(joined(EOT, encodeFrame(1, header, false), ENQ))
  })

  test('sends patient, end of data and EOT as captured', () => {
    sent(reports(encodeFrame(2, 'P|1', false)))
    sent(reports(encodeFrame(3, contourUsb.terminatorRecord, true)))
    sent(reports(Uint8Array.from(EOT)))
  })

  const Reading = z.object({
    sequence: z.number(),
    frameNumber: z.number(),
    value: figure,
    rawValue: z.string().optional(),
    unit: z.enum(['mg/dL', 'mmol/L']),
    markers: z.array(z.string()),
    time: z.string(),
  })
  const readings = fixtures.filter((f) => f.decoded.kind === 'reading')
  test('has its 7 captured readings or more', () => expect(readings.length).toBeGreaterThanOrEqual(7))
  test.each(readings.map((f, i) => [i + 1, f] as const))('sends reading %s byte for byte', (_, { hex, decoded }) => {
    const r = Reading.parse(decoded)
    const result = { value: r.rawValue ?? String(r.value), unit: r.unit, markers: r.markers, at: r.time }
    const record = contourUsb.resultRecord(r.sequence, { ...result, seconds: r.time.length > 16 })
    const frame = encodeFrame(r.frameNumber, record, false)
    const joinedPayload = String(decoded.layer).includes('joined')
    expect(upperHex(joinedPayload ? frame : reports(frame))).toBe(hex.toUpperCase())
  })
})

const Fields = z.record(z.string(), z.string().or(z.boolean()))
const SEX: Record<string, 'male' | 'female'> = { 1: 'male', 2: 'female' }
function sdtFrame(decoded: Fixture['decoded']): Uint8Array {
  const status = Number.parseInt(z.array(z.string()).parse(decoded.sw)[2]!, 16)
  if (decoded.fields) {
    const f = Object.fromEntries(Object.entries(Fields.parse(decoded.fields)).map(([k, v]) => [k, String(v)]))
    const birth = f.birth!
    const card = {
      document: z.enum(['citizen', 'hk-macao-taiwan', 'foreigner-2017', 'foreigner-2023']).parse(decoded.cardType),
      number: f.idNumber!,
      name: f.nameCn ?? f.name!,
      latinName: f.nameEn ?? '',
      birthDate: `${birth.slice(0, 4)}-${birth.slice(4, 6)}-${birth.slice(6)}`,
      sex: SEX[f.sexCode!]!,
      nation: f.nationCode ?? '',
      nationality: f.nationality ?? '',
      address: f.address ?? '',
      authority: f.authorityCode ?? f.authority ?? '',
      validFrom: f.validFrom!,
      validTo: f.validTo!,
      passNumber: f.passNumber ?? '',
      count: f.version ?? f.renewals ?? f.issueCount ?? '',
      oldNumberLink: f.oldNumberLink ?? '',
    }
    return encodeSdt(status, encodeCard(card, z.number().nullable().default(null).parse(decoded.fingerprintLength)))
  }
  if (decoded.samIdRaw) return encodeSdt(status, Buffer.from(String(decoded.samIdRaw), 'hex'))
  if (decoded.address) return encodeSdt(status, Buffer.from(String(decoded.address).padEnd(35), 'utf16le'))
  return encodeSdt(status, new Uint8Array(Number(decoded.dataLength ?? 0)))
}
reproduces('sdt-samv', 25, sdtFrame)
reproduces('sdt-hid', 2, ({ frame }) => {
  const carried = captured('sdt-samv').find(({ decoded }) => decoded.case === frame)!
  return joined(...encodeReports(sdtFrame(carried.decoded)))
})
