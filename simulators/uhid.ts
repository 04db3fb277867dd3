// A HID device that the kernel itself presents as /dev/hidraw*, by Linux's uhid: what a host does to it is what it would do to hardware.
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import type { UsbId } from '../devices/kit/driver.ts'
import type { Cable } from './device.ts'

export interface HidIdentity extends UsbId {
  name: string
  serial: string
  /** Bytes of one report, both ways; none has a report id. */
  reportLength: number
}

/** linux/uhid.h: `struct uhid_event`, packed, in the machine's byte order. */
const EVENT_LENGTH = 4 + 128 + 64 + 64 + 2 + 2 + 4 * 4 + 4096
const DESTROY = 1
const OUTPUT = 6
const CREATE2 = 11
const INPUT2 = 12
const BUS_USB = 3
const OUTPUT_SIZE_AT = 4 + 4096

/** A read that waits would hold one of the few threads Node has for files. */
const LISTEN_MS = 5

/** The next event that waits; null when there is none. */
function next(fd: number | undefined): Buffer | null {
  if (fd === undefined) return null
  const event = Buffer.alloc(EVENT_LENGTH)
  try {
    readSync(fd, event)
    return event
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return null
    throw error
  }
}

/** A vendor's page with one input and one output report: what meters that carry their own protocol declare. */
const descriptor = (reportLength: number) =>
  Buffer.from([
    ...[0x06, 0x00, 0xff], // usage page: vendor defined
    ...[0x09, 0x01, 0xa1, 0x01], // usage 1, collection: application
    ...[0x15, 0x00, 0x26, 0xff, 0x00], // bytes from 0 to 255
    ...[0x75, 0x08, 0x95, reportLength],
    ...[0x09, 0x01, 0x81, 0x02], // input
    ...[0x09, 0x02, 0x91, 0x02], // output
    0xc0,
  ])

/** Lays the cable plugged in. Needs the right to open /dev/uhid. */
export function uhidCable(identity: HidIdentity, receive: (report: Uint8Array) => void): Cable {
  let fd: number | undefined
  let listening: NodeJS.Timeout | undefined
  const write = (type: number, fill: (event: Buffer) => void) => {
    if (fd === undefined) return
    const event = Buffer.alloc(EVENT_LENGTH)
    event.writeUInt32LE(type, 0)
    fill(event)
    writeSync(fd, event)
  }
  const create = (event: Buffer) => {
    const { name, serial, vendorId, productId, reportLength } = identity
    const report = descriptor(reportLength)
    event.write(name, 4)
    event.write(serial, 4 + 128 + 64)
    const at = 4 + 128 + 64 + 64
    event.writeUInt16LE(report.length, at)
    event.writeUInt16LE(BUS_USB, at + 2)
    event.writeUInt32LE(vendorId, at + 4)
    event.writeUInt32LE(productId, at + 8)
    report.copy(event, at + 20)
  }
  const listen = () => {
    for (let event = next(fd); event; event = next(fd)) {
      if (event.readUInt32LE(0) !== OUTPUT) continue
      const length = event.readUInt16LE(OUTPUT_SIZE_AT)
      // The kernel's USB driver takes the number of a report without one off, uhid does not.
      const from = length === identity.reportLength + 1 ? 1 : 0
      receive(event.subarray(4 + from, 4 + length))
    }
  }
  const plug = () => {
    if (fd !== undefined) return
    fd = openSync('/dev/uhid', constants.O_RDWR | constants.O_NONBLOCK)
    write(CREATE2, create)
    listening = setInterval(listen, LISTEN_MS)
  }
  plug()
  return {
    plugged: () => fd !== undefined,
    send(report) {
      write(INPUT2, (event) => {
        event.writeUInt16LE(report.length, 4)
        event.set(report, 6)
      })
      return fd !== undefined
    },
    plug,
    pull() {
      clearInterval(listening)
      write(DESTROY, () => {})
      if (fd !== undefined) closeSync(fd)
      fd = undefined
    },
  }
}
