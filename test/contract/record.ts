// Records the example messages of this version: real programs, real broker, real sealing, invented people. Never over older ones.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MqttClient } from 'mqtt'
import { ask } from '../../dashboard/server/registry/commands.ts'
import { openRegistry } from '../../dashboard/server/registry/registry.ts'
import type { Reply } from '../../hub/contract/command.ts'
import { HubRecord, type RecordsMessage } from '../../hub/contract/record.ts'
import type { StoredMark } from '../../hub/contract/stored.ts'
import {
  CLINIC_MAY_READ,
  everyHub,
  HUB_MAY_READ,
  parseTopic,
  type TopicName,
  topic,
  VERSION,
} from '../../hub/contract/topics.ts'
import { type PlannedVisit, plannedVisits } from '../../simulators/people.ts'
import { visit } from '../../simulators/visitors.ts'
import { connectAsClinic, connectAsHub, HUB, house } from '../journeys/house.ts'
import { until } from '../servers.ts'
import { folderOf } from './publish.ts'

const folder = join(folderOf(VERSION), 'examples')
if (existsSync(folder)) {
  process.stderr.write(`${folder} is there: examples are what this version once sent, and are not made again\n`)
  process.exit(1)
}

const heard: Record<TopicName, object[]> = { records: [], status: [], stored: [], live: [], command: [], reply: [] }
const recordsHeard = () => (heard.records as RecordsMessage[]).flatMap((m) => m.records.map((r) => HubRecord.parse(r)))

/** A card holder, one whose first measurement fails, a guest, and a glucose meter beyond its range. */
function varied(): PlannedVisit[] {
  const plans: PlannedVisit[] = []
  const wanted: ((plan: PlannedVisit) => boolean)[] = [
    (plan) => plan.person !== null && plan.failures.length === 0 && typeof plan.glucose?.value === 'number',
    (plan) => plan.person !== null && plan.failures.length > 0,
    (plan) => plan.person === null,
    (plan) => plan.glucose?.value === 'HI',
  ]
  for (const plan of plannedVisits(7)) {
    const fits = wanted.findIndex((test) => test(plan))
    if (fits >= 0) plans.push({ ...plan, failures: plan.failures.slice(0, 1) })
    if (fits >= 0) wanted.splice(fits, 1)
    if (wanted.length === 0) return plans
  }
  throw new Error('unreachable: planned visits do not end')
}

const there = await house({
  parts: 'servers',
  devices: { reader: 'sdt-samv', cuff: 'and-tm2657', meter: 'lifescan-ultraeasy' },
  measuringSeconds: { min: 0.5, max: 1 },
})
try {
  const listen = async (line: MqttClient, topics: string[]) => {
    line.on('message', (topic, payload) => {
      const at = parseTopic(topic)
      if (at) heard[at.name].push(JSON.parse(payload.toString()))
    })
    await line.subscribeAsync(topics, { qos: 1 })
    return line
  }
  const lines = [
    await listen(await connectAsClinic(there), CLINIC_MAY_READ.filter((name) => name !== 'stored').map(everyHub)),
    await listen(
      await connectAsHub(there),
      HUB_MAY_READ.map((name) => topic(HUB, name)),
    ),
  ]

  const { reader, cuff, meter } = there.devices
  if (!reader || !cuff || !meter) throw new Error('a device of the house is missing')
  for (const [n, plan] of varied().entries()) {
    const told = () => undefined
    if (!(await visit(plan, n, { reader, cuff, meter, screen: there.screen, told })))
      throw new Error(`visit ${n} failed`)
  }
  const types = () => new Set(recordsHeard().map((record) => record.type))
  await until('observation, visit and failure', () =>
    ['observation', 'visit', 'failure'].every((type) => types().has(type as 'visit')),
  )

  const someone = recordsHeard().find((record) => record.type === 'visit' && record.subject !== null)
  if (someone?.type !== 'visit' || !someone.subject) throw new Error('no card holder was recorded')
  const registry = await openRegistry(join(there.paths.clinic.data, 'registry.sqlite'))
  const before = new Date().toISOString()
  await ask(registry, HUB, { name: 'erase', aliases: [someone.subject.alias], ids: [], before }, Date.now())
  await registry.destroy()
  await until('the reply', () => (heard.reply as Reply[]).some((reply) => reply.outcome === 'done'))
  await until('a mark over them', () => (heard.stored as StoredMark[]).some((mark) => mark.marks.length > 0))
  await there.hub.stop()
  await until('the farewell', () => (heard.status as { online: boolean }[]).some((status) => !status.online))
  for (const line of lines) await line.endAsync()

  mkdirSync(folder)
  const last = { status: 3, stored: 2 } as Record<string, number>
  for (const [name, all] of Object.entries(heard)) {
    const kept = all.slice(-(last[name] ?? 20))
    if (kept.length > 0) writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(kept, null, 2)}\n`)
  }
  const keys = join(there.paths.clinic.data, 'keys')
  const file = readdirSync(keys).find((name) => name.startsWith('seal-'))
  if (!file) throw new Error(`no key in ${keys}`)
  writeFileSync(join(folder, 'clinic-key.json'), readFileSync(join(keys, file)))
  process.stdout.write(
    `${folder}: ${Object.entries(heard)
      .map(([name, all]) => `${all.length} ${name}`)
      .join(', ')}\n`,
  )
} finally {
  await there.close()
}
