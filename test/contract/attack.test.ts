// Somebody who has a hub's own secret, or none, tries every right that is not theirs, on both brokers; the list of it is printed.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { certify, makeAuthority } from '../../dashboard/server/authority.ts'
import { clientId } from '../../dashboard/server/clinic.ts'
import { openKeys } from '../../dashboard/server/keys.ts'
import { Enrolment } from '../../hub/contract/enrolment.ts'
import { covers, StoredMark } from '../../hub/contract/stored.ts'
import { type TopicName, topic } from '../../hub/contract/topics.ts'
import { connectOptions } from '../../hub/line.ts'
import { command, SITE } from '../../simulators/programs.ts'
import { makeMessage, makeReading } from '../dashboard/ingest/records.ts'
import { type House, type HouseOptions, HUB, house } from '../journeys/house.ts'
import { until } from '../servers.ts'

const BROKERS: Record<string, Pick<HouseOptions, 'parts' | 'protocolVersion' | 'byCertificate'>> = {
  'aedes, MQTT 3.1.1': { parts: 'embedded' },
  'Mosquitto, MQTT 3.1.1': { parts: 'servers', protocolVersion: 4 },
  'Mosquitto, MQTT 5, hubs by certificate': { parts: 'servers', protocolVersion: 5, byCertificate: true },
}
const OTHER = 'K02'
/** Topics of nobody's contract, and what only the clinic may write. */
const FORGED = [
  topic(OTHER, 'records'),
  topic(OTHER, 'status'),
  topic(OTHER, 'live'),
  topic(OTHER, 'reply'),
  topic(OTHER, 'stored'),
  topic(OTHER, 'command'),
  topic(HUB, 'stored'),
  topic(HUB, 'command'),
  `${topic(HUB, 'records')}/more`,
  'kiosk/v1/records',
  '$SYS/broker/version',
]
const LISTENED = [
  '#',
  '$SYS/#',
  '+/+/+/+',
  'kiosk/v1/+/stored',
  `kiosk/v1/${OTHER}/#`,
  topic(OTHER, 'stored'),
  topic(OTHER, 'command'),
  topic(HUB, 'records'),
  topic(HUB, 'status'),
  '$share/thieves/kiosk/v1/+/records',
]

describe.each(Object.entries(BROKERS))('on %s', (name, parts) => {
  const tried: string[] = []
  const clients: MqttClient[] = []
  let there: House
  let mine: Enrolment
  let theirs: Enrolment
  let other: Awaited<ReturnType<typeof watching>>

  const keys = (...args: string[]) => command('clinic', ['keys', ...args, '--config', there.paths.clinic.config])
  const read = (file: string) => Enrolment.parse(JSON.parse(readFileSync(file, 'utf8')))
  /** With whatever secret, past the line between. */
  async function enter({ hub, broker }: Enrolment, more: IClientOptions = {}): Promise<MqttClient> {
    const { will: _, ...options } = connectOptions(hub, broker, {})
    const client = await mqtt.connectAsync(broker.url, { ...options, ...more }, false)
    clients.push(client)
    client.on('error', () => undefined)
    return client
  }
  const entered = (enrolment: Enrolment, more?: IClientOptions) =>
    enter(enrolment, more).then(
      () => 'let in',
      (error: Error & { code?: unknown }) => `refused: ${error.message.split('\n')[0]}`,
    )
  /** A connection that hears what its hub may hear. */
  async function watching(enrolment: Enrolment, more: IClientOptions = {}) {
    const client = await enter(enrolment, more)
    const heard: { topic: string; payload: string }[] = []
    client.on('message', (topic, payload) => heard.push({ topic, payload: `${payload}` }))
    await client.subscribeAsync([topic(enrolment.hub, 'stored'), topic(enrolment.hub, 'command')], { qos: 1 })
    const marked = (epoch: string, seq: number) =>
      until(`a mark of ${enrolment.hub} that covers ${epoch} ${seq}`, () =>
        heard.some(
          (h) =>
            h.topic === topic(enrolment.hub, 'stored') && covers(StoredMark.parse(JSON.parse(h.payload)), epoch, seq),
        ),
      )
    return { client, heard, marked }
  }
  const reading = (hub: string, epoch: string) =>
    JSON.stringify(makeMessage(hub, epoch, 1, [makeReading(randomUUID(), null, { hub })]))
  /** One honest reading, said again until the clinic has told that it keeps it: what was sent before it has had its effect by then. */
  async function honest(enrolment: Enrolment) {
    const epoch = randomUUID()
    const { client, marked } = await watching(enrolment)
    const message = reading(enrolment.hub, epoch)
    const say = () => client.publish(topic(enrolment.hub, 'records'), message, { qos: 1 })
    say()
    const again = setInterval(say, 1000)
    await marked(epoch, 1).finally(() => clearInterval(again))
    client.end(true)
  }
  function fromRegistry<Row>(sql: string, ...values: unknown[]) {
    const db = new Database(join(there.paths.clinic.data, 'registry.sqlite'), { readonly: true })
    try {
      return db.prepare<unknown[], Row>(sql).all(...values)
    } finally {
      db.close()
    }
  }
  const cameBy = (epoch: string) => fromRegistry('select * from arrivals where epoch = ?', epoch).length

  beforeAll(async () => {
    there = await house({
      ...parts,
      devices: { cuff: 'and-tm2657' },
      measuringSeconds: { min: 0, max: 0 },
      hubConfig: { logLevel: 'debug' },
    })
    mine = read(join(there.folder, 'enrolment.json'))
    const file = join(there.folder, 'other.json')
    await keys('add-hub', OTHER, '--site', SITE.id, '--out', file, ...(parts.byCertificate ? ['--certificate'] : []))
    theirs = read(file)
    await until('the broker to know the other hub', async () => (await entered(theirs)) === 'let in')
    await honest(theirs)
    other = await watching(theirs)
  }, 60_000)
  afterAll(async () => {
    for (const client of clients) client.end(true)
    await there?.close()
    process.stdout.write(`Access attack on ${name}:\n${tried.map((line) => `  ${line}\n`).join('')}`)
  })

  it('nobody comes in with another secret than that of the name', async () => {
    const { broker } = mine
    const { certificate, key } = await certify(await makeAuthority(), { client: broker.username })
    const secrets: Record<string, [Enrolment, IClientOptions]> = parts.byCertificate
      ? {
          'no certificate': [{ ...mine, broker: { url: broker.url, username: HUB, password: 'x', ca: broker.ca } }, {}],
          'a certificate of another authority': [mine, { cert: certificate, key }],
        }
      : {
          'no name and no password': [mine, { username: undefined, password: undefined } as unknown as IClientOptions],
          'a name without a password': [mine, { password: undefined } as unknown as IClientOptions],
          'a wrong password': [mine, { password: 'x' }],
          'the name of another hub with my password': [mine, { username: OTHER, clientId: `${OTHER}-a` }],
          'the name of the clinic with my password': [mine, { username: 'clinic' }],
          'the name of nobody': [mine, { username: 'K99', clientId: 'K99-a' }],
        }
    for (const [what, [enrolment, more]] of Object.entries(secrets)) {
      const outcome = await entered(enrolment, more)
      tried.push(`sign in with ${what}: ${outcome}`)
      expect(outcome, what).toMatch(/^refused/)
    }
  })

  it('what is no MQTT, or longer than anything of ours, or without TLS where there is TLS, is closed', async () => {
    const port = Number(new URL(mine.broker.url).port)
    for (const [what, bytes] of Object.entries({
      'a web browser': Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      'MQTT without TLS, or a CONNECT of 256 MB': Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4, 77, 81, 84, 84, 4]),
    })) {
      const socket = connectTcp(port, '127.0.0.1')
      await new Promise((resolve) => {
        socket.once('close', resolve).on('error', () => undefined)
        socket.write(bytes)
      })
      tried.push(`${what}: closed`)
    }
    const client = await enter(mine)
    client.publish(topic(HUB, 'records'), Buffer.alloc(600_000, 120), { qos: 1 })
    await until('the broker to close on a message of 600 kB', () => !client.connected)
    tried.push('a message of 600 kB to my own records: cut off')
    await honest(mine)
  })

  it('a hub hears nothing but its own marks and commands, whatever it subscribes to', async () => {
    const thief = await watching(mine)
    for (const name of LISTENED) {
      if (!thief.client.connected) break
      const granted = await thief.client.subscribeAsync(name, { qos: 1 }).catch((error: Error) => error.message)
      tried.push(
        `subscribe ${name}: ${Array.isArray(granted) && granted[0]!.qos < 128 ? 'granted, and nothing heard' : 'refused'}`,
      )
    }
    const before = other.heard.length
    await honest(theirs)
    await until('the other to hear its mark', () => other.heard.length > before)
    const epoch = randomUUID()
    const again = thief.client.connected ? thief : await watching(mine)
    await again.client.publishAsync(topic(HUB, 'records'), reading(HUB, epoch), { qos: 1 })
    await again.marked(epoch, 1)
    const own = [topic(HUB, 'stored'), topic(HUB, 'command'), topic(HUB, 'records'), topic(HUB, 'status')]
    expect([...thief.heard, ...again.heard].map((h) => h.topic).filter((name) => !own.includes(name))).toEqual([])
  })

  it('a hub writes nowhere but to its own records, status, live and reply: nobody hears it, and nothing changes', async () => {
    const heard = other.heard.length
    for (const name of FORGED) {
      const epoch = randomUUID()
      const forger = await enter(mine)
      const payload = name.endsWith('/stored')
        ? JSON.stringify({
            v: 1,
            rev: 9e9,
            id: randomUUID(),
            at: new Date().toISOString(),
            marks: [{ epoch, through: 9e6, missing: [] }],
          })
        : reading(name.includes(OTHER) ? OTHER : HUB, epoch)
      const said = forger.publishAsync(name, payload, { qos: 1, retain: true }).then(
        () => 'acknowledged and dropped',
        (error: Error) => `refused: ${error.message}`,
      )
      const cut = until('the broker to cut it off', () => !forger.connected).then(() => 'cut off')
      tried.push(`publish, retained, to ${name}: ${await Promise.race([said, cut])}`)
      forger.end(true)
      await honest(mine)
      expect(cameBy(epoch), name).toBe(0)
    }
    await honest(theirs)
    // Whatever the other hears is a true mark: those of the clinic have no epoch that nobody sent.
    const forged = other.heard.slice(heard).filter((h) => h.payload.includes('9000000'))
    expect(forged).toEqual([])
    expect(other.heard.every((h) => h.topic === topic(OTHER, 'stored'))).toBe(true)
    const newcomer = await watching(theirs)
    await until('the retained mark', () => newcomer.heard.length > 0)
    expect(newcomer.heard.filter((h) => h.payload.includes('9000000'))).toEqual([])
  })

  it('its will on another’s topic is never said', async () => {
    const before = fromRegistry<{ n: number }>('select count(*) n from hub_sessions where hub = ?', OTHER)[0]!.n
    for (const name of [topic(OTHER, 'status'), topic(OTHER, 'records'), topic(OTHER, 'stored')]) {
      const epoch = randomUUID()
      const will = { topic: name, payload: Buffer.from(reading(OTHER, epoch)), qos: 1 as const, retain: true }
      const forger = await enter(mine, { will }).catch(() => null)
      forger?.stream.destroy()
      tried.push(`a will on ${name}: ${forger ? 'let in, never said' : 'refused'}`)
      await honest(mine)
      await honest(theirs)
      expect(cameBy(epoch), name).toBe(0)
    }
    expect(fromRegistry<{ n: number }>('select count(*) n from hub_sessions where hub = ?', OTHER)[0]!.n).toBe(before)
  })

  it('poison that it leaves retained on its own topics is set aside once, and the readings behind it come through', async () => {
    const names: TopicName[] = ['records', 'status', 'reply']
    const poisoner = await enter(mine)
    for (const name of names)
      await poisoner.publishAsync(topic(HUB, name), '{"v":1,"poison":', { qos: 1, retain: true })
    await honest(mine)
    await there.clinic.stop()
    await there.startClinic()
    await honest(mine)
    await honest(theirs)
    const cleaner = await enter(mine)
    for (const name of names) await cleaner.publishAsync(topic(HUB, name), '', { qos: 1, retain: true })
    tried.push(`retained poison on my own ${names.join(', ')}: set aside`)
    expect(
      fromRegistry<{ n: number }>("select count(*) n from quarantine where body like '%poison%'")[0]!.n,
    ).toBeGreaterThan(0)
  })

  it('with the client id of another it gains no right, and whoever was thrown off is back with nothing lost', async () => {
    const id = `${OTHER}-12345678`
    const victim = await watching(theirs, { clientId: id })
    const heard = victim.heard.length
    const outcome = await entered(mine, { clientId: id })
    tried.push(`connect with the client id of another hub: ${outcome}`)
    if (parts.parts === 'embedded') {
      expect(outcome).toMatch(/^refused.*dentifier rejected/)
      expect(victim.client.connected).toBe(true)
    } else {
      const thief = clients.at(-1)!
      await until('the victim to be thrown off', () => !victim.client.connected)
      const stolen: string[] = []
      thief.on('message', (name) => stolen.push(name))
      await honest(theirs) // under another id, as a hub does at each connection
      await honest(mine)
      expect(stolen.filter((name) => !name.startsWith(`kiosk/v1/${HUB}/`))).toEqual([])
      expect(victim.heard.slice(heard).filter((h) => !h.topic.startsWith(`kiosk/v1/${OTHER}/`))).toEqual([])
    }
  })

  it('with the client id of the real hub that runs here, or of the clinic, no reading is lost', {
    timeout: 60_000,
  }, async () => {
    const { screen, devices } = there
    await screen.until('the cuff', (view) => view.devices.some((d) => d.state === 'open'), 20_000)
    await screen.press({ do: 'guest' })
    const hubs = [...there.logs().matchAll(/"clientId":"([^"]+)"/g)].map((match) => match[1]!)
    const clinic = clientId({ numbers: openKeys(join(there.paths.clinic.data, 'keys'), true).numbers, seals: [] })
    let systolic = 110
    for (const id of [hubs.at(-1)!, clinic]) {
      const outcome = await entered(mine, { clientId: id })
      tried.push(`connect with the client id of ${id === clinic ? 'the clinic' : 'the running hub'}: ${outcome}`)
      await devices.cuff!.say({ measure: { systolic: ++systolic, diastolic: 70, pulse: 66 } })
    }
    await devices.cuff!.say({ measure: { systolic: ++systolic, diastolic: 70, pulse: 66 } })
    await honest(mine)
    await until('every reading at the clinic', () => {
      const stored = fromRegistry<{ body: string }>("select body from records where type = 'observation'").map(
        ({ body }) => body,
      )
      return Array.from({ length: systolic - 110 }, (_, n) => `"systolic":${111 + n}`).every((one) =>
        stored.some((body) => body.includes(one)),
      )
    })
  })

  it('once revoked it is cut off and not let in again', async () => {
    const victim = await enter(theirs)
    await keys('revoke', OTHER)
    if (parts.byCertificate) {
      // Mosquitto 2.0 lets a certificate of ours in; every right is gone.
      await until('its right to be gone', () =>
        victim.publishAsync(topic(OTHER, 'records'), '{}', { qos: 1 }).then(
          () => false,
          (error: Error) => /Not authorized/.test(error.message),
        ),
      )
      tried.push('a revoked certificate: let in, without any right')
    } else {
      await until('the broker to cut it off', () => !victim.connected)
      tried.push(`a revoked hub: cut off, then ${await entered(theirs)}`)
      expect(await entered(theirs)).toMatch(/^refused/)
    }
    await honest(mine)
  })
})
