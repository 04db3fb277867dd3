// HID devices by their reports (/dev/hidraw on Linux). A report carries a report id in front only where the device uses ids.
import HID from 'node-hid'
import type { HidLine } from '../../devices/kit/driver.ts'
import { chunkQueue, type OpenPort, type PortCause, PortError } from './port.ts'

/** @throws PortError */
export async function openHid(path: string, line: Pick<HidLine, 'numbered' | 'setup'>): Promise<OpenPort> {
  const device = await HID.HIDAsync.open(path).catch((cause: Error) => {
    const reason: PortCause = /permission|EACCES/i.test(cause.message)
      ? 'not-permitted'
      : /busy|EBUSY/i.test(cause.message)
        ? 'busy'
        : /no such|ENOENT|ENODEV|not found/i.test(cause.message)
          ? 'gone'
          : 'not-a-device'
    throw new PortError(reason, `cannot open ${path}: ${cause.message}`, { cause })
  })
  try {
    for (const report of line.setup ?? []) await device.sendFeatureReport(Buffer.from(report))
  } catch (cause) {
    await device.close()
    throw new PortError('not-a-device', `cannot make ${path} ready: ${(cause as Error).message}`, { cause })
  }
  const queue = chunkQueue((on) => (on ? device.pause() : device.resume()))
  let closed: Promise<void> | undefined
  device.on('data', (report: Buffer) => queue.push(report))
  device.on('error', (error: Error) => queue.end(error))
  return {
    // The kernel keeps reports only for those who have the device open.
    waited: new Uint8Array(0),
    chunks: queue.chunks,
    async write(report) {
      await device.write(Buffer.concat([Buffer.alloc(line.numbered ? 0 : 1), report])) // id 0: the device uses none
    },
    close() {
      queue.end()
      closed ??= device.close() // the library refuses to do it twice
      return closed
    },
  }
}
