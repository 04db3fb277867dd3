// The frames of glucose meters with a memory: told what a captured frame says, the simulated meters send it byte for byte.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import * as freestyle from '../../simulators/devices/abbott-freestyle-hid.ts'
import * as freestyleSerial from '../../simulators/devices/abbott-freestyle-serial.ts'
import { joined } from '../../simulators/devices/device.ts'
import { encodePacket } from '../../simulators/devices/lifescan.ts'
import * as ultra2 from '../../simulators/devices/lifescan-ultra2.ts'
import * as verioIq from '../../simulators/devices/lifescan-verio-iq.ts'
import * as areo from '../../simulators/devices/menarini-areo.ts'
import * as taidoc from '../../simulators/devices/taidoc-td4277.ts'
import { captured, type Fixture, reproduces, upperHex } from './captured.ts'

const Meal = z.enum(['none', 'before', 'after'])

describe('abbott-freestyle-hid', () => {
  const text = (d: Fixture['decoded']): string => {
    const [id, time] = [Number(d.id), String(d.time)]
    if (d.kind === 'text') return freestyle.answerText(String(d.body))
    if (d.kind === 'clock-date')
      return freestyle.answerText(freestyle.dateText(d.date === null ? null : String(d.date)))
    if (d.kind === 'clock-time') return freestyle.answerText(freestyle.timeText(time))
    if (d.kind === 'empty') return freestyle.answerText(freestyle.memoryText([]))
    if (d.kind === 'clock-change') return `${freestyle.clockChangeRecord(id, String(d.newTime), String(d.oldTime))}\r\n`
    if (d.kind === 'reading') return `${freestyle.insulinxRecord(id, Number(d.value), time)}\r\n`
    return freestyle.FAILED
  }
  const all = captured('abbott-freestyle-hid')
  // An insulin entry holds what nobody has made out; the end of the 237 records has the sum of what is not in it; one
  // answer that failed keeps its text; a session is made of the others.
  const left = (f: Fixture) =>
    ['event', 'text-end', 'session'].includes(String(f.decoded.kind)) ||
    (f.decoded.kind === 'text-error' && f.origin === 'public')
  const frames = all.filter((f) => !left(f))
  test('has its 19 captured frames or more', () => expect(frames.length).toBeGreaterThanOrEqual(19))
  test.each(frames.map((f, i) => [`${i + 1}: ${f.origin} ${f.decoded.kind}`, f] as const))(
    'sends frame %s byte for byte',
    (_, { hex, decoded: d }) => {
      const report = Buffer.from(hex, 'hex')
      if (String(d.layer).startsWith('text')) return expect(text(d)).toBe(report.toString('latin1'))
      const type = d.type === undefined ? 0x60 : Number.parseInt(String(d.type), 16)
      const data =
        d.type === undefined
          ? Buffer.from(text(d), 'latin1')
          : d.serial || d.version
            ? Buffer.from(`${d.serial ?? d.version}\0`)
            : Buffer.from(String(d.value ?? d.code), 'hex')
      // What is left over from earlier answers is no fact of this one.
      expect(upperHex(freestyle.encodeReport(type, data, report))).toBe(hex.toUpperCase())
    },
  )
})

reproduces('taidoc-td4277', 20, (d) => {
  const packet = () => {
    const command = Number.parseInt(String(d.command), 16)
    if (d.kind === 'clock' || d.kind === 'record-time')
      return taidoc.encodePacket(command, taidoc.clockData(String(d.time)))
    if (d.kind === 'model') return taidoc.encodePacket(command, taidoc.modelData(String(d.model)))
    if (d.kind === 'count') {
      // What the second word of a meter with records means, nobody says: here it is theirs again.
      return taidoc.encodePacket(command, taidoc.countData(Number(d.count), d.count === 0 ? 0xffff : Number(d.count)))
    }
    if (d.kind !== 'record-value') return taidoc.encodePacket(command)
    const type = Number(d.type ?? ['none', 'before', 'after'].indexOf(String(d.meal)))
    return taidoc.encodePacket(command, taidoc.valueData(Number(d.rawValue ?? d.value), type, Number(d.subtype ?? 0)))
  }
  const layer = String(d.layer)
  return layer.startsWith('hidraw')
    ? joined(...taidoc.encodeReports(packet(), layer.includes('x8') ? 1 : 63))
    : packet()
})

reproduces('lifescan-ultra2', 13, (d) => {
  const { serial, time: at } = d as { serial: string; time: string }
  switch (d.kind) {
    case 'version':
      return ultra2.encodeLine(ultra2.versionText(String(d.version)))
    case 'serial':
      return ultra2.encodeLine(ultra2.serialText(serial))
    case 'clock':
      return ultra2.encodeLine(ultra2.clockText(at))
    case 'status':
      return ultra2.encodeLine(String(d.command))
    case 'dump-header': {
      const unit = z.enum(['mg/dL', 'mmol/L']).parse(d.displayUnit)
      return ultra2.encodeLine(ultra2.headerText(Number(d.count), serial, unit))
    }
    default: {
      const marked = d.meal === null ? null : { meal: Meal.parse(d.meal), comment: String(d.commentCode) }
      const { value, control, parityError } = d as { value: number; control: boolean; parityError: boolean }
      return ultra2.encodeLine(ultra2.recordText({ value, at, control, parityError, marked }))
    }
  }
})

reproduces('lifescan-verio-iq', 15, (d) => {
  const packet = (payload: Uint8Array) => encodePacket(0, payload)
  switch (d.kind) {
    case 'serial':
      return packet(verioIq.textPayload(String(d.serial)))
    case 'version':
      return packet(verioIq.versionPayload(String(d.version)))
    case 'model': // what stands behind the name is not understood, so it is no fact
      return packet(verioIq.textPayload(String(d.model), Buffer.from('00a6e7790ceec60094b6fe7a58ecc6001a00', 'hex')))
    case 'clock':
      return packet(verioIq.clockPayload(String(d.time)))
    case 'unit':
      return packet(verioIq.unitPayload(z.enum(['mg/dL', 'mmol/L']).parse(d.displayUnit)))
    case 'targets':
      return packet(verioIq.targetsPayload(Number(d.low), Number(d.high)))
    case 'count':
      return packet(verioIq.countPayload(Number(d.count)))
    case 'error':
      return packet(Uint8Array.of(3, Number(d.status)))
    case 'ok':
      return packet(Uint8Array.of(3, 6))
    default: {
      const meal = Meal.parse(d.meal)
      const value = Number(d.rawValue ?? d.value)
      return packet(verioIq.recordPayload({ value, at: String(d.time), meal, control: d.control === true }))
    }
  }
})

/** Whole memories; their fixtures are streams of their own. */
const memories = (driver: string) => {
  const all = z.array(z.object({ hex: z.string(), decoded: z.looseObject({ kind: z.string() }) }))
  return all.parse(JSON.parse(readFileSync(new URL(`../fixtures/${driver}.json`, import.meta.url), 'utf8')))
}
const Row = z.object({
  value: z.number().nullable(),
  rawValue: z.number().optional(),
  range: z.enum(['HI', 'LO']).nullable().optional(),
  time: z.string(),
  control: z.boolean().default(false),
  analyte: z.string(),
})

test.each(memories('abbott-freestyle-serial').map((f, i) => [i + 1, f] as const))(
  'abbott-freestyle-serial sends memory or clock %s byte for byte',
  (_, { hex, decoded: d }) => {
    if (d.kind === 'clock') return expect(upperHex(freestyleSerial.clockLine(String(d.time)))).toBe(hex.toUpperCase())
    const xtra = d.command === '$xmem'
    const lines = z
      .array(Row)
      .parse(d.readings)
      .map(({ value, rawValue, range, time: at, control, analyte }) =>
        freestyleSerial.recordLine(
          { value: rawValue ?? range ?? value ?? 0, at, control },
          xtra ? (analyte === 'ketone' ? 'K' : 'G') : undefined,
        ),
      )
    // The serial number of the Xtra and the versions stand in no decoded fact.
    const [serial, version] = xtra ? ['XCGA123-45678', '1.2'] : [String(d.serial), '1.43       -P']
    const memory = freestyleSerial.encodeMemory(serial!, version!, String(d.deviceTime), lines)
    expect(upperHex(memory)).toBe(hex.toUpperCase())
  },
)

test.each(memories('menarini-areo').map((f, i) => [i + 1, f] as const))(
  'menarini-areo sends message %s byte for byte',
  (_, { hex, decoded: d }) => {
    const Line = z.object({ value: z.number(), unit: z.enum(['mmol/L', 'mg/dL']), meal: Meal, time: z.string() })
    const message =
      d.kind === 'status'
        ? areo.accepted
        : areo.encodeMessage(
            z
              .array(Line)
              .default([])
              .parse(d.readings)
              .map((line) => areo.readingLine(line)),
          )
    expect(upperHex(message)).toBe(hex.toUpperCase())
  },
)
