// From the last byte on the wire to the series and to the doctor's page, at several rates, and while a backlog comes in.
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import Database from 'better-sqlite3'
import { EventSource } from 'eventsource'
import mqtt from 'mqtt'
import type { House } from '../journeys/house.ts'
import { until } from '../servers.ts'
import { fillOutbox, openGuest, watchMarks, withHouse } from './house.ts'
import { type Bench, pause, quantile } from './measure.ts'

/** A reading by its figures: each is said once. */
export const keyOf = (values: Record<string, number | null>) => `${values.systolic}/${values.diastolic}/${values.pulse}`
export const figuresOf = (n: number) => ({
  systolic: 100 + (n % 100),
  diastolic: 50 + (Math.floor(n / 100) % 45),
  pulse: 60 + Math.floor(n / 4500),
})

type Seen = Map<string, number>

/** A doctor's page is open: when each reading came to it. */
async function watchPage(there: House): Promise<{ seen: Seen; end(): void }> {
  const { cookie } = await there.api()
  const page = new EventSource(new URL('/api/live', there.clinic.ready.url), {
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, cookie } }),
  })
  const seen: Seen = new Map()
  page.addEventListener('observation', ({ data }) => {
    const { values } = JSON.parse(data) as { values: Record<string, number> }
    if (!seen.has(keyOf(values))) seen.set(keyOf(values), performance.now())
  })
  await new Promise((resolve) => page.addEventListener('open', resolve, { once: true }))
  return { seen, end: () => page.close() }
}

/** When each reading taken since then came to lie in the series: asked again and again. */
export function watchStore(there: House, since = Date.now()): { seen: Seen; end(): Promise<void> } {
  const seen: Seen = new Map()
  const note = (all: readonly Record<string, number | null>[]) => {
    const at = performance.now()
    for (const values of all) if (!seen.has(keyOf(values))) seen.set(keyOf(values), at)
  }
  let ended = false
  const ask = there.influx ? askInflux(there.influx.port, since) : askSqlite(there, since)
  const watching = (async () => {
    while (!ended) {
      note(await ask())
      await pause(1)
    }
  })()
  return {
    seen,
    end: async () => {
      ended = true
      await watching
    },
  }
}

function askSqlite(there: House, since: number) {
  const db = new Database(join(there.paths.clinic.data, 'series.sqlite'), { readonly: true })
  const beats = db.prepare<[], number>('select count(*) from beats').pluck()
  const points = db.prepare<[bigint], string>('select numbers from points where place_ns >= ?').pluck()
  let before = -1
  return () => {
    const now = beats.get()!
    if (now === before) return []
    before = now
    return points.all(BigInt(since) * 1_000_000n).map((text) => JSON.parse(text))
  }
}

function askInflux(port: number, since: number) {
  const q = `SELECT systolic, diastolic, pulse FROM "blood-pressure" WHERE time >= ${since}ms`
  const url = `http://127.0.0.1:${port}/query?db=kiosk&q=${encodeURIComponent(q)}`
  return async () => {
    const answer = (await (await fetch(url)).json()) as { results: { series?: { values: number[][] }[] }[] }
    const rows = answer.results[0]?.series?.flatMap(({ values }) => values) ?? []
    return rows.map(([, systolic, diastolic, pulse]) => ({ systolic: systolic!, diastolic: diastolic!, pulse: pulse! }))
  }
}

/** Says readings at a steady pace, waiting for none. @returns when each was on the wire */
export async function sayAt(there: House, perSecond: number, more: (n: number) => boolean): Promise<Seen> {
  const said: Seen = new Map()
  const began = performance.now()
  for (let n = 0; more(n); n++) {
    const aheadMs = began + (n * 1000) / perSecond - performance.now()
    if (aheadMs > 0) await pause(aheadMs) // a timer takes a millisecond at least
    const figures = figuresOf(n)
    await there.devices.cuff!.say({ measure: figures })
    said.set(keyOf(figures), performance.now())
  }
  return said
}

export async function waits(said: Seen, seen: Seen, where: string): Promise<number[]> {
  await until(`${said.size} readings ${where}`, () => [...said.keys()].every((key) => seen.has(key)), 60_000)
  return [...said].map(([key, at]) => seen.get(key)! - at)
}

/** Publish and receive through a broker with nothing else. */
async function bareMqtt(count: number): Promise<number[]> {
  const broker = await Aedes.createBroker()
  const server = createServer({ noDelay: true }, broker.handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${(server.address() as { port: number }).port}`)
  await client.subscribeAsync('bare', { qos: 1 })
  const rounds: number[] = []
  for (let n = 0; n < count; n++) {
    const from = performance.now()
    const came = new Promise((resolve) => client.once('message', resolve))
    await client.publishAsync('bare', Buffer.alloc(700), { qos: 1 })
    await came
    rounds.push(performance.now() - from)
  }
  await client.endAsync(true)
  await new Promise<void>((resolve) => broker.close(resolve))
  server.close()
  return rounds
}

async function atRate(there: House, perSecond: number, count: number) {
  const [page, store] = [await watchPage(there), watchStore(there)]
  const said = await sayAt(there, perSecond, (n) => n < count)
  const result = { page: await waits(said, page.seen, 'on the page'), store: await waits(said, store.seen, 'stored') }
  page.end()
  await store.end()
  return result
}

export async function latency(bench: Bench) {
  const bare = await bareMqtt(200)
  const bareP50 = quantile(bare, 0.5)
  bench.note({ bareMqttRoundP50Ms: bareP50, bareMqttRoundP99Ms: quantile(bare, 0.99) })
  for (const [perSecond, seconds] of [
    [1, bench.quick ? 20 : 60],
    [10, bench.quick ? 20 : 60],
    [100, bench.quick ? 10 : 30],
  ] as const) {
    await withHouse({ parts: 'embedded' }, async (there) => {
      await openGuest(there)
      const { page, store } = await atRate(there, perSecond, perSecond * seconds)
      const name = perSecond === 10 ? '' : `At${perSecond}` // ten a second is the ordinary line
      bench.note({
        [`wireToStore${name}P50Ms`]: quantile(store, 0.5),
        [`wireToStore${name}P99Ms`]: quantile(store, 0.99),
        [`wireToPage${name}P50Ms`]: quantile(page, 0.5),
        [`wireToPage${name}P99Ms`]: quantile(page, 0.99),
        [`wireToPage${name}P50Ratio`]: quantile(page, 0.5) / bareP50,
      })
    })
  }
}

/** A hub comes back with 100,000 readings, and somebody stands at its kiosk meanwhile. */
export async function overtaking(bench: Bench) {
  const rows = 100_000
  await withHouse({ parts: 'embedded' }, async (there) => {
    await there.hub.stop()
    const epoch = fillOutbox(there, rows)
    const marks = await watchMarks(there, epoch)
    const page = await watchPage(there)
    await there.startHub()
    await openGuest(there)
    const before = marks.covered()
    const said = await sayAt(there, 10, () => marks.covered() < rows)
    const came = await waits(said, page.seen, 'on the page')
    page.end()
    await marks.end()
    bench.say(`${said.size} live readings while ${rows - before} drained`)
    bench.note({
      wireToPageWhileDrainingP50Ms: quantile(came, 0.5),
      wireToPageWhileDrainingP99Ms: quantile(came, 0.99),
      wireToPageWhileDrainingWorstMs: Math.max(...came),
    })
  })
}
