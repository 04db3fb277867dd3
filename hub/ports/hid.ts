// HID devices by their reports (/dev/hidraw on Linux). A report carries a report id in front only where the device uses ids.
import HID from 'node-hid'
import type { UsbId } from '../../devices/kit/driver.ts'
import { chunkQueue, type OpenPort, type PortCause, PortError } from './port.ts'

export interface HidSettings {
  /** A hidraw path, or else the device is found by its ids. */
  path?: string | undefined
  vendorId?: number | undefined
  productId?: number | undefined
  serial?: string | undefined
}

const hex = (n: number) => n.toString(16).padStart(4, '0')

/** The paths of matching devices; one device may have several interfaces at one path. */
async function find(settings: HidSettings, ids: readonly UsbId[]): Promise<string[]> {
  const { vendorId, productId, serial } = settings
  const wanted = vendorId === undefined ? ids : [{ vendorId, productId }]
  const found = (await HID.devicesAsync()).filter(
    (device) =>
      wanted.some((w) => w.vendorId === device.vendorId && (w.productId ?? device.productId) === device.productId) &&
      (serial === undefined || serial === device.serialNumber),
  )
  return [...new Set(found.flatMap(({ path }) => path ?? []))]
}

/** @throws PortError */
export async function openHid(settings: HidSettings, ids: readonly UsbId[]): Promise<OpenPort> {
  const path = settings.path ?? (await onlyOne(settings, ids))
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
  const queue = chunkQueue((on) => (on ? device.pause() : device.resume()))
  let closed: Promise<void> | undefined
  device.on('data', (report: Buffer) => queue.push(report))
  device.on('error', (error: Error) => queue.end(error))
  return {
    // The kernel keeps reports only for those who have the device open.
    waited: new Uint8Array(0),
    chunks: queue.chunks,
    async write(report) {
      await device.write(Buffer.concat([Buffer.of(0), report])) // report id 0: the device uses none
    },
    close() {
      queue.end()
      closed ??= device.close() // the library refuses to do it twice
      return closed
    },
  }
}

async function onlyOne(settings: HidSettings, ids: readonly UsbId[]): Promise<string> {
  const paths = await find(settings, ids)
  const [path, second] = paths
  const wanted = settings.vendorId === undefined ? ids : [settings]
  const names = wanted.map((id) => `${hex(id.vendorId ?? 0)}:${hex(id.productId ?? 0)}`).join(', ')
  if (path === undefined) throw new PortError('gone', `no HID device ${names} is plugged in`)
  if (second !== undefined)
    throw new PortError(
      'not-a-device',
      `${paths.length} HID devices ${names} are plugged in and cannot be told apart: give one's serial or path`,
    )
  return path
}
