// The udev rules of a kiosk: its devices' ports belong to the hub's group, and to nobody else.
import type { Driver } from '../devices/kit/driver.ts'
import type { DeviceSettings } from './config.ts'
import type { Wanted } from './ports/found.ts'

const SUBSYSTEM = { serial: 'tty', hid: 'hidraw' } as const
type PortType = keyof typeof SUBSYSTEM

const HEAD = `# Ports of the health kiosk: for the group kiosk alone. Made by \`kiosk-hub udev\`; make it again rather than change it.
# Keep it as /etc/udev/rules.d/70-kiosk.rules, then: udevadm control --reload && udevadm trigger
ACTION=="remove", GOTO="kiosk_end"
`
const TAIL = 'LABEL="kiosk_end"\n'

/**
 * Rules of udev(7) for what the drivers know by its USB ids and for what a config names besides.
 * @returns the text of a rules file
 */
export function udevRules(drivers: readonly Driver[], devices: readonly DeviceSettings[]): string {
  const known = drivers.flatMap(({ id, transport }) => {
    const rules = (transport.ids ?? []).map((usb) => rule(transport.type, matches(usb)))
    return rules.length > 0 ? [`# ${id}\n${rules.join('')}`] : []
  })
  return [HEAD, ...known, ...devices.map(ofSettings), TAIL].join('\n')
}

function ofSettings({ id, driver, port }: DeviceSettings): string {
  const head = `# device ${id} (${driver.id})`
  if (port.type === 'tcp') return `${head}: in the network, so no rule\n`
  const { type, path, ...wanted } = port
  if (path !== undefined) {
    const [, name] = /^\/dev\/(.+)$/.exec(path) ?? []
    if (name === undefined) return `${head}: its path is not in /dev, so no rule\n`
    // A link such as serial/by-id/… is made by a rule that comes before ours.
    return `${head}\n${rule(type, [is(name.includes('/') ? 'SYMLINK' : 'KERNEL', name)])}`
  }
  const found = matches(wanted)
  return found.length > 0 ? `${head}\n${rule(type, found)}` : `${head}: by the ids of its driver\n`
}

/** udev wants all of ATTRS of one and the same parent: ids and serial number are of the USB device, the place is in the path. */
function matches({ vendorId, productId, serial, place }: Wanted): string[] {
  const hex = (n: number) => n.toString(16).padStart(4, '0')
  const [, controller, plug] = /^(.+)\/([^/]+)$/.exec(place ?? '') ?? []
  return [
    ...(vendorId === undefined ? [] : [is('ATTRS{idVendor}', hex(vendorId))]),
    ...(productId === undefined ? [] : [is('ATTRS{idProduct}', hex(productId))]),
    ...(serial === undefined ? [] : [is('ATTRS{serial}', serial)]),
    ...(controller && plug ? [`DEVPATH=="*/${literal(controller)}/usb*-${literal(plug)}/*"`] : []),
  ]
}

const is = (key: string, value: string) => `${key}=="${literal(value)}"`
/** What udev would read as a pattern or as the end of a text matches any one character. */
const literal = (value: string) => value.replace(/[^A-Za-z0-9._:/@#+=, -]/gu, '?')

/** A modem manager would say AT to a cuff. */
const rule = (type: PortType, found: readonly string[]) =>
  `${[
    is('SUBSYSTEM', SUBSYSTEM[type]),
    ...found,
    'GROUP="kiosk"',
    'MODE="0660"',
    ...(type === 'serial' ? ['ENV{ID_MM_PORT_IGNORE}="1"'] : []),
  ].join(', ')}\n`
