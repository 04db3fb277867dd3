// The devices' ports: is each there, may this user open it, who has it open, and does it open. Nothing is ever sent to a device.
import { constants } from 'node:fs'
import { access, readdir, readFile, readlink, realpath, stat } from 'node:fs/promises'
import type { Driver } from '../../devices/kit/driver.ts'
import type { DeviceSettings } from '../config.ts'
import { type FoundPort, foundPorts, portFor } from '../ports/found.ts'
import { type PortCause, PortError } from '../ports/port.ts'
import { openPort } from '../ports/watch.ts'
import { udevRules } from '../udev.ts'
import { broken, type Finding, look, ok } from './finding.ts'

const RULES = '/etc/udev/rules.d/70-kiosk.rules'
const MAKE_RULES = `kiosk-hub udev --config hub.json > ${RULES}, then udevadm control --reload && udevadm trigger`
const TO_DO: Record<PortCause, string> = {
  gone: 'plug the device in and switch it on, or correct its port in the config (kiosk-hub ports lists what is there)',
  ambiguous: 'give serial or place in the config, as kiosk-hub ports prints them',
  busy: 'end the program that has it open',
  'not-permitted': `give the port to the group kiosk: ${MAKE_RULES}`,
  'not-a-device': 'correct its port in the config: kiosk-hub ports lists what is there',
}

/** @param up what a running hub says of its devices, by id; null: none runs on this data folder */
export async function portFindings(
  devices: readonly DeviceSettings[],
  up: ReadonlyMap<string, boolean> | null,
): Promise<Finding[]> {
  const found = await foundPorts()
  const all: Finding[] = []
  for (const device of devices) {
    const runs = up?.get(device.id)
    const port = await portFinding(device, found, runs === true)
    all.push(port)
    if (up === null) all.push(await deviceFinding(device, port.state === 'broken'))
    else all.push(heardByHub(device, runs))
  }
  return all
}

async function portFinding({ id, driver, port }: DeviceSettings, found: readonly FoundPort[], runs: boolean) {
  const what = `port of ${id}`
  if (port.type === 'tcp') return ok(what, `${port.host}:${port.port}, in the network`)
  const ids = driver.transport.type === 'hid' ? driver.transport.ids : []
  try {
    const path = port.path ?? portFor(port.type, port, ids, found)
    const there = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw new PortError(error.code === 'EACCES' ? 'not-permitted' : 'gone', `${path} is not there`)
    })
    if (!there.isCharacterDevice()) throw new PortError('not-a-device', `${path} is no port of a device`)
    await access(path, constants.R_OK | constants.W_OK).catch(() => {
      throw new PortError('not-permitted', `this user may not open ${path}`)
    })
    if (runs) return ok(what, `${path}, open in the running hub`)
    const holder = await holderOf(path)
    if (holder !== null) throw new PortError('busy', `${path} is open in another program (${holder})`)
    if ((there.mode & 0o002) !== 0)
      return look(what, `${path} is there and free, but every user of this machine may use it`, MAKE_RULES)
    return ok(what, `${path} is there and free`)
  } catch (error) {
    if (!(error instanceof PortError)) throw error
    return broken(what, error.message, TO_DO[error.reason])
  }
}

/** As far as this user may look: its own programs, and whoever locked the port. */
async function holderOf(path: string): Promise<string | null> {
  const [target, { dev, ino }] = [await realpath(path), await stat(path)]
  const locks = await readFile('/proc/locks', 'utf8').catch(() => '')
  const lock = locks
    .split('\n')
    .map((line) => /FLOCK\s+\S+\s+\S+\s+(-?\d+)\s+([0-9a-f]+):([0-9a-f]+):(\d+)/.exec(line))
    .find(
      (m) =>
        m &&
        Number(m[4]) === ino &&
        numberOf(m[2], m[3]) === numberOf((dev >> 8).toString(16), (dev & 0xff).toString(16)),
    )
  if (lock?.[1]) return programOf(lock[1])
  if (target.startsWith('/dev/pts/')) return null // whoever made a pseudo-terminal has it open too
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const open = await readdir(`/proc/${pid}/fd`).catch(() => [])
    for (const fd of open)
      if ((await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')) === target) return programOf(pid)
  }
  return null
}
const numberOf = (major = '0', minor = '0') => `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}`
const programOf = async (pid: string) =>
  `${(await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'unknown')).trim()}, process ${pid}`

function heardByHub({ id }: DeviceSettings, runs: boolean | undefined): Finding {
  const what = `device ${id}`
  if (runs) return ok(what, 'open in the running hub, as it says itself')
  if (runs === undefined)
    return look(what, 'the running hub does not know it', 'start the hub again: its config has changed')
  return look(
    what,
    'the running hub does not have it, as it says itself',
    'see its port above; switch it on, look at its cable',
  )
}

/** A device that sends unasked may have left a reading in its port: whoever opens it and is not the hub loses that. */
async function deviceFinding({ id, driver, port }: DeviceSettings, isBroken: boolean): Promise<Finding> {
  const what = `device ${id}`
  if (isBroken) return look(what, 'not tried', 'see its port above')
  if (!driver.memory && !driver.polled)
    return ok(
      what,
      'not opened: it sends by itself, and what it has sent is for the hub; measure once when the hub runs',
    )
  const ending = new AbortController()
  try {
    const open = await openPort(port, driver, ending.signal)
    await open.close()
    return ok(what, 'its port opens; nothing was asked: measure once when the hub runs')
  } catch (error) {
    if (!(error instanceof PortError)) throw error
    return broken(what, error.message, TO_DO[error.reason])
  } finally {
    ending.abort()
  }
}

export async function udevFinding(drivers: readonly Driver[], devices: readonly DeviceSettings[]): Promise<Finding> {
  const text = await readFile(RULES, 'utf8').catch(() => null)
  if (text === null) return look('udev rules', `${RULES} is not there`, MAKE_RULES)
  if (text === udevRules(drivers, devices)) return ok('udev rules', `${RULES} fits this config`)
  return look('udev rules', `${RULES} is of another version or another config`, MAKE_RULES)
}
