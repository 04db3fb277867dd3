// The same conditions under which a Node-RED flow (serial → MQTT → InfluxDB) was measured on two cores: Mosquitto, InfluxDB, one kiosk.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeTm2657 } from '../../simulators/devices/and-tm2657.ts'
import { ptyCable } from '../../simulators/pty.ts'
import type { House } from '../journeys/house.ts'
import type { Server } from '../servers.ts'
import { openGuest, withHouse } from './house.ts'
import { figuresOf, keyOf, sayAt, waits, watchStore } from './latency.ts'
import { type Bench, memoryOf, pause, quantile } from './measure.ts'

const PER_SECOND = 50
const READINGS = 750
const AWAY_MS = 5000
const BURST = 2000

/** Readings at 50 a second, a server away for five seconds of it. @returns how many lie in InfluxDB at the end */
async function withAway(which: (there: House) => Server | undefined): Promise<number> {
  return withHouse({ parts: 'servers' }, async (there) => {
    await openGuest(there)
    const server = which(there)!
    const since = Date.now()
    const saying = sayAt(there, PER_SECOND, (n) => n < READINGS)
    await pause(AWAY_MS)
    await server.end()
    await pause(AWAY_MS)
    await server.start()
    const said = await saying
    const store = watchStore(there, since)
    await waits(said, store.seen, 'in InfluxDB').catch(() => []) // those that never come are counted as such
    await store.end()
    return [...said.keys()].filter((key) => store.seen.has(key)).length
  })
}

export async function away(bench: Bench) {
  bench.note({
    brokerAwaySent: READINGS,
    brokerAwayStored: await withAway((there) => there.broker),
    influxAwaySent: READINGS,
    influxAwayStored: await withAway((there) => there.influx),
  })
}

export async function wire(bench: Bench) {
  await withHouse({ parts: 'servers' }, async (there) => {
    await openGuest(there)
    const store = watchStore(there)
    const said = await sayAt(there, 10, (n) => n < 200)
    const came = await waits(said, store.seen, 'in InfluxDB')
    await store.end()
    bench.note({
      wireToInfluxP50Ms: quantile(came, 0.5),
      wireToInfluxWorstMs: Math.max(...came),
      hubMemoryWithServersMB: memoryOf(there.hub.pid).now,
    })
  })
}

/** As fast as a line takes them, written as a cuff's own frames: a simulated one rests between two measurements. */
export async function burst(bench: Bench) {
  const folder = mkdtempSync(join(tmpdir(), 'burst-'))
  const path = join(folder, 'cuff')
  const cable = ptyCable(path, () => undefined, Date.now)
  const cuff = {
    id: 'cuff',
    driver: 'and-tm2657',
    port: { type: 'serial', path },
    measuringSeconds: { min: 0, max: 0 },
  }
  const counts = { irregularBeats: 0, movement: 0, remeasured: 0, seconds: 30, amplitude: 200 }
  const frames = Array.from({ length: BURST }, (_, n) =>
    encodeTm2657({ model: 'TM2657', at: '2026-03-02T08:15', code: 'E00', mean: 80, ...figuresOf(n), ...counts }),
  )
  await withHouse({ parts: 'servers', devices: {}, hubConfig: { devices: [cuff] } }, async (there) => {
    await openGuest(there)
    const store = watchStore(there)
    const began = performance.now()
    const said = new Map(frames.map((_, n) => [keyOf(figuresOf(n)), began]))
    cable.send(Buffer.concat(frames))
    const came = await waits(said, store.seen, 'in InfluxDB')
    await store.end()
    bench.note({ burstPerSecond: BURST / (Math.max(...came) / 1000) })
  }).finally(() => {
    cable.pull()
    rmSync(folder, { recursive: true })
  })
}
