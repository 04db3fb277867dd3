// The port and the end of `kiosk-hub record`.
import { basename } from 'node:path'
import { findDriver, type SerialLine } from '../devices/kit/driver.ts'
import { openHid } from './ports/hid.ts'
import { openSerial } from './ports/serial.ts'
import { record } from './record.ts'

export interface RecordPort {
  path: string
  driver?: string
  baud?: number
  seconds?: number
}

const UNKNOWN: SerialLine = { type: 'serial', baud: 9600 }

/** Records until the signal, the time is over or the port is gone, and says what to do with the file. */
export async function recordPort(
  file: string,
  { path, driver: id, baud, seconds }: RecordPort,
  { now, say }: { now(): number; say(text: string): void },
  signal: AbortSignal,
) {
  const driver = id === undefined ? null : await findDriver(id)
  const until = seconds === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)])
  const known = driver?.transport
  const serial = known?.type === 'serial' ? known : UNKNOWN
  const port =
    known?.type === 'hid' || (!known && /hidraw/.test(path))
      ? await openHid(path, known?.type === 'hid' ? known : {})
      : await openSerial(
          {
            path,
            baud: baud ?? serial.baud ?? 9600,
            dataBits: serial.dataBits ?? 8,
            parity: serial.parity ?? 'none',
            stopBits: serial.stopBits ?? 1,
            dtr: serial.dtr ?? false,
          },
          until,
        )
  const name = basename(file, '.capture')
  const day = new Date(now()).toISOString().slice(0, 10)
  say(`recording ${path} into ${file}; Ctrl-C ends it`)
  const lines = await record(port, { file, driver, name, day, now }, until)
  say(`${lines} lines. Look through ${file} for names and numbers of persons before you send it.`)
}
