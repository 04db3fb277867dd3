// Each program by itself, with as little around it as it starts with: a hub that reaches no broker, a clinic no hub comes to.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Around, SITE, start, writeConfig } from '../../../simulators/programs.ts'

/** @param more of the configuration @param around `env` it has beside its own, and who hears its log */
export async function startHub(folder: string, more: object = {}, around: Partial<Around> = {}) {
  const broker = { url: 'mqtt://127.0.0.1:1', username: 'K01', password: 'p' } // nobody listens there
  const clinicKey = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k' }
  writeFileSync(join(folder, 'enrolment.json'), JSON.stringify({ v: 1, hub: 'K01', site: SITE, broker, clinicKey }))
  const config = await writeConfig(folder, {
    enrolment: 'enrolment.json',
    data: 'hub',
    devices: [{ id: 'cuff', driver: 'and-tm2657', port: { type: 'serial', path: join(folder, 'cuff') } }],
    screen: { port: 0 },
    ...more,
  })
  return start<{ url: string }>('hub', ['run', '--config', config], { log: () => undefined, ...around })
}

export async function startClinic(folder: string, more: object = {}, around: Partial<Around> = {}) {
  const config = await writeConfig(folder, {
    data: 'clinic',
    listen: { port: 0 },
    broker: { embedded: { port: 0 } },
    series: { sqlite: true },
    sites: [SITE],
    ...more,
  })
  return start<{ url: string }>('clinic', ['run', '--config', config], { log: () => undefined, ...around })
}
