// Which ports this machine has and what hangs on each, as Linux's /sys tells it: needs no rights, and opens nothing.
import { readdir, readFile, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { UsbId } from '../../devices/kit/driver.ts'
import { PortError } from './port.ts'

export interface FoundPort {
  type: 'serial' | 'hid'
  /** `/dev/ttyUSB0`, `/dev/hidraw1`: another one after the next plugging in. */
  path: string
  /** Null: no USB device, such as a UART on the board. */
  usb: (UsbId & { serial: string | null; product: string | null }) | null
  /**
   * The plug itself, the same whatever is plugged in there and after every restart: controller, chain of hub ports,
   * interface of the device, as `0000:00:14.0/1.4:1.0`.
   */
  place: string | null
}

const CLASSES = [
  { type: 'serial', folder: 'class/tty' },
  { type: 'hid', folder: 'class/hidraw' },
] as const

/** All serial ports with something behind them and all HID devices, by path. */
export async function foundPorts(sys = '/sys'): Promise<FoundPort[]> {
  const found = await Promise.all(
    CLASSES.map(async ({ type, folder }) => {
      const names = await readdir(join(sys, folder)).catch(() => []) // no Linux, or no such port at all
      return Promise.all(names.map((name) => portAt(sys, type, join(sys, folder, name))))
    }),
  )
  return found
    .flat()
    .filter((port) => port !== null)
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function portAt(sys: string, type: FoundPort['type'], entry: string): Promise<FoundPort | null> {
  const path = `/dev/${basename(entry)}`
  const device = await realpath(join(entry, 'device')).catch(() => null)
  if (device === null) return null // a console or a pseudo-terminal
  for (let at = device; at.startsWith(`${sys}/devices/`); at = dirname(at)) {
    const [vendorId, productId] = [await hex(at, 'idVendor'), await hex(at, 'idProduct')]
    if (vendorId === null || productId === null) continue
    const [serial, product] = [await text(at, 'serial'), await text(at, 'product')]
    return { type, path, usb: { vendorId, productId, serial, product }, place: placeOf(device, at) }
  }
  if (type === 'serial') {
    const none = (await text(entry, 'type')) === '0' // a UART the kernel has a name for and the board has not
    return none ? null : { type, path, usb: null, place: null }
  }
  return { type, path, usb: await usbOfHid(device), place: null }
}

/** `…/0000:00:14.0/usb1/1-1/1-1.4/1-1.4:1.0/ttyUSB0`: the bus gets another number at the next start, the rest stays. */
function placeOf(device: string, usbDevice: string): string {
  const [inside = ''] = device.slice(usbDevice.length + 1).split('/')
  const [, chain = ''] = /^\d+-(.+)$/.exec(basename(usbDevice)) ?? []
  const [, part = ''] = /:(.+)$/.exec(inside) ?? []
  const bus = usbDevice.slice(0, usbDevice.search(/\/usb\d+\//))
  return `${basename(bus)}/${chain}:${part}`
}

/** A HID device without a plug (Bluetooth, uhid) says itself what it is: `HID_ID=0003:00001A79:00007410`. */
async function usbOfHid(device: string): Promise<FoundPort['usb']> {
  const said = (await text(device, 'uevent')) ?? ''
  const [, vendor, product] = /^HID_ID=[0-9A-F]+:([0-9A-F]+):([0-9A-F]+)$/m.exec(said) ?? []
  if (!vendor || !product) return null
  const name = (key: string) => new RegExp(`^${key}=(.+)$`, 'm').exec(said)?.[1] ?? null
  return {
    vendorId: Number.parseInt(vendor, 16),
    productId: Number.parseInt(product, 16),
    serial: name('HID_UNIQ'),
    product: name('HID_NAME'),
  }
}

const text = (folder: string, file: string) =>
  readFile(join(folder, file), 'utf8').then(
    (content) => content.trim() || null,
    () => null,
  )
const hex = async (folder: string, file: string) => {
  const content = await text(folder, file)
  return content === null ? null : Number.parseInt(content, 16)
}

/** Which port a device's settings mean; each that is given must fit. */
export interface Wanted {
  vendorId?: number | undefined
  productId?: number | undefined
  serial?: string | undefined
  place?: string | undefined
}

/**
 * The path of the one port that is meant. Two that fit are told from each other by nobody: none is taken.
 * @param ids of the driver, where the settings name no vendor; empty: whatever hangs there
 * @throws PortError
 */
export function portFor(
  type: FoundPort['type'],
  wanted: Wanted,
  ids: readonly UsbId[],
  found: readonly FoundPort[],
): string {
  const { vendorId, productId, serial, place } = wanted
  const meant: readonly Pick<Wanted, 'vendorId' | 'productId'>[] =
    vendorId === undefined ? ids : [{ vendorId, productId }]
  const fits = ({ usb, ...port }: FoundPort) =>
    port.type === type &&
    (place === undefined || place === port.place) &&
    (serial === undefined || serial === usb?.serial) &&
    (meant.length === 0 ||
      meant.some((id) => id.vendorId === usb?.vendorId && (id.productId ?? usb?.productId) === usb?.productId))
  const fitting = found.filter(fits)
  const number = (n: number | undefined) => (n === undefined ? '*' : n.toString(16).padStart(4, '0'))
  const names = meant.map((id) => `${number(id.vendorId)}:${number(id.productId)}`).join(', ')
  const what = [type, 'device', names, serial && `serial ${serial}`, place && `at ${place}`]
    .filter((word) => word)
    .join(' ')
  const [first, second] = fitting
  if (!first) throw new PortError('gone', `no ${what} is plugged in`)
  if (second) {
    const each = fitting.map((port) => `${port.path} at ${port.place ?? '-'}, serial ${port.usb?.serial ?? '-'}`)
    const how = 'they cannot be told apart: give serial or place'
    throw new PortError('ambiguous', `${fitting.length} of ${what} are plugged in and ${how} (${each.join('; ')})`)
  }
  return first.path
}
