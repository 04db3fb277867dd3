// The uplink against a real broker (aedes): what leaves when, what comes again, what the clinic's mark does.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Reply } from '../../hub/contract/command.ts'
import { type RecordsMessage, RecordsMessage as Schema } from '../../hub/contract/record.ts'
import { Status } from '../../hub/contract/status.ts'
import type { StoredMark } from '../../hub/contract/stored.ts'
import { type Outbox, openOutbox } from '../../hub/outbox.ts'
import { openUplink } from '../../hub/uplink.ts'
import { freePort, until } from '../servers.ts'
import { at } from './kiosk.ts'
import { observation } from './records.ts'

let folder: string
let outbox: Outbox
let broker: Aedes
let server: Server
let port: number
let messages: RecordsMessage[]
let statuses: Status[]
let replies: Reply[]
const ending: (() => Promise<unknown>)[] = []
/** Added to the hub's uptime: waits that need no waiting. */
let skippedMs = 0

async function startBroker() {
  broker = await Aedes.createBroker()
  server = createServer(broker.handle)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  broker.on('publish', (packet) => {
    if (packet.topic === 'kiosk/v1/K01/records') messages.push(Schema.parse(JSON.parse(String(packet.payload))))
    if (packet.topic === 'kiosk/v1/K01/reply') replies.push(Reply.parse(JSON.parse(String(packet.payload))))
    if (packet.topic === 'kiosk/v1/K01/status') statuses.push(Status.parse(JSON.parse(String(packet.payload))))
  })
}
async function stopBroker() {
  await new Promise<void>((resolve) => broker.close(() => resolve()))
  await new Promise((resolve) => server.close(resolve))
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uplink-'))
  outbox = openOutbox(join(folder, 'outbox.sqlite'))
  messages = []
  statuses = []
  replies = []
  skippedMs = 0
  port = await freePort()
  await startBroker()
})
afterEach(async () => {
  for (const end of ending.splice(0)) await end()
  await stopBroker()
  outbox.close()
  rmSync(folder, { recursive: true, force: true })
})

let rev = 0
const straight: boolean[] = []
function mark(marks: StoredMark['marks'], retain = true) {
  rev++
  const message: StoredMark = { v: 1, rev, id: `m${rev}`, at: new Date().toISOString(), marks }
  const payload = Buffer.from(JSON.stringify(message))
  const packet = { cmd: 'publish', topic: 'kiosk/v1/K01/stored', payload, qos: 1, retain, dup: false } as const
  return new Promise<void>((resolve) => broker.publish(packet, () => resolve()))
}
const covered = (through: number, missing: [number, number][] = []) => mark([{ epoch: outbox.epoch, through, missing }])

function start() {
  const signal = new AbortController()
  const uplink = openUplink({
    hub: 'K01',
    broker: { url: `mqtt://127.0.0.1:${port}`, username: 'K01', password: 'x' },
    outbox,
    status: (online) => ({
      v: 1,
      hub: 'K01',
      session: 's1',
      started: '2026-03-02T08:15:00+08:00',
      at: '2026-03-02T08:15:00+08:00',
      online,
      site: 'test',
      devices: [],
      oldest: null,
      clock: { trusted: true, boot: 'b' },
      versions: { hub: '0', contract: 1 },
      epochs: outbox.state().epochs,
      queued: outbox.state().queued,
      seen: outbox.state().seen,
    }),
    statusMs: 60_000,
    uptimeMs: () => performance.now() + skippedMs,
    marked: (_, isStraight) => straight.push(isStraight),
    obey: (payload) => ({ v: 1, hub: 'K01', key: String(payload), outcome: 'done', at: '2026-03-02T08:15:00+08:00' }),
    changed: () => undefined,
    log: pino({ level: 'silent' }),
  })
  const done = uplink.run(signal.signal)
  const end = async () => {
    signal.abort()
    await done
  }
  ending.push(end)
  return { uplink, end }
}
const put = (n: number) =>
  outbox.put(
    Array.from({ length: n }, () => observation(null)),
    at(0),
  )
const sentSeqs = () => messages.flatMap(({ first, records }) => records.map((_, i) => first + i))
const sent = (n: number) => until(`${n} records`, () => sentSeqs().length >= n)

describe('rows', () => {
  it('leave in numbered messages of at most 500 records, and wait until the mark covers them', async () => {
    put(1201)
    start()
    await sent(1201)
    expect(sentSeqs()).toEqual(Array.from({ length: 1201 }, (_, i) => i + 1))
    for (const { records } of messages) expect(records.length).toBeLessThanOrEqual(500)
    expect(outbox.state().queued).toBe(1201)
    await covered(1200)
    await until('the mark', () => outbox.state().queued === 1)
  })

  it('are at most 256 KB a message', async () => {
    outbox.put(
      Array.from({ length: 60 }, () => ({ ...observation(null), raw: '00'.repeat(4000) })),
      at(0),
    )
    start()
    await sent(60)
    for (const message of messages) expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThanOrEqual(256 * 1024)
    expect(messages.length).toBeGreaterThan(1)
  })

  it('of now overtake a backlog that fills the window', async () => {
    put(12_000)
    start()
    await sent(9_500)
    put(1)
    await until('the live row', () => sentSeqs().includes(12_001))
    expect(sentSeqs().length).toBeLessThanOrEqual(10_000)
    await covered(9_500)
    await until('the rest', () => sentSeqs().length >= 12_001)
    expect(new Set(sentSeqs()).size).toBe(12_001)
  })

  it('are sent once while the broker stays, however long the clinic says nothing within ten seconds', async () => {
    put(3)
    start()
    await sent(3)
    skippedMs += 9_000
    put(1)
    await sent(4)
    expect(sentSeqs()).toEqual([1, 2, 3, 4])
  })

  it('listed as missing are sent again only when their PUBACK is over ten seconds old', async () => {
    put(5)
    start()
    await sent(5)
    await covered(5, [[2, 3]])
    await until('the mark', () => outbox.state().queued === 2)
    put(1)
    await sent(6)
    expect(sentSeqs().filter((seq) => seq === 2)).toHaveLength(1)
    skippedMs += 10_500
    await until('the missing again', () => sentSeqs().filter((seq) => seq === 2 || seq === 3).length === 4)
  })

  it('listed as missing are sent again, the newest that ever left too', async () => {
    put(2)
    start()
    await sent(2)
    await covered(2, [[2, 2]])
    await until('the mark', () => outbox.state().queued === 1)
    for (const times of [2, 3, 4]) {
      skippedMs += 10_500
      await until(`row 2 the ${times}. time`, () => sentSeqs().filter((seq) => seq === 2).length === times)
    }
  })

  it('that a clinic restored from a backup no longer has are sent again', async () => {
    put(5)
    start()
    await sent(5)
    await covered(5)
    await until('covered', () => outbox.state().queued === 0)
    await covered(2)
    await until('again', () => sentSeqs().length === 8)
    expect(sentSeqs().slice(5)).toEqual([3, 4, 5])
  })

  it('that a broker lost on the way come again after a probe got through', async () => {
    put(600)
    start()
    await sent(600)
    messages.length = 0
    skippedMs += 10_500
    await until('the probe', () => messages.length === 1)
    expect(sentSeqs()).toEqual([1])
    await covered(1)
    skippedMs += 10_500
    await until('the rest', () => new Set(sentSeqs()).size === 600)
  })

  it('survive a broker that is killed and comes back empty', async () => {
    put(2)
    start()
    await sent(2)
    await stopBroker()
    put(2)
    await startBroker()
    await until('the new ones', () => sentSeqs().includes(4), 20_000)
  })
})

describe('the hub’s presence', () => {
  it('is said at birth and at a clean end, with one session', async () => {
    const { end } = start()
    await until('birth', () => statuses.length > 0)
    await end()
    await until('end', () => statuses.some(({ online }) => !online))
    expect(statuses.map(({ online, session }) => [online, session])).toEqual([
      [true, 's1'],
      [false, 's1'],
      ...statuses.slice(2).map(() => [false, 's1']),
    ])
  })

  it('takes a retained mark as the truth, but not as the clinic’s time of now', async () => {
    put(1)
    await covered(1)
    straight.length = 0
    start()
    await until('the mark', () => outbox.state().queued === 0)
    expect(straight).toEqual([false])
  })

  it('ignores a mark that is nonsense and goes on', async () => {
    put(1)
    start()
    await sent(1)
    const packet = {
      cmd: 'publish',
      topic: 'kiosk/v1/K01/stored',
      payload: Buffer.from('{"v":'),
      qos: 1,
      retain: false,
      dup: false,
    } as const
    await new Promise<void>((resolve) => broker.publish(packet, () => resolve()))
    await covered(1)
    await until('the good mark', () => outbox.state().queued === 0)
  })
})

describe('a command', () => {
  it('is answered on the hub’s own reply topic', async () => {
    start()
    await until('birth', () => statuses.length > 0)
    const packet = {
      cmd: 'publish',
      topic: 'kiosk/v1/K01/command',
      payload: Buffer.from('key-1'),
      qos: 1,
      retain: false,
      dup: false,
    } as const
    await new Promise<void>((resolve) => broker.publish(packet, () => resolve()))
    await until('the reply', () => replies.length === 1)
    expect(replies[0]).toMatchObject({ hub: 'K01', key: 'key-1', outcome: 'done' })
  })
})
