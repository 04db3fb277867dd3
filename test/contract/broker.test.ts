// One suite, three brokers: what the wire contract promises holds on aedes, and on Mosquitto by MQTT 3.1.1 and by MQTT 5.
import { randomUUID } from 'node:crypto'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import type { IPublishPacket } from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask } from '../../dashboard/server/registry/commands.ts'
import { openRegistry } from '../../dashboard/server/registry/registry.ts'
import { Command } from '../../hub/contract/command.ts'
import { StoredMark } from '../../hub/contract/stored.ts'
import { topic } from '../../hub/contract/topics.ts'
import { command } from '../../simulators/programs.ts'
import { kiosks, unassigned } from '../journeys/clinic-api.ts'
import { connectAsClinic, connectAsHub, type House, type HouseOptions, HUB, house } from '../journeys/house.ts'
import { until } from '../servers.ts'

const BROKERS: Record<string, Pick<HouseOptions, 'parts' | 'protocolVersion' | 'byCertificate'>> = {
  'aedes, MQTT 3.1.1': { parts: 'embedded' },
  'Mosquitto, MQTT 3.1.1': { parts: 'servers', protocolVersion: 4 },
  'Mosquitto, MQTT 5': { parts: 'servers', protocolVersion: 5 },
  'Mosquitto, MQTT 5, hubs by certificate': { parts: 'servers', protocolVersion: 5, byCertificate: true },
}

/** CONNACK of MQTT 3.1.1 (table 3.1) and 5 (table 3-1), or PUBACK of 5 to one that is still connected. */
const REFUSED = /"reason":"[^"]*(Not authorized|Bad username or password)[^"]*\(reason code (4|5|135)\)/

describe.each(Object.entries(BROKERS))('on %s', (_name, parts) => {
  let there: House
  const ends: (() => unknown)[] = []

  /** What the hub may hear, from now on; what is retained comes first. */
  async function asHub() {
    const client = await connectAsHub(there)
    ends.push(() => client.end(true))
    const heard: (IPublishPacket & { text: string })[] = []
    client.on('message', (_topic, payload, packet) => heard.push({ ...packet, text: payload.toString() }))
    await client.subscribeAsync([topic(HUB, 'stored'), topic(HUB, 'command')], { qos: 1 })
    return heard
  }
  async function guest() {
    await there.screen.until('the cuff', (view) => view.devices.some((d) => d.state === 'open'), 20_000)
    await there.screen.press({ do: 'guest' })
    await there.screen.until('a visit', (view) => view.visit !== null && view.visit.step !== 'goodbye', 5_000)
  }
  /** Until the screen ticks it. */
  async function measured(systolic: number) {
    await there.devices.cuff!.say({ measure: { systolic, diastolic: 70, pulse: 66 } })
    await there.screen.until(`${systolic}`, ({ visit }) => visit?.results.at(-1)?.values?.systolic === systolic, 10_000)
  }
  const stored = (systolic: number) =>
    until(`${systolic} at the clinic`, async () =>
      (await unassigned(await there.api())).some((one) => one.values.systolic === systolic),
    )
  const presence = async () => (await kiosks(await there.api())).find(({ hub }) => hub === HUB)?.presence

  beforeAll(async () => {
    there = await house({ ...parts, devices: { cuff: 'and-tm2657' }, measuringSeconds: { min: 0, max: 0 } })
  }, 60_000)
  afterAll(async () => {
    for (const end of ends) end()
    await there?.close()
  })

  it('a reading comes to the clinic, and the mark that says so is retained for whoever comes later', async () => {
    await guest()
    await measured(111)
    await stored(111)
    const heard = await asHub()
    const first = await until('the retained mark', () => heard[0])
    expect(first).toMatchObject({ topic: topic(HUB, 'stored'), retain: true, qos: 1 })
    expect(StoredMark.parse(JSON.parse(first.text)).marks.some(({ through }) => through > 0)).toBe(true)
  })

  it('a command reaches the hub within its deadline and is answered', async () => {
    const heard = await asHub()
    const registry = await openRegistry(join(there.paths.clinic.data, 'registry.sqlite'))
    ends.push(() => registry.destroy())
    const before = new Date().toISOString()
    await ask(registry, HUB, { name: 'erase', aliases: [], ids: [randomUUID()], before }, Date.now())
    const answer = () => registry.selectFrom('commands').select('outcome').executeTakeFirst()
    await until('the answer', async () => (await answer())?.outcome === 'done')
    const packet = await until('the command', () => heard.find((one) => one.topic === topic(HUB, 'command')))
    const leftMs = Date.parse(Command.parse(JSON.parse(packet.text)).deadline) - Date.now()
    expect(packet.retain).toBe(false)
    // On MQTT 5 the broker itself drops what nobody fetched in time.
    const expiry = packet.properties?.messageExpiryInterval
    if (parts.protocolVersion === 5) expect(Math.abs(expiry! * 1000 - leftMs)).toBeLessThan(30_000)
    else expect(expiry).toBeUndefined()
  })

  it('a command that nobody fetched before its time was over is dropped by the broker, on MQTT 5', async () => {
    if (parts.protocolVersion !== 5) return
    const session = { clientId: `${HUB}-late`, clean: false, properties: { sessionExpiryInterval: 600 } }
    const before = await connectAsHub(there, session)
    await before.subscribeAsync(topic(HUB, 'command'), { qos: 1 })
    await before.endAsync()
    const clinic = await connectAsClinic(there)
    const say = (text: string, messageExpiryInterval?: number) =>
      clinic.publishAsync(topic(HUB, 'command'), text, {
        ...{ qos: 1, retain: false },
        properties: messageExpiryInterval ? { messageExpiryInterval } : {},
      })
    await say('over in a second', 1)
    await say('without an end')
    const over = Date.now() + 2000 // Mosquitto counts whole seconds
    await until('the second to be over', () => Date.now() > over)
    const heard: string[] = []
    const after = await connectAsHub(there, session, (client) =>
      client.on('message', (_topic, payload) => heard.push(payload.toString())),
    )
    await until('the one without an end', () => heard.includes('without an end'))
    expect(heard).toEqual(['without an end'])
    for (const client of [clinic, after]) client.end(true)
  })

  it('the will of a hub that dies says that it is away, and its birth that it is back', async () => {
    await there.hub.kill()
    await until('it to be away', async () => (await presence()) === 'offline')
    await there.startHub()
    await until('it to be back', async () => (await presence()) === 'online')
  })

  it('new keys end the old ones; with the new file the hub delivers all that it kept meanwhile', async () => {
    await guest()
    const cli = (...args: string[]) => command('clinic', ['keys', ...args, '--config', there.paths.clinic.config])
    const fresh = join(there.folder, 'fresh.json')
    const said = there.logs().length
    await cli('rotate', HUB, '--out', fresh)
    for (const systolic of [121, 122, 123]) await measured(systolic)
    await until('the hub to be refused, with the reason', () => REFUSED.test(there.logs().slice(said)))
    for (const systolic of [124, 125]) await measured(systolic)
    await there.hub.stop()
    copyFileSync(fresh, join(there.folder, 'enrolment.json'))
    await there.startHub()
    for (const systolic of [121, 122, 123, 124, 125]) await stored(systolic)
    const all = (await unassigned(await there.api())).map(({ values }) => values.systolic)
    expect(all.sort()).toEqual([111, 121, 122, 123, 124, 125])
  })
})
