// Cuffs, scales and oximeters: told what a captured frame says, the simulated device sends that frame, byte for byte.
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import * as bm55 from '../../simulators/devices/beurer-bm55.ts'
import * as bm58 from '../../simulators/devices/beurer-bm58.ts'
import * as bm96 from '../../simulators/devices/beurer-bm96.ts'
import * as cms50d from '../../simulators/devices/contec-cms50d.ts'
import * as cms50d7 from '../../simulators/devices/contec-cms50d7.ts'
import { ascii } from '../../simulators/devices/device.ts'
import * as fora from '../../simulators/devices/fora-bp.ts'
import { encodeGl150, encodeSlip } from '../../simulators/devices/gtech-gl150.ts'
import { encode500kl } from '../../simulators/devices/healthometer-500kl.ts'
import { encode2595kl } from '../../simulators/devices/healthometer-2595kl.ts'
import * as nonin from '../../simulators/devices/nonin-spo2.ts'
import * as hem790 from '../../simulators/devices/omron-hem790it.ts'
import * as hem7322 from '../../simulators/devices/omron-hem7322u.ts'
import * as suntech from '../../simulators/devices/suntech-oem.ts'
import { encodeLine } from '../../simulators/devices/tanita-sc330.ts'
import { captured, reproduces, upperHex } from './captured.ts'

const Stored = z.object({
  systolic: z.number(),
  diastolic: z.number(),
  pulse: z.number(),
  user: z.number().default(1),
  deviceTime: z.string(),
})

reproduces('beurer-bm55', 3, (decoded) => {
  if (decoded.type === 'hello') return bm55.helloBytes
  const { deviceTime: at, ...rest } = Stored.parse(decoded)
  return bm55.encodeRecord({ ...rest, at, irregular: decoded.irregularHeartbeat === true, moved: false })
})

reproduces('beurer-bm96', 1, (decoded) => {
  const { deviceTime: at, ...rest } = Stored.parse(decoded)
  return bm96.encodeRecord(Number(decoded.index), { ...rest, at, flagByte: Number(decoded.flagByte) })
})

describe('omron-hem790it', () => {
  /** What stands behind the bytes that count is left over from the message before, which is no fact of this one. */
  const counted = (bytes: Uint8Array) =>
    Array.from({ length: bytes.length / 8 }, (_, i) => [...bytes.subarray(i * 8, i * 8 + 8)]).map(
      ([count = 0, ...rest]) => [count, ...rest.slice(0, count)].join(),
    )
  const frames = captured('omron-hem790it').filter(({ decoded }) => decoded.type !== 'garbage')
  test('has its 7 captured messages or more', () => expect(frames.length).toBeGreaterThanOrEqual(7))
  test.each(frames.map((f, i) => [i + 1, f] as const))('sends message %s byte for byte', (_, { hex, decoded }) => {
    const encode = () => {
      if (decoded.payload) return hem790.versionAnswer(String(decoded.payload))
      if ('recordCount' in decoded) return hem790.countAnswer(Number(decoded.recordCount), 0x13)
      if (decoded.type === 'NO') return ascii('NO')
      if (decoded.type === 'OFF') return ascii('OFF\r\n')
      const { systolic, diastolic, pulse } = Stored.omit({ deviceTime: true }).parse(decoded)
      if (decoded.weekStart) return hem790.averageAnswer(String(decoded.weekStart), systolic, diastolic, pulse)
      return hem790.recordAnswer({ systolic, diastolic, pulse, at: String(decoded.deviceTime) })
    }
    const wire = Buffer.from(hex, 'hex')
    expect(counted(hem790.encodeReports(encode()))).toEqual(counted(wire))
  })
  test('leaves in a report what stood there before, as captured', () => {
    const [, , record] = frames
    const { systolic, diastolic, pulse, deviceTime: at } = Stored.parse(record!.decoded)
    expect(upperHex(hem790.encodeReports(hem790.recordAnswer({ systolic, diastolic, pulse, at })))).toBe(
      record!.hex.toUpperCase(),
    )
  })
})

reproduces('beurer-bm58', 1, (decoded) => {
  const { deviceTime: at, ...rest } = Stored.parse(decoded)
  return bm58.encodeRecord({ ...rest, at, irregular: false, moved: false })
})

reproduces('fora-bp', 3, (decoded) => {
  if ('recordCount' in decoded) return fora.countFrame(Number(decoded.recordCount))
  if (!decoded.deviceTime)
    return fora.valuesFrame(Stored.omit({ deviceTime: true }).extend({ mean: z.number() }).parse(decoded))
  const marks = { irregular: decoded.irregularHeartbeat === true, average: decoded.average === true }
  return fora.dateFrame({ at: String(decoded.deviceTime), ...marks })
})

const Suntech = Stored.omit({ deviceTime: true, user: true }).extend({
  mean: z.number(),
  beats: z.number(),
  status: z.number(),
  error: z.number(),
})
reproduces(
  'suntech-oem',
  2,
  (decoded) =>
    'cuffPressure' in decoded
      ? suntech.pressureBytes(Number(decoded.cuffPressure))
      : suntech.resultBytes({ ...Suntech.parse(decoded), tests: [0, 0, 0, 0, 0, 0, 0x31, 7] }), // what they test nobody says
)

const Units = z.enum(['metric', 'imperial'])
const Scale = z.object({
  weight: z.number(),
  height: z.number(),
  bmi: z.number(),
  units: Units,
  patientId: z.string(),
  tare: z.number().optional(),
})
reproduces('healthometer-500kl', 2, (decoded) => {
  const { patientId: id, tare, ...figures } = Scale.parse(decoded)
  return encode500kl({ ...figures, id }, tare)
})
reproduces('healthometer-2595kl', 2, (decoded) => {
  const { weight, units } = Scale.pick({ weight: true, units: true }).parse(decoded)
  return encode2595kl({ weight, units }, weight === 4.99 ? 3 : 1) // the models of the second frame write three decimals
})

const Gl150 = z.object({
  heightCm: z.number(),
  weightKg: z.number(),
  gender: z.enum(['M', 'F', 'C']),
  obesityPercent: z.number(),
  bmi: z.number(),
})
const Slip = z.object({
  ...{ gender: z.string(), mark: z.string(), weightKg: z.number(), standardKg: z.number(), heightCm: z.number() },
  ...{ bmi: z.number(), fatnessPercent: z.number() },
})
reproduces('gtech-gl150', 2, (decoded) => {
  if (decoded.mark !== undefined) {
    const {
      weightKg: weight,
      standardKg: standard,
      heightCm: height,
      fatnessPercent: fatness,
      ...rest
    } = Slip.parse(decoded)
    return encodeSlip({ weight, standard, height, fatness, ...rest })
  }
  const { heightCm: height, weightKg: weight, obesityPercent: obesity, ...rest } = Gl150.parse(decoded)
  return encodeGl150({ height, weight, obesity, ...rest })
})

test('tanita-sc330 puts the check of the captured line behind the captured line', () => {
  const [line] = captured('tanita-sc330')
  const text = Buffer.from(line!.hex, 'hex').toString()
  const cells = text.slice(1, text.indexOf(',CS,')).split(',')
  const at = cells.indexOf('Wk') + 1
  expect(cells[at]).toBe(String(line!.decoded.weightKg))
  expect(upperHex(encodeLine(cells))).toBe(line!.hex.toUpperCase())
})

reproduces('nonin-spo2', 4, (decoded) => {
  if ('pleth' in decoded)
    return nonin.encodeFrame(decoded.frameSync === true, Number(decoded.pleth), Number(decoded.value))
  return nonin.encodeSpotCheck({
    spo2: Number(decoded.spo2),
    pulse: Number(decoded.pulse),
    at: String(decoded.deviceTime),
  })
})

const Live = z.object({
  ...{ signalStrength: z.number(), pleth: z.number(), bar: z.number(), pulse: z.number(), spo2: z.number() },
  ...{
    fingerOut: z.boolean(),
    droppingSpO2: z.boolean(),
    beep: z.boolean(),
    probeError: z.boolean(),
    searching: z.boolean(),
  },
})
reproduces('contec-cms50d', 2, (decoded) => cms50d.encodeLive(Live.parse(decoded)))

reproduces('omron-hem7322u', 2, (decoded) => {
  if (decoded.empty) return hem7322.emptyRecord()
  const { deviceTime: at, ...figures } = Stored.parse(decoded)
  return hem7322.encodeRecord({
    ...figures,
    at,
    irregular: decoded.irregularHeartbeat === true,
    moved: decoded.movement === true,
  })
})

const Package = z.object({
  ...{ signalStrength: z.number(), pleth: z.number(), bar: z.number().default(0), piValid: z.boolean().default(false) },
  ...{
    searching: z.boolean().default(false),
    pulse: z.number().nullable(),
    spo2: z.number().nullable(),
    piRaw: z.number().nullable(),
  },
})
reproduces('contec-cms50d7', 2, (decoded) => cms50d7.encodePackage(Package.parse(decoded)))
