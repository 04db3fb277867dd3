// What the clinic cannot take: poison in a row with good readings behind it, stale words the broker retained, points outside InfluxDB's retention.
import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Observation } from '../../hub/contract/record.ts'
import { DELIVERY, topic } from '../../hub/contract/topics.ts'
import { quarantine } from '../journeys/clinic-api.ts'
import { connectAsHub, HUB } from '../journeys/house.ts'
import { until } from '../servers.ts'
import type { Case, Parts } from './case.ts'
import { forgetBroker } from './servers-fail.ts'
import type { World } from './world.ts'

const SERVERS: readonly Parts[] = ['servers']
const DAY_MS = 86_400_000

/** One row of the clinic's registry, read past our own code. */
function fromRegistry<Row>({ house }: World, sql: string): Row {
  const db = new Database(join(house.paths.clinic.data, 'registry.sqlite'), { readonly: true })
  try {
    return db.prepare<[], Row>(sql).get()!
  } finally {
    db.close()
  }
}

const aReading = (world: World) => {
  const sql = `select body from records where type = 'observation' limit 1`
  return JSON.parse(fromRegistry<{ body: string }>(world, sql).body) as Observation
}

const envelope = (records: readonly object[], changed: object = {}) =>
  Buffer.from(JSON.stringify({ v: 1, hub: HUB, epoch: randomUUID(), first: 1, records, ...changed }))

/** Each is refused for another reason, and no two are alike. */
const POISON: readonly ((reading: Observation) => Buffer)[] = [
  () => randomBytes(200),
  () => Buffer.from(`{"v":1,"hub":"${HUB}","nonsense":NaN,"n":"${randomUUID()}"}`),
  () => Buffer.from(JSON.stringify([randomUUID()])),
  () => envelope([]),
  (reading) => envelope([reading], { v: 2 }),
  (reading) => envelope([reading], { first: Number.MAX_SAFE_INTEGER }),
  () => envelope([{ type: 'poem', id: randomUUID() }]),
  (reading) => envelope([{ ...reading, id: randomUUID(), unit: 'furlong' }]),
  (reading) => envelope([{ ...reading, id: randomUUID(), values: { systolic: 'high' } }]),
  (reading) => envelope([{ ...reading, id: randomUUID(), hub: 'K99' }]),
]
const POISONS = 1000

export const refused: Case[] = [
  {
    name: `${POISONS} poison messages in a row with good readings behind them`,
    kind: 'poison',
    limitSeconds: 240,
    async run(world) {
      await world.say(5)
      await world.screenUntil('an empty outbox', ({ queued }) => queued === 0)
      const reading = aReading(world)
      const stranger = await connectAsHub(world.house)
      const pouring = (async () => {
        const poured = Array.from({ length: POISONS }, (_, n) =>
          stranger.publishAsync(topic(HUB, 'records'), POISON[n % POISON.length]!(reading), DELIVERY.records),
        )
        await Promise.all(poured)
        await stranger.endAsync()
      })()
      await world.sayUntil(pouring)
      world.healed()
      await world.say(20)
      const api = await world.house.api()
      await until(`${POISONS} messages set aside`, async () => (await quarantine(api)).length === POISONS, 60_000)
    },
  },
  {
    name: 'a stale birth retained at the broker when the clinic starts (FC-36)',
    kind: 'stale status',
    parts: SERVERS, // an embedded broker forgets
    limitSeconds: 120,
    async run(world) {
      const { house, hub, say } = world
      await say(10)
      await world.screenUntil('an empty outbox', ({ queued }) => queued === 0)
      await house.clinic.kill()
      const { status } = fromRegistry<{ status: string }>(world, 'select status from hub_sessions')
      const heard = () =>
        fromRegistry<{ sessions: number; lastMs: number }>(
          world,
          'select count(*) as sessions, max(last_heard_ms) as lastMs from hub_sessions',
        )
      const before = heard()
      await hub.end('SIGKILL')
      await house.broker!.end('SIGKILL')
      forgetBroker(world)
      await house.broker!.start()
      const stranger = await connectAsHub(world.house)
      const stale = { ...JSON.parse(status), session: randomUUID(), online: true }
      await stranger.publishAsync(topic(HUB, 'status'), JSON.stringify(stale), DELIVERY.status)
      await stranger.endAsync()
      for (let n = 0; n < 3; n++) {
        await house.startClinic()
        await until('the stale word to be read', () => heard().sessions > before.sessions)
        if (heard().lastMs !== before.lastMs) throw new Error('a retained word was taken as a sign of life')
        await house.clinic.kill()
      }
      await house.startClinic()
      await hub.begin()
      world.healed()
      await say(10)
    },
  },
  {
    name: 'InfluxDB keeps 30 days and refuses older readings, until it keeps all (FC-40)',
    kind: 'retention',
    parts: SERVERS,
    limitSeconds: 180,
    async run(world) {
      const { house, truth, say } = world
      const keep = async (duration: string) => {
        const q = `ALTER RETENTION POLICY autogen ON kiosk DURATION ${duration}`
        const url = `http://127.0.0.1:${house.influx!.port}/query`
        const answer = await fetch(url, { method: 'POST', body: new URLSearchParams({ q }) })
        const said = await answer.text()
        if (!answer.ok || said.includes('error')) throw new Error(`${q}: ${said}`)
      }
      await say(10)
      await world.screenUntil('an empty outbox', ({ queued }) => queued === 0)
      await keep('30d')
      const reading = aReading(world)
      // Three are older than that, and lie between others of one message.
      const ages = [0, 40, 0, 400, 35, 0]
      const records = ages.map((days): Observation => {
        const figures = truth.next()
        const one = truth.says(figures)
        const takenMs = Date.now() - days * DAY_MS
        one.saidMs = one.tickedMs = takenMs
        const takenAt = new Date(takenMs).toISOString()
        return { ...reading, id: randomUUID(), takenAt, values: { ...reading.values, ...figures } }
      })
      const other = await connectAsHub(world.house)
      await other.publishAsync(topic(HUB, 'records'), envelope(records), DELIVERY.records)
      await other.endAsync()
      await say(20)
      const api = await house.api()
      const asideWith = async () => (await quarantine(api)).filter(({ reason }) => reason === 'store-refused').length
      await until('three readings set aside', async () => (await asideWith()) === 3)
      await say(10)
      await keep('INF')
      await house.clinic.kill()
      await house.startClinic() // what was refused is offered again at a start
      world.healed()
      await say(10)
    },
  },
]
