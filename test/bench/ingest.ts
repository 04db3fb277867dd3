// How many readings a second a whole clinic takes in, from the broker to the series, the registry with its index included.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { topic } from '../../hub/contract/topics.ts'
import { connectAsHub, type House, HUB } from '../journeys/house.ts'
import { bareInflux, bareSqlite } from './bare.ts'
import { watchMarks, withHouse } from './house.ts'
import { type Bench, makeReading, memoryOf, pace } from './measure.ts'

const ROWS_A_MESSAGE = 350 // as full as 256 KB allow
const MESSAGES_UNDER_WAY = 16
const COMMIT_ROWS = 2000

/** Messages as a hub would send them, made before anything is timed. */
const makeMessages = (count: number, epoch: string): string[] => {
  const from = Date.now() - 30 * 86_400_000
  return Array.from({ length: Math.ceil(count / ROWS_A_MESSAGE) }, (_, m) => {
    const first = m * ROWS_A_MESSAGE
    const records = Array.from({ length: Math.min(ROWS_A_MESSAGE, count - first) }, (_, i) =>
      makeReading(HUB, first + i, from + (first + i) * 100),
    )
    return JSON.stringify({ v: 1, hub: HUB, epoch, first: first + 1, records })
  })
}

async function send(there: House, messages: readonly string[]) {
  const client = await connectAsHub(there)
  const flying = new Set<Promise<unknown>>()
  for (const message of messages) {
    const sent = client.publishAsync(topic(HUB, 'records'), message, { qos: 1 })
    flying.add(sent)
    void sent.then(() => flying.delete(sent))
    if (flying.size === MESSAGES_UNDER_WAY) await Promise.race(flying)
  }
  await Promise.all(flying)
  await client.endAsync(true)
}

async function taken(bench: Bench, parts: 'embedded' | 'servers', count: number) {
  return withHouse({ parts }, async (there) => {
    await there.hub.stop()
    const epoch = randomUUID()
    const messages = makeMessages(count, epoch)
    const file = join(there.paths.clinic.data, 'registry.sqlite')
    const registry = new Database(file, { readonly: true })
    const waiting = registry.prepare<[], { n: number }>(
      "select n from observations where stored = 0 and state = 'placed' order by n limit 1",
    )
    const marks = await watchMarks(there, epoch)
    const sent = send(there, messages)
    const inRegistry = pace(count, marks.covered)
    // The oldest are written first: what lies before the first that waits is in the series.
    const inSeries = pace(count, () => (waiting.get()?.n ?? marks.covered() + 1) - 1)
    const [kept, written] = await Promise.all([inRegistry, inSeries, sent])
    await marks.end()
    bench.say(`clinic's memory at the end of it: ${memoryOf(there.clinic.pid).most.toFixed(0)} MB`)
    const bodies = registry.prepare<[], string>('select body from records').pluck().all()
    registry.close()
    await there.clinic.stop()
    const tables = { [file]: ['records', 'arrivals', 'observations'] }
    const series = join(there.paths.clinic.data, 'series.sqlite')
    const bare =
      parts === 'embedded'
        ? await bareSqlite({ ...tables, [series]: ['points'] }, COMMIT_ROWS)
        : await bareInflux(there.influx!.port, bodies.map(asLine), 5000)
    return { kept, written, bare }
  })
}

/** A point as text with as many bytes as ours. */
function asLine(body: string, n: number): string {
  const { id, hub, subject, values, device, takenAt } = JSON.parse(body) as ReturnType<typeof makeReading>
  const ms = Date.parse(takenAt!)
  const figures = Object.entries(values).map(([name, value]) => `${name}=${value}`)
  const text = {
    figures: Object.keys(values).join(),
    subject: `${hub}/${subject!.alias}`,
    hub,
    id,
    range: '',
    beat: id,
  }
  const more = { ...text, device: `${device.driver}/${device.vendor}/${device.model}/`, flags: '[]' }
  const fields = [...figures, `takenAtMs=${ms}i`, ...Object.entries(more).map(([name, value]) => `${name}="${value}"`)]
  const bucket = subject!.alias.slice(0, 3)
  return `blood-pressure,bucket=${bucket},unit=mm[Hg] ${fields.join()} ${ms}${String(n % 1_000_000).padStart(6, '0')}`
}

const countOf = ({ quick }: Bench) => (quick ? 60_000 : 200_000)

export async function ingest(bench: Bench) {
  const { kept, written, bare } = await taken(bench, 'embedded', countOf(bench))
  bench.note({
    ingestPerSecondEmbedded: written,
    ingestPerSecondEmbeddedRegistry: kept,
    ingestPerSecondEmbeddedBare: bare,
    ingestPerSecondEmbeddedRatio: written / bare,
  })
}

export async function ingestInflux(bench: Bench) {
  const { kept, written, bare } = await taken(bench, 'servers', countOf(bench))
  bench.note({
    ingestPerSecondInflux: written,
    ingestPerSecondInfluxRegistry: kept,
    ingestPerSecondInfluxBare: bare,
    ingestPerSecondInfluxRatio: written / bare,
  })
}
