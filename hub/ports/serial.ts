// Serial ports: USB adapters, on-board UARTs, pseudo-terminals, opened exclusively. The library flushes what the kernel's first
// buffer holds (a cable nobody listened to); what still comes at once waited in a later buffer and is handed over apart.
import { stat } from 'node:fs/promises'
import { SerialPort } from 'serialport'
import { chunkQueue, type OpenPort, type PortCause, PortError, takeWaiting } from './port.ts'

export interface SerialSettings {
  path: string
  baud: number
  dataBits: 7 | 8
  parity: 'none' | 'even' | 'odd'
  stopBits: 1 | 2
  dtr: boolean
}

const LOOK_MS = 500

const CAUSES: [pattern: RegExp, reason: keyof typeof WORDS][] = [
  [/no such file|no such device|ENOENT|ENXIO|ENODEV/i, 'gone'],
  [/permission denied|access denied|EACCES|EPERM/i, 'not-permitted'],
  [/lock|busy|temporarily unavailable|EBUSY|EAGAIN/i, 'busy'],
]

const WORDS: Record<Exclude<PortCause, 'ambiguous'>, string> = {
  gone: 'nothing is there: plug the device in, or correct the path',
  busy: 'another program has it open: end that program',
  'not-permitted': 'this user may not open it: add it to the group that owns the device (often dialout)',
  'not-a-device': 'this is no serial port: name a device such as /dev/serial/by-id/…',
}

const refusal = (path: string, reason: keyof typeof WORDS, cause?: unknown) =>
  new PortError(reason, `cannot open ${path}: ${WORDS[reason]}`, { cause })

/** @throws PortError */
export async function openSerial(settings: SerialSettings, signal: AbortSignal): Promise<OpenPort> {
  const { path, baud, dataBits, parity, stopBits, dtr } = settings
  const kind = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw refusal(path, error.code === 'EACCES' ? 'not-permitted' : 'gone', error)
  })
  if (!kind.isCharacterDevice()) throw refusal(path, 'not-a-device')

  const port = new SerialPort({ path, baudRate: baud, dataBits, parity, stopBits, lock: true, autoOpen: false })
  await new Promise<void>((resolve, reject) =>
    port.open((error) => {
      if (!error) return resolve()
      const reason = CAUSES.find(([pattern]) => pattern.test(error.message))?.[1] ?? 'not-a-device'
      reject(refusal(path, reason, error))
    }),
  )

  const queue = chunkQueue((on) => (on ? port.pause() : port.resume()))
  port.on('data', (chunk: Buffer) => queue.push(chunk))
  port.on('error', (error) => queue.end(error))
  // A port that hangs up in the middle of a read answers with nothing for ever, and the library asks again for ever: so the
  // path is looked at too. Another device under the same path is as good as none.
  const looking = setInterval(async () => {
    const there = await stat(path).catch((error: NodeJS.ErrnoException) => error)
    if (!port.isOpen || ('rdev' in there && there.rdev === kind.rdev)) return
    port.close(() => queue.end())
  }, LOOK_MS)
  port.on('close', () => {
    clearInterval(looking)
    queue.end()
  })
  // A pseudo-terminal has no modem lines and answers ENOTTY; a cable that draws power from them has.
  if (dtr) await new Promise<void>((resolve) => port.set({ dtr: true, rts: true }, () => resolve()))

  return {
    waited: await takeWaiting(queue, signal),
    chunks: queue.chunks,
    write: (bytes) =>
      new Promise<void>((resolve, reject) =>
        port.write(Buffer.from(bytes), (error) =>
          error ? reject(error) : port.drain((e) => (e ? reject(e) : resolve())),
        ),
      ),
    close: () =>
      new Promise<void>((resolve) => {
        if (!port.isOpen) return resolve()
        port.close(() => resolve())
      }),
  }
}
