// Simulated FreeStyle Precision/Optium Neo: text commands in 64-byte reports, sums over each answer, keep-alives in between.
import { ascii, DeviceClock, type Simulator, wallFields } from './device.ts'
import { meterCommands, type Stored } from './meter.ts'

const REPORT = 64
const MOST = 62
const TEXT = 0x60
const KEEP_ALIVE = 0x22

/** Written over what was sent before, `stale`: the meter does not clear its buffer. */
export function encodeReport(type: number, data: Uint8Array, stale: Uint8Array = new Uint8Array(REPORT)): Uint8Array {
  const report = stale.slice()
  report.set([type, data.length, ...data])
  return report
}

const checksum = (text: string) =>
  ascii(text)
    .reduce((all, byte) => all + byte, 0)
    .toString(16)
    .toUpperCase()
    .padStart(8, '0')

/** An answer: its body, the sum of it, and how it went. */
export const answerText = (body: string) => `${body}CKSM:${checksum(body)}\r\nCMD OK\r\n`
export const FAILED = 'CKSM:00000000\r\nCMD Fail!\r\n'

/** The last line of the records: how many, and their sum. */
export const recordsEnd = (count: number, sum: string) => `${count},${sum}\r\n`
export const memoryText = (lines: readonly string[]) => {
  if (lines.length === 0) return 'Log Empty\r\n'
  const records = lines.map((line) => `${line}\r\n`).join('')
  return records + recordsEnd(lines.length, checksum(records))
}

const stamp = (wall: string) => {
  const { year, month, day, hour, minute } = wallFields(wall)
  return [month, day, year.slice(2), hour, minute].map(Number)
}
export const neoRecord = (id: number, { value, at, control }: Pick<Stored, 'value' | 'at' | 'control'>) =>
  [7, id, ...stamp(at), 1, value, 0, control ? 0 : 1, 0, 0, 0, 0, 0, 0, 0, 0].join(',')
export const insulinxRecord = (id: number, value: number, at: string) =>
  [0, id, ...stamp(at), 1, 0, 0, 0, 3, 0, value, 0, 0].join(',')
export const clockChangeRecord = (id: number, now: string, before: string) =>
  [6, id, ...stamp(now), 1, ...stamp(before)].join(',')
export const dateText = (wall: string | null) =>
  wall ? `${stamp(`${wall}T00:00`).slice(0, 3)}\r\n` : '255,255,255\r\n'
export const timeText = (time: string) => `${time.split(':').map(Number).join(',')}\r\n`

export const simulator: Simulator = {
  line: 'hid',
  make(world) {
    const clock = new DeviceClock(world)
    const records: Stored[] = []
    let serial = 'SIM0001-A0001'
    let buffer: Uint8Array = new Uint8Array(REPORT)

    const say = (type: number, data: Uint8Array) => {
      buffer = encodeReport(type, data, buffer)
      world.send(buffer)
    }
    const answers: Record<string, () => string> = {
      '$serlnum?': () => `${serial}\r\n`,
      '$date?': () => dateText(clock.read().slice(0, 10)),
      '$time?': () => timeText(clock.read().slice(11, 16)),
      '$result?': () => memoryText(records.map((stored, i) => neoRecord(i + 1, stored)).reverse()),
    }
    const text = (command: string) => {
      const body = answers[command]?.()
      const lines = (body === undefined ? FAILED : answerText(body)).split(/(?<=\r\n)/)
      for (const [i, line] of lines.entries()) {
        if (i % 3 === 1) say(KEEP_ALIVE, Uint8Array.of(0x03)) // in the middle of an answer too
        for (let at = 0; at < line.length; at += MOST) say(TEXT, ascii(line.slice(at, at + MOST)))
      }
    }
    return {
      receive([type, length = 0, ...data]) {
        if (type === 0x04) say(0x34, Uint8Array.of(0x0c))
        else if (type === 0x05) say(0x06, ascii(`${serial}\0`))
        else if (type === 0x15) say(0x35, ascii('1.40\0'))
        else if (type === 0x01) say(0x71, Uint8Array.of(0x01))
        else if (type === TEXT) text(String.fromCharCode(...data.slice(0, length)).trim())
        else say(0x30, Uint8Array.of(0x85))
      },
      commands: meterCommands({
        clock,
        unit: 'mg/dL',
        low: 20,
        high: 500,
        marksMeals: false,
        seconds: false,
        keep: (stored) => records.push(stored),
        serial: {
          shape: /^[A-Z0-9]{7}-[A-Z0-9]{5}$/,
          example: 'SIM0001-A0001',
          set: (given) => {
            serial = given
          },
        },
      }),
    }
  },
}
