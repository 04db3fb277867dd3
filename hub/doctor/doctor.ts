// `kiosk-hub doctor`: looks at everything a kiosk needs, changes nothing, and says what to do.
import { join } from 'node:path'
import { allDrivers } from '../../devices/kit/driver.ts'
import { ConfigError, type HubConfig, readConfig } from '../config.ts'
import type { StoredMark } from '../contract/stored.ts'
import { type Glance, glance, isHeld } from '../outbox-file.ts'
import { lookAtBroker } from './broker.ts'
import { certificateFindings } from './certificates.ts'
import { clockFindings } from './clock.ts'
import { diskFindings } from './disk.ts'
import { broken, type Finding, look, ok } from './finding.ts'
import { portFindings, udevFinding } from './ports.ts'

const ASK_MS = 3000
const OLD_MS = 86_400_000

/** @param nowMs milliseconds since 1970 */
export async function doctor(configPath: string, nowMs: number): Promise<Finding[]> {
  let config: HubConfig
  try {
    config = await readConfig(configPath)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const faults = error.message.replace(/:\n\s+/, ': ').replace(/\n\s+/g, '; ')
    return [broken('config', faults, 'correct what is listed; nothing else was looked at')]
  }
  const { enrolment, devices } = config
  const { hub, site } = enrolment
  const line = config.broker === undefined ? enrolment.broker : { ...enrolment.broker, url: config.broker }
  const outbox = join(config.data, 'outbox.sqlite')
  const broker = await lookAtBroker(hub, line)
  const running = lookSafely('outbox', () => isHeld(outbox))
  const up = running.value ? await devicesOfHub(config) : null
  return [
    ok('config', `${configPath} can be used; this is ${hub} of the site ${site.id}`),
    running.value
      ? up === 'silent'
        ? look('hub', 'it runs, but its page does not answer', 'systemctl restart kiosk-hub; the log says why')
        : ok('hub', 'it runs: its devices are left to it')
      : look('hub', 'it does not run', 'systemctl start kiosk-hub'),
    ...(await diskFindings(config.data)),
    ...(running.finding ? [running.finding] : waitingFindings(outbox, broker.mark, broker.signedIn, nowMs)),
    ...(await clockFindings(site.zone)),
    ...broker.findings,
    ...certificateFindings(line, nowMs),
    await udevFinding(await allDrivers(), devices),
    ...(await portFindings(devices, up === 'silent' ? new Map() : up)),
  ]
}

/** A file that SQLite cannot read is a finding, not the doctor's end. */
function lookSafely<T>(what: string, work: () => T): { value?: T; finding?: Finding } {
  try {
    return { value: work() }
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? error.code : 'unknown'
    return {
      finding: broken(what, `it cannot be read (${why})`, 'look at the rights and at the disk; never remove it'),
    }
  }
}

/** What the running hub counts as open, from its own page. */
async function devicesOfHub({ screen, metricsToken }: HubConfig): Promise<Map<string, boolean> | 'silent'> {
  const host = screen.host.includes(':') ? `[${screen.host}]` : screen.host
  try {
    const answer = await fetch(`http://${host}:${screen.port}/metrics`, {
      signal: AbortSignal.timeout(ASK_MS),
      headers: metricsToken === undefined ? {} : { authorization: `Bearer ${metricsToken}` },
    })
    const lines = (await answer.text()).matchAll(/^kiosk_hub_device_up\{device="([^"]+)"\} ([01])$/gm)
    return answer.ok ? new Map([...lines].map(([, id = '', up]) => [id, up === '1'])) : 'silent'
  } catch {
    return 'silent'
  }
}

function waitingFindings(outbox: string, mark: StoredMark | null, signedIn: boolean, nowMs: number): Finding[] {
  const { value, finding } = lookSafely('outbox', () => glance(outbox, mark))
  if (finding) return [finding]
  const ago = (ms: number) => {
    const minutes = Math.max(0, Math.round((nowMs - ms) / 60_000))
    return minutes < 120 ? `${minutes} min ago` : `${Math.round(minutes / 60)} h ago`
  }
  return [outboxFinding(value ?? null, ago, nowMs), markFinding(value ?? null, mark, signedIn, ago)]
}

function outboxFinding(seen: Glance | null, ago: (ms: number) => string, nowMs: number): Finding {
  if (seen === null) return ok('outbox', 'there is none yet')
  const { rows, waiting, oldestMs } = seen
  if (oldestMs === null) return ok('outbox', `${rows} records, none waits for the clinic`)
  const says = `${waiting} of ${rows} records wait for the clinic, the oldest since ${ago(oldestMs)}`
  return nowMs - oldestMs < OLD_MS ? ok('outbox', says) : look('outbox', says, 'see the broker below; ask the clinic')
}

function markFinding(seen: Glance | null, mark: StoredMark | null, signedIn: boolean, ago: (ms: number) => string) {
  const what = 'stored at the clinic'
  if (!signedIn) return look(what, 'not known: this hub was not let in', 'see the broker below')
  if (mark === null && (seen?.rows ?? 0) === 0) return ok(what, 'nothing yet, and nothing was sent')
  if (mark === null) return look(what, 'the clinic has confirmed nothing', 'ask the clinic whether kiosk-clinic runs')
  return ok(what, `confirmed ${ago(Date.parse(mark.at))}: ${seen?.covered ?? 0} of the ${seen?.rows ?? 0} records here`)
}
