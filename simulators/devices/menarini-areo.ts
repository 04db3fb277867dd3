// Simulated GlucoMen areo: asked with one byte, it sends its whole memory as lines between brackets, with a CRC-8.
import { ascii, DeviceClock, joined, type Simulator, wallFields } from './device.ts'
import { meterCommands, type Stored } from './meter.ts'

const ASK_READINGS = 0x80
const MEALS = { none: '00', before: '02', after: '04' } as const

function crc8(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >> 1) ^ 0x8c : crc >> 1
  }
  return crc
}

export const emptyMessage = joined(ascii('[\r\n'), [0x90, 0x3d], ascii('\r\n]\r\n'))
/** The answer to a clock that was set. */
export const accepted = ascii('P')

export function encodeMessage(lines: readonly string[]): Uint8Array {
  if (lines.length === 0) return emptyMessage
  const text = ascii(`[\r\n${lines.map((line) => `${line}\r\n`).join('')}`)
  return joined(text, ascii(`${crc8(text).toString(16).toUpperCase().padStart(2, '0')}\r\n]\r\n`))
}

export interface AreoReading {
  value: number
  unit: 'mmol/L' | 'mg/dL'
  meal: keyof typeof MEALS
  time: string
}
export function readingLine({ value, unit, meal, time }: AreoReading): string {
  const { year, month, day, hour, minute } = wallFields(time)
  const figure = unit === 'mmol/L' ? value.toFixed(1) : value
  return `Glu,${figure},${unit},${MEALS[meal]},${year.slice(2)}${month}${day},${hour}${minute}`
}

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const records: Stored[] = []
    const line = ({ value, meal, at }: Stored) =>
      readingLine({ value: Number(value), unit: 'mmol/L', meal: meal ?? 'none', time: at })
    const { serial: _, ...commands } = meterCommands({
      clock,
      unit: 'mmol/L',
      low: 1.1,
      high: 33.3,
      words: [], // how it says HI and LO, nobody tells
      marksMeals: true,
      seconds: false,
      keep(stored) {
        if (!stored.control) records.push(stored) // how it marks a control test, nobody tells
      },
      serial: { shape: /^$/, example: '', set: () => undefined },
    })
    return {
      receive(bytes) {
        for (const byte of bytes) if (byte === ASK_READINGS) world.send(encodeMessage(records.map(line).reverse()))
      },
      commands,
    }
  },
}
