// Three lines to beat: wire → page, the drain of a waiting outbox, memory at rest. Each beside the bare limit of this machine.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { EventSource } from 'eventsource'
import mqtt from 'mqtt'
import { describe, it } from 'vitest'
import type { Observation } from '../../hub/contract/record.ts'
import { openOutbox } from '../../hub/outbox.ts'
import { type House, house } from '../journeys/house.ts'
import { until } from '../servers.ts'

const machine = `${cpus().length} × ${cpus()[0]!.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`
const say = (line: string) => process.stdout.write(`${line}\n`)

const sorted = (values: number[]) => values.toSorted((a, b) => a - b)
const quantile = (values: number[], q: number) =>
  sorted(values)[Math.min(values.length - 1, Math.floor(q * values.length))]!
const ms = (value: number) => `${value.toFixed(1)} ms`

const cuffOnly = { parts: 'embedded', devices: { cuff: 'and-tm2657' }, measuringSeconds: { min: 0, max: 0 } } as const
const MB = 2 ** 20
const residentMB = (pid: number) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

async function openGuest(there: House) {
  await there.screen.until('the cuff', (view) => view.devices.every(({ state }) => state === 'open'), 20_000)
  await there.screen.press({ do: 'guest' })
}

describe(machine, () => {
  it('wire → page at 10 readings a second', async () => {
    const there = await house(cuffOnly)
    try {
      await openGuest(there)
      const { cookie } = await there.api()
      const line = new EventSource(new URL('/api/live', there.clinic.ready.url), {
        fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, cookie } }),
      })
      const shown = new Map<number, number>()
      line.addEventListener('observation', ({ data }) => {
        const { values } = JSON.parse(data) as { values: Record<string, number> }
        shown.set(values.systolic! * 1000 + values.diastolic!, performance.now())
      })
      await new Promise((resolve) => line.addEventListener('open', resolve, { once: true }))
      const count = 200
      const waits: number[] = []
      const gaps: number[] = []
      for (let n = 0; n < count; n++) {
        const due = performance.now()
        const [systolic, diastolic] = [120 + (n % 100), 60 + Math.floor(n / 100)]
        await there.devices.cuff!.say({ measure: { systolic, diastolic, pulse: 70 } })
        const sent = performance.now()
        gaps.push(sent - due)
        const at = await until(`${systolic}/${diastolic}`, () => shown.get(systolic * 1000 + diastolic), 10_000)
        waits.push(at - sent)
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, 100 - (performance.now() - due))))
      }
      line.close()
      const bare = await bareMqtt(200)
      const [p50, p99] = [quantile(waits, 0.5), quantile(waits, 0.99)]
      say(
        `wire → page, 10/s, ${count} readings: p50 ${ms(p50)} p99 ${ms(p99)}; bare MQTT round on this machine p50 ${ms(quantile(bare, 0.5))}: ${(p50 / quantile(bare, 0.5)).toFixed(1)} times`,
      )
    } finally {
      await there.close()
    }
  })

  it('drain of 10,000 waiting readings', async () => {
    const rows = 10_000
    const there = await house(cuffOnly)
    try {
      await there.hub.stop()
      const outbox = openOutbox(join(there.folder, 'hub/outbox.sqlite'))
      const clock = { wallMs: Date.now(), uptimeMs: performance.now(), boot: randomUUID(), trusted: true }
      const began = performance.now()
      for (let n = 0; n < rows; n += 500)
        outbox.put(
          Array.from({ length: 500 }, (_, i) => draft(n + i, clock)),
          clock,
        )
      const filled = performance.now() - began
      outbox.close()
      await there.startHub()
      const from = performance.now()
      const api = await there.api()
      const stored = async () =>
        ((await (await api.get('/api/kiosks')).json()) as { items: { delivery: { stored: number } }[] }).items[0]!
          .delivery.stored
      await until('all rows at the clinic', async () => (await stored()) >= rows, 120_000)
      const seconds = (performance.now() - from) / 1000
      const bare = await bareCommits(rows / 500)
      const [ours, limit] = [rows / seconds, rows / bare]
      say(
        `drain of ${rows}: ${Math.round(ours)} readings/s (into the outbox ${Math.round(rows / (filled / 1000))}/s); bare: ${rows / 500} fsynced writes of the same bytes ${Math.round(limit)}/s: ${((100 * ours) / limit).toFixed(1)} %`,
      )
    } finally {
      await there.close()
    }
  })

  it('memory at rest', async () => {
    const there = await house({
      ...cuffOnly,
      devices: { reader: 'sdt-samv', cuff: 'and-tm2657', meter: 'lifescan-ultraeasy' },
    })
    try {
      await there.screen.until(
        'the devices',
        (view) => view.devices.filter((d) => d.state === 'open').length >= 2,
        20_000,
      )
      const [hub, clinic] = [residentMB(there.hub.pid), residentMB(there.clinic.pid)]
      const bare = process.memoryUsage.rss() / MB
      say(
        `memory at rest: hub ${hub.toFixed(0)} MB, clinic ${clinic.toFixed(0)} MB (this test runner: ${bare.toFixed(0)} MB)`,
      )
    } finally {
      await there.close()
    }
  })
})

const draft = (
  n: number,
  { boot, uptimeMs, wallMs }: { boot: string; uptimeMs: number; wallMs: number },
): Observation => ({
  type: 'observation',
  id: randomUUID(),
  hub: 'K01',
  visit: null,
  kind: 'blood-pressure',
  subject: null,
  takenAt: new Date(wallMs - n * 1000).toISOString(),
  resolution: 'millisecond',
  deviceTime: null,
  clock: { trusted: true, boot, uptimeMs: Math.floor(uptimeMs), deviceOffsetSeconds: null },
  values: { systolic: 120 + (n % 60), diastolic: 70 + (n % 20), mean: null, pulse: 60 + (n % 40) },
  unit: 'mm[Hg]',
  range: null,
  context: null,
  flags: ['unassigned-no-visit'],
  device: { driver: 'and-tm2657', vendor: 'A&D', model: 'TM-2657', serial: null },
  memory: false,
  raw: null,
})

/** Publish and receive through a broker with nothing else: what the wire → page time could be at best. */
async function bareMqtt(count: number): Promise<number[]> {
  const { Aedes } = await import('aedes')
  const { createServer } = await import('node:net')
  const broker = await Aedes.createBroker()
  const server = createServer({ noDelay: true }, broker.handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${(server.address() as { port: number }).port}`)
  if ('setNoDelay' in client.stream) (client.stream as Socket).setNoDelay(true)
  await client.subscribeAsync('bare', { qos: 1 })
  const waits: number[] = []
  for (let n = 0; n < count; n++) {
    const from = performance.now()
    const came = new Promise((resolve) => client.once('message', resolve))
    await client.publishAsync('bare', Buffer.alloc(500), { qos: 1 })
    await came
    waits.push(performance.now() - from)
  }
  await client.endAsync(true)
  await new Promise<void>((resolve) => broker.close(resolve))
  server.close()
  return waits
}

/** Seconds that so many fsynced writes of a full message take: the least any durable ingest needs. */
async function bareCommits(count: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bare-'))
  const bytes = Buffer.alloc(256 * 1024)
  const from = performance.now()
  for (let n = 0; n < count; n++) writeFileSync(join(folder, `${n}`), bytes, { flush: true })
  const seconds = (performance.now() - from) / 1000
  rmSync(folder, { recursive: true })
  return seconds
}
