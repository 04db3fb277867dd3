// How fast a hub that was away delivers what waited, on a LAN and over 200 ms; beside it the same rows through nothing but SQLite and MQTT.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { openLine } from '../faults/line.ts'
import { bareDrain } from './bare.ts'
import { fillOutbox, watchMarks, withHouse } from './house.ts'
import { type Bench, memoryOf, pace } from './measure.ts'

async function drained(bench: Bench, rows: number, lateMs: number) {
  const line = openLine()
  if (lateMs > 0) line.late(lateMs, 0, () => 1)
  const between = lateMs > 0 ? { between: (port: number) => line.to(port) } : {}
  return withHouse({ parts: 'embedded', ...between }, async (there) => {
    await there.hub.stop()
    const epoch = fillOutbox(there, rows)
    const marks = await watchMarks(there, epoch)
    await there.startHub()
    const perSecond = await pace(rows, marks.covered)
    await marks.end()
    const [hub, clinic] = [memoryOf(there.hub.pid).most, memoryOf(there.clinic.pid).most]
    const path = join(there.paths.hub.data, 'outbox.sqlite')
    await there.hub.stop()
    const bare = await bareDrain(path, rows, lateMs)
    rmSync(path)
    if (lateMs === 0) bench.note({ hubMemoryLoadMB: hub, clinicMemoryLoadMB: clinic })
    return { perSecond, bare }
  }).finally(() => line.close())
}

const ROWS = 100_000

export async function drain(bench: Bench) {
  const { perSecond, bare } = await drained(bench, ROWS, 0)
  bench.note({ drainPerSecond: perSecond, drainPerSecondBare: bare, drainPerSecondRatio: perSecond / bare })
}

/** Over a line of 200 ms round trip. */
export async function drainFar(bench: Bench) {
  const { perSecond, bare } = await drained(bench, bench.quick ? ROWS / 2 : ROWS, 100)
  bench.note({ drainPerSecondFar: perSecond, drainPerSecondFarBare: bare, drainPerSecondFarRatio: perSecond / bare })
}
