// Simulated FreeStyle Lite on its serial cable: asked with a text command, it sends its whole memory as one text with a sum.
import { ascii, DeviceClock, joined, type Simulator, wallFields } from './device.ts'
import { meterCommands, type Stored } from './meter.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const PLASMA = '16'
const LONGEST_COMMAND = 16

const shortMonth = (month: string) => MONTHS[Number(month) - 1]!
/** Four characters each. */
const longMonth = (month: string) => ({ '06': 'June', '07': 'July' })[month] ?? `${shortMonth(month)} `

const stamp = (wall: string, between: string) => {
  const { year, month, day, hour, minute, second } = wallFields(wall)
  return `${shortMonth(month)}  ${day} ${year}${between}${hour}:${minute}:${second}`
}
/** The answer to `$colq`, as far as it is known. */
export const clockLine = (wall: string) => ascii(`Clock:\t${stamp(wall, '\t')}\r\n`)

/** Type: `G` glucose and `K` ketone on a Xtra, the plasma type on a Lite. */
export function recordLine({ value, at, control }: Pick<Stored, 'value' | 'at' | 'control'>, type = PLASMA): string {
  const { year, month, day, hour, minute } = wallFields(at)
  const figure = typeof value === 'number' ? String(value).padStart(3, '0') : `${value} `
  return `${figure}  ${longMonth(month)} ${day} ${year} ${hour}:${minute} ${type} 0x0${control ? 1 : 0}`
}

export function encodeMemory(serial: string, version: string, clock: string, lines: readonly string[]): Uint8Array {
  const count = lines.length === 0 ? 'Log Empty' : String(lines.length).padStart(3, '0')
  const text = ascii(['', serial, version, stamp(clock, ' '), count, ...lines].map((line) => `${line}\r\n`).join(''))
  const sum = text.reduce((all, byte) => (all + byte) & 0xffff, 0)
  return joined(text, ascii(`0x${sum.toString(16).toUpperCase().padStart(4, '0')}  END\r\n`))
}

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const records: Stored[] = []
    let serial = 'SIMU123-A4567'
    let heard = ''
    return {
      receive(bytes) {
        for (const byte of bytes) {
          heard = (heard + String.fromCharCode(byte)).slice(-LONGEST_COMMAND)
          if (!heard.endsWith('\r\n')) continue
          const command = heard.trim()
          heard = ''
          if (command !== '$mem') continue
          const lines = records.map((stored) => recordLine(stored)).reverse()
          world.send(encodeMemory(serial, '1.43       -P', clock.read(), lines))
        }
      },
      unplugged() {
        heard = ''
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
          shape: /^[A-Z]{4}\d{3}-[A-Z]\d{4}$/,
          example: 'SIMU123-A4567',
          set: (given) => {
            serial = given
          },
        },
      }),
    }
  },
}
