// Which ports there are and which one is meant, on a /sys laid out as Linux lays it out.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { foundPorts, portFor } from '../../../hub/ports/found.ts'

let sys: string
beforeEach(() => {
  sys = realpathSync(mkdtempSync(join(tmpdir(), 'sys-')))
})
afterEach(() => rmSync(sys, { recursive: true, force: true }))

const write = (path: string, content: string) => {
  mkdirSync(dirname(join(sys, path)), { recursive: true })
  writeFileSync(join(sys, path), `${content}\n`)
}
const link = (from: string, to: string) => {
  mkdirSync(dirname(join(sys, from)), { recursive: true })
  mkdirSync(join(sys, to), { recursive: true })
  symlinkSync(join(sys, to), join(sys, from))
}
/** An adapter on plug `chain` of bus `bus`. */
function adapter(tty: string, bus: number, chain: string, serial: string | null) {
  const usb = `devices/pci0000:00/0000:00:14.0/usb${bus}/${bus}-${chain}`
  write(`${usb}/idVendor`, '067b')
  write(`${usb}/idProduct`, '2303')
  write(`${usb}/product`, 'USB-Serial Controller')
  if (serial !== null) write(`${usb}/serial`, serial)
  link(`class/tty/${tty}/device`, `${usb}/${bus}-${chain}:1.0/${tty}`)
}

describe('what is plugged in', () => {
  it('is told with its ids, its serial number and its plug, whatever number the bus has', async () => {
    adapter('ttyUSB0', 1, '1.4', null)
    adapter('ttyUSB1', 2, '3', 'AB12')
    const usb = { vendorId: 0x067b, productId: 0x2303, product: 'USB-Serial Controller' }
    expect(await foundPorts(sys)).toEqual([
      { type: 'serial', path: '/dev/ttyUSB0', usb: { ...usb, serial: null }, place: '0000:00:14.0/1.4:1.0' },
      { type: 'serial', path: '/dev/ttyUSB1', usb: { ...usb, serial: 'AB12' }, place: '0000:00:14.0/3:1.0' },
    ])
  })

  it('is a UART of the board only where the board has one, and no console', async () => {
    for (const [name, kind] of [
      ['ttyS0', '4'],
      ['ttyS1', '0'],
    ]) {
      link(`class/tty/${name}/device`, `devices/platform/serial8250/${name}-port`)
      write(`class/tty/${name}/type`, kind!)
    }
    mkdirSync(join(sys, 'class/tty/tty0'), { recursive: true })
    expect(await foundPorts(sys)).toEqual([{ type: 'serial', path: '/dev/ttyS0', usb: null, place: null }])
  })

  it('is a HID device that has no plug by what it says of itself', async () => {
    link('class/hidraw/hidraw0/device', 'devices/virtual/misc/uhid/0003:1A79:7410.0001')
    write(
      'devices/virtual/misc/uhid/0003:1A79:7410.0001/uevent',
      'HID_ID=0003:00001A79:00007410\nHID_NAME=Contour\nHID_UNIQ=M1',
    )
    expect(await foundPorts(sys)).toEqual([
      {
        type: 'hid',
        path: '/dev/hidraw0',
        usb: { vendorId: 0x1a79, productId: 0x7410, serial: 'M1', product: 'Contour' },
        place: null,
      },
    ])
  })

  it('is nothing where there is no /sys', async () => expect(await foundPorts(join(sys, 'none'))).toEqual([]))
})

describe('two adapters that look alike', () => {
  const ids = { vendorId: 0x067b, productId: 0x2303 }
  beforeEach(() => {
    adapter('ttyUSB0', 1, '1', null)
    adapter('ttyUSB1', 1, '2', null)
  })

  it('are taken by neither name when only their kind is given', async () => {
    const found = await foundPorts(sys)
    expect(() => portFor('serial', ids, [], found)).toThrow(
      /2 of serial device 067b:2303 .*ttyUSB0 at 0000:00:14.0\/1:1.0, serial -; .*ttyUSB1 at 0000:00:14.0\/2:1.0/,
    )
  })

  it('are told apart by their plugs, even when the kernel has exchanged their names', async () => {
    const at = (chain: string) => ({ place: `0000:00:14.0/${chain}:1.0` })
    expect(portFor('serial', at('1'), [], await foundPorts(sys))).toBe('/dev/ttyUSB0')
    rmSync(join(sys, 'class'), { recursive: true })
    adapter('ttyUSB0', 1, '2', null)
    adapter('ttyUSB1', 1, '1', null)
    expect(portFor('serial', at('1'), [], await foundPorts(sys))).toBe('/dev/ttyUSB1')
  })

  it('the one whose plug was pulled is gone, and the other is not taken in its place', async () => {
    rmSync(join(sys, 'class/tty/ttyUSB0'), { recursive: true })
    const found = await foundPorts(sys)
    expect(() => portFor('serial', { ...ids, place: '0000:00:14.0/1:1.0' }, [], found)).toThrow(
      /no serial device 067b:2303 at/,
    )
  })
})
