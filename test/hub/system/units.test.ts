// The units we ship are sound to systemd itself, shut in, and name what this repository has.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const shipped = join(root, 'packaging/systemd')
const units = readdirSync(shipped).filter((name) => /\.(service|timer|path)$/.test(name))
const services = units.filter((name) => name.endsWith('.service'))
/** Mosquitto has its own user, and is told by a signal alone. */
const programs = services.filter((name) => name !== 'kiosk-broker.service')
const text = (unit: string) => readFileSync(join(shipped, unit), 'utf8')
const call = promisify(execFile)

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'units-'))
  // Node may lie elsewhere on the machine that tests.
  for (const unit of units)
    writeFileSync(join(folder, unit), text(unit).replace('ExecStart=/usr/bin/node', `ExecStart=${process.execPath}`))
})
afterAll(() => rmSync(folder, { recursive: true }))

const verified = async (unit: string) => {
  const { stdout, stderr } = await call('systemd-analyze', ['verify', join(folder, unit)])
  return stdout + stderr
}

describe('the systemd units', () => {
  it.each(units)('%s has no fault that systemd-analyze knows', async (unit) => {
    expect(await verified(unit)).toBe('')
  })

  it('a slip in one would be seen', async () => {
    writeFileSync(join(folder, 'slip.service'), text('kiosk-hub.service').replace('ProtectClock', 'ProtectClok'))
    expect(await verified('slip.service')).toContain("Unknown key 'ProtectClok'")
  })

  it.each(services)('%s is shut in: an exposure of 2.0 of 10 at most', async (unit) => {
    const args = ['security', '--offline=true', '--threshold=20', join(folder, unit)]
    const { stdout } = await call('systemd-analyze', args) // more than the threshold ends with an error
    expect(stdout).toContain('Overall exposure level')
  })

  it.each(programs)('%s runs a program that the build makes', (unit) => {
    const program = /^ExecStart=\S+ \/opt\/health-kiosk-hub\/(dist\/\S+) (\w+)/m.exec(text(unit))
    expect(existsSync(join(root, program![1]!))).toBe(true)
  })

  it('the hub may open serial lines and HID devices, in the group that owns them, and no other device', () => {
    const hub = text('kiosk-hub.service')
    expect(hub).toMatch(/^DevicePolicy=closed$/m)
    for (const kind of ['ttyS', 'ttyUSB', 'ttyACM', 'hidraw']) expect(hub).toContain(`DeviceAllow=char-${kind} rw`)
    expect(hub).toMatch(/^User=kiosk$/m)
  })

  it('its users and folders are ones that systemd can make', async () => {
    const { stdout } = await call('systemd-sysusers', ['--dry-run', join(shipped, 'kiosk.sysusers')])
    const { stderr } = await call('systemd-sysusers', ['--dry-run', join(shipped, 'kiosk.sysusers')])
    expect(stdout + stderr).not.toMatch(/fail|invalid|ignoring/i)
    const users = [...readFileSync(join(shipped, 'kiosk.sysusers'), 'utf8').matchAll(/^u (\S+)/gm)].map(([, u]) => u)
    for (const unit of programs) expect(users).toContain(/^User=(\S+)$/m.exec(text(unit))![1])
  })
})
