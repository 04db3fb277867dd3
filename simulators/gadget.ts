// A USB serial device (CDC-ACM) made by the kernel's own gadget side and plugged into its dummy host: appears as /dev/ttyACM*.
import { execFileSync } from 'node:child_process'
import { constants, existsSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ReadStream } from 'node:tty'
import type { UsbId } from '../devices/kit/driver.ts'
import type { Cable } from './device.ts'

export interface AcmIdentity extends UsbId {
  /** One on each plug of the dummy host: `dummy_udc.0`. */
  udc: string
  product: string
  /** Null: a device without a serial number, as cheap adapters are. */
  serial: string | null
}

const GADGETS = '/sys/kernel/config/usb_gadget'
const ENGLISH = 'strings/0x409'

/** Lays the cable plugged in. Needs the modules dummy_hcd, libcomposite and usb_f_acm, configfs, and root. */
export function acmCable(name: string, identity: AcmIdentity, receive: (bytes: Uint8Array) => void): Cable {
  const gadget = join(GADGETS, name)
  const hex = (n: number) => `0x${n.toString(16).padStart(4, '0')}`
  const set = (file: string, value: string) => writeFileSync(join(gadget, file), value)
  for (const folder of ['', ENGLISH, 'configs/c.1', 'functions/acm.0'])
    mkdirSync(join(gadget, folder), { recursive: true })
  set('idVendor', hex(identity.vendorId))
  set('idProduct', hex(identity.productId))
  set(`${ENGLISH}/product`, identity.product)
  if (identity.serial !== null) set(`${ENGLISH}/serialnumber`, identity.serial)
  if (!existsSync(join(gadget, 'configs/c.1/acm.0')))
    symlinkSync(join(gadget, 'functions/acm.0'), join(gadget, 'configs/c.1/acm.0'))
  const tty = `/dev/ttyGS${readFileSync(join(gadget, 'functions/acm.0/port_num'), 'utf8').trim()}`

  let line: { fd: number; stream: ReadStream } | undefined
  const plug = () => {
    if (line) return
    set('UDC', identity.udc)
    execFileSync('stty', ['-F', tty, 'raw', '-echo'])
    const fd = openSync(tty, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)
    const stream = new ReadStream(fd)
    stream.on('data', receive)
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EIO') throw error // how it says that the cable was pulled
    })
    line = { fd, stream }
  }
  plug()
  return {
    plugged: () => line !== undefined,
    send(bytes) {
      line?.stream.write(bytes)
      return line !== undefined
    },
    plug,
    pull() {
      if (!line) return
      set('UDC', '\n')
      line.stream.destroy()
      line = undefined
    },
  }
}
