// The machine's clock: is it kept right by the network, does it survive a power cut, and which zone has it.
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { type Finding, look, ok } from './finding.ts'

const ASK_MS = 3000
const ask = promisify(execFile)

export async function clockFindings(siteZone: string): Promise<Finding[]> {
  const [synchronised, batteries] = [
    await ask('timedatectl', ['show', '--property=NTPSynchronized', '--value'], { timeout: ASK_MS }).then(
      ({ stdout }) => stdout.trim(),
      () => 'unknown',
    ),
    await readdir('/sys/class/rtc').catch(() => []),
  ]
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  return [
    synchronised === 'yes'
      ? ok('clock', 'set by the network')
      : look(
          'clock',
          synchronised === 'no' ? 'not set by the network' : 'whether the network sets it is not known',
          'see that NTP is on (timedatectl set-ntp true); until then the clinic’s clock is what tells a wrong one',
        ),
    batteries.length > 0
      ? ok('battery clock', 'there')
      : look('battery clock', 'there is none', 'after a power cut the time is wrong until the network is back'),
    zone === siteZone
      ? ok('zone', `${zone}, as the site’s`)
      : look(
          'zone',
          `${zone}, the site’s is ${siteZone}`,
          `timedatectl set-timezone ${siteZone}; readings carry the site’s zone in any case`,
        ),
  ]
}
