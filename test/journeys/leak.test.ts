// The leak test (promises 2.2): after visits at debug level, no name and no number stands anywhere but in the registry.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PlannedVisit, person, plannedVisits } from '../../simulators/people.ts'
import { visit } from '../../simulators/visitors.ts'
import { until } from '../servers.ts'
import { residents, search } from './clinic-api.ts'
import { type House, HUB, house } from './house.ts'
import { encodings, numbersIn } from './traces.ts'

const SEED = 11
const VISITS = 4

let there: House
let proxy: Server
/** Every byte between hub and broker, both ways. */
const wire: Buffer[] = []

const recording = (brokerPort: number) =>
  new Promise<number>((resolve) => {
    proxy = createServer((hub) => {
      const broker = connect(brokerPort, '127.0.0.1')
      hub.on('data', (chunk) => wire.push(chunk)).pipe(broker)
      broker.on('data', (chunk) => wire.push(chunk)).pipe(hub)
      hub.on('error', () => broker.destroy())
      broker.on('error', () => hub.destroy())
    }).listen(0, '127.0.0.1', () => resolve((proxy.address() as { port: number }).port))
  })

beforeAll(async () => {
  there = await house({
    parts: 'embedded',
    devices: { reader: 'sdt-samv', cuff: 'and-tm2657', meter: 'lifescan-ultraeasy' },
    measuringSeconds: { min: 0.5, max: 1 },
    between: recording,
    env: { LOG_LEVEL: 'debug' },
  })
  const { reader, cuff, meter } = there.devices as Record<'reader' | 'cuff' | 'meter', House['devices'][string]>
  const plans: PlannedVisit[] = []
  for (const plan of plannedVisits(SEED)) {
    if (plans.length === VISITS) break
    if (plan.person) plans.push(plan)
  }
  // FC-50 (4): nothing of a name ever becomes part of a topic.
  plans.push({ ...plans[0]!, person: { ...person(SEED, 500), name: 'a/+/#' } })
  for (const [n, plan] of plans.entries()) {
    const told = () => undefined
    expect(await visit(plan, n, { reader, cuff, meter, screen: there.screen, told }), `visit ${n}`).toBe(true)
  }
  const api = await there.api()
  await until('every visitor to be a resident', async () => (await residents(api)).length === plans.length)
  await search(api, person(SEED, 0).name)
  await search(api, person(SEED, 1).number)
}, 120_000)

afterAll(async () => {
  await there.close()
  proxy.close()
})

/** The registry is where people are kept; nothing else under the folder is exempt. */
const clearFiles = () =>
  readdirSync(there.folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(there.folder, name), { throwIfNoEntry: false })?.isFile())
    .filter((name) => !/^clinic\/registry\.sqlite(-wal|-shm)?$/.test(name))

const secrets = () => {
  const people = [...Array.from({ length: VISITS }, (_, n) => person(SEED, n)), { ...person(SEED, 500), name: 'a/+/#' }]
  return people.flatMap(({ name, number }) => [name, number])
}

describe('after five visits at debug level', () => {
  it('the search itself finds a name and a number where they may stand: in the registry', () => {
    const registry = ['', '-wal'].map((end) => join(there.folder, `clinic/registry.sqlite${end}`))
    const bytes = Buffer.concat(
      registry.filter((f) => statSync(f, { throwIfNoEntry: false })).map((f) => readFileSync(f)),
    )
    for (const secret of secrets())
      expect(
        encodings(secret).some((one) => bytes.includes(one)),
        secret,
      ).toBe(true)
    expect(numbersIn(bytes).length).toBeGreaterThan(0)
  })

  it('no clear file holds a name or a number in any encoding', () => {
    const files = clearFiles()
    expect(files.length).toBeGreaterThan(3)
    for (const file of files) {
      const bytes = readFileSync(join(there.folder, file))
      expect(numbersIn(bytes), file).toEqual([])
      for (const secret of secrets())
        expect(
          encodings(secret).filter((one) => bytes.includes(one) || file.includes(one.toString())),
          file,
        ).toEqual([])
    }
  })

  it('no topic and no payload between hub and broker holds one', () => {
    const bytes = Buffer.concat(wire)
    expect(bytes.includes(`kiosk/v1/${HUB}/records`)).toBe(true)
    expect(numbersIn(bytes)).toEqual([])
    for (const secret of secrets()) expect(encodings(secret).filter((one) => bytes.includes(one))).toEqual([])
  })

  it('no log line of hub or clinic holds one, nor a URL with what was searched for', () => {
    for (const said of ['heard', 'kept', 'sent', 'mark taken', 'batch kept', 'mark told', 'written to the series'])
      expect(there.logs(), said).toMatch(new RegExp(`"level":20,.*"msg":"${said}"`)) // the search is over debug lines of both
    const bytes = Buffer.from(there.logs())
    expect(bytes.length).toBeGreaterThan(500)
    expect(numbersIn(bytes)).toEqual([])
    for (const secret of secrets()) expect(encodings(secret).filter((one) => bytes.includes(one))).toEqual([])
  })

  it('no figure that a monitor is told holds one', async () => {
    for (const { ready } of [there.hub, there.clinic]) {
      const bytes = Buffer.from(await (await fetch(new URL('metrics', ready.url))).arrayBuffer())
      expect(bytes.includes('kiosk_')).toBe(true)
      expect(numbersIn(bytes)).toEqual([])
      for (const secret of secrets()) expect(encodings(secret).filter((one) => bytes.includes(one))).toEqual([])
    }
  })
})
