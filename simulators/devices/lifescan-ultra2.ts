// Simulated LifeScan OneTouch Ultra 2: woken by 11 0D, answers letters with text lines, each closed by its own sum.
import { ascii, DeviceClock, type Simulator, wallFields } from './device.ts'
import { meterCommands } from './meter.ts'

const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
const MEALS = { none: 'N', before: 'B', after: 'A' } as const
const UNITS = { 'mg/dL': 'MG/DL ', 'mmol/L': 'MMOL/L' } as const
const LONGEST_COMMAND = 8

/** The line's text, a space, the sum of the text's characters, CR LF. */
export function encodeLine(text: string): Uint8Array {
  const sum = ascii(text).reduce((all, byte) => (all + byte) & 0xffff, 0)
  return ascii(`${text} ${sum.toString(16).toUpperCase().padStart(4, '0')}\r\n`)
}

const stamp = (wall: string) => {
  const { year, month, day, hour, minute, second } = wallFields(wall)
  const weekday = DAYS[new Date(`${wall}Z`).getUTCDay()]
  return `"${weekday}","${month}/${day}/${year.slice(2)}","${hour}:${minute}:${second}   "`
}

export const versionText = (version: string) => `?${version}   /  /  `
export const serialText = (serial: string) => `@ "${serial}"`
export const clockText = (wall: string) => `F ${stamp(wall)}`
export const headerText = (count: number, serial: string, unit: keyof typeof UNITS) =>
  `P ${String(count).padStart(3, '0')},"${serial}","${UNITS[unit]}"`

export interface Ultra2Record {
  value: number | 'HI'
  at: string
  control: boolean
  parityError: boolean
  /** Null on the Ultra, which has no marks. */
  marked: { meal: keyof typeof MEALS; comment: string } | null
}
export function recordText({ value, at, control, parityError, marked }: Ultra2Record): string {
  const figure = value === 'HI' ? 'HIGH' : `${String(value).padStart(3, '0')}${parityError ? '?' : ' '}`
  const marks = marked ? `"${MEALS[marked.meal]}","${marked.comment}",` : ''
  return `P ${stamp(at)},"${control ? 'C' : ' '} ${figure}",${marks} 00`
}

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const clock = new DeviceClock(world)
    const records: Ultra2Record[] = []
    let serial = 'SIMULTRA2'
    let heard = ''

    const line = (text: string) => world.send(encodeLine(text))
    /** Erasing and clock setting are not obeyed: a hub has no business with them. */
    const answers: Record<string, () => void> = {
      'DM?': () => line(versionText('P02.00.01')),
      'DM@': () => line(serialText(serial)),
      DMF: () => line(clockText(clock.read())),
      DMP() {
        line(headerText(records.length, serial, 'mmol/L'))
        for (const record of records.toReversed()) line(recordText(record))
      },
    }
    return {
      receive(bytes) {
        for (const byte of bytes) {
          if (byte === 0x11 || byte === 0x0d) {
            world.send(Uint8Array.of(byte)) // the wake-up is echoed
            heard = ''
            continue
          }
          heard = (heard + String.fromCharCode(byte)).slice(-LONGEST_COMMAND)
          const answer = answers[heard]
          if (!answer) continue
          heard = ''
          answer()
        }
      },
      unplugged() {
        heard = ''
      },
      commands: meterCommands({
        clock,
        unit: 'mg/dL',
        low: 20,
        high: 600,
        words: ['HI'], // and how it says LO, nobody tells
        marksMeals: true,
        seconds: true,
        keep({ value, meal, ...stored }) {
          const marked = { meal: meal ?? ('none' as const), comment: '00' }
          if (value !== 'LO') records.push({ ...stored, value, marked, parityError: false })
        },
        serial: {
          shape: /^[A-Z0-9]{9}$/,
          example: 'SIMULTRA2',
          set: (given) => {
            serial = given
          },
        },
      }),
    }
  },
}
