// The same conditions under which a Node-RED flow (serial → MQTT → InfluxDB) was measured on two cores: Mosquitto, InfluxDB, one kiosk.
import type { House } from '../journeys/house.ts'
import type { Server } from '../servers.ts'
import { openGuest, withHouse } from './house.ts'
import { sayAt, waits, watchStore } from './latency.ts'
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

export async function burst(bench: Bench) {
  await withHouse({ parts: 'servers' }, async (there) => {
    await openGuest(there)
    const store = watchStore(there)
    const began = performance.now()
    const said = await sayAt(there, 100_000, (n) => n < BURST)
    await waits(said, store.seen, 'in InfluxDB')
    await store.end()
    bench.note({ burstPerSecond: BURST / ((Math.max(...store.seen.values()) - began) / 1000) })
  })
}
