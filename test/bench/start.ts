// How soon a hub is ready with a million rows waiting, and what hub and clinic weigh at rest.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { fillOutbox, withHouse } from './house.ts'
import { type Bench, median, memoryOf, pause, ROUNDS, timed } from './measure.ts'

const WAITING = 1_000_000
const MADE = 10_000
const REST_MS = 10_000

/** Rows made by the outbox itself, and copies of them under other ids. */
function multiply(path: string, epoch: string) {
  const db = new Database(path)
  db.pragma('synchronous = OFF')
  const copy = db.prepare(`
    insert into rows (opening, seq, id, type, body, madeMs)
    select opening, seq + @k * ${MADE}, id || '-' || @k, type, replace(body, id, id || '-' || @k), madeMs
    from rows join openings using (opening) where epoch = @epoch and seq <= ${MADE}`)
  for (let k = 1; k < WAITING / MADE; k++) copy.run({ k, epoch })
  db.close()
}

async function bareNode(work: (pid: number) => Promise<void> | void): Promise<number> {
  return timed(async () => {
    const child = spawn(process.execPath, ['-e', 'process.send(1); setInterval(() => {}, 1e6)'], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    await once(child, 'message')
    await work(child.pid!)
    child.kill()
  })
}

export async function start(bench: Bench) {
  await withHouse({ parts: 'embedded' }, async (there) => {
    await there.hub.stop()
    await there.clinic.stop() // else it takes them in meanwhile
    multiply(join(there.paths.hub.data, 'outbox.sqlite'), fillOutbox(there, MADE))
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      times.push(await timed(() => there.startHub()))
      await there.hub.stop()
    }
    const bare: number[] = []
    for (let round = 0; round < ROUNDS; round++) bare.push(await bareNode(() => undefined))
    bench.note({
      readyWithMillionMs: median(times),
      readyBareNodeMs: median(bare),
      readyWithMillionRatio: median(times) / median(bare),
    })
  })
}

export async function memory(bench: Bench) {
  const devices = { reader: 'sdt-samv', cuff: 'and-tm2657', meter: 'lifescan-ultraeasy' }
  await withHouse({ parts: 'embedded', devices }, async (there) => {
    await there.screen.until('the devices', (view) => view.devices.some(({ state }) => state === 'open'), 20_000)
    await pause(REST_MS)
    bench.note({ hubMemoryRestMB: memoryOf(there.hub.pid).now, clinicMemoryRestMB: memoryOf(there.clinic.pid).now })
  })
  await bareNode((pid) => bench.note({ bareNodeMemoryMB: memoryOf(pid).now }))
}
