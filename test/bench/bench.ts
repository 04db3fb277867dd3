// The bench: every line one after the other, each beside the bare limit of this machine; the figures last, for people or as JSON.
import { cpus, loadavg, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { drain, drainFar } from './drain.ts'
import { ingest, ingestInflux } from './ingest.ts'
import { latency, overtaking } from './latency.ts'
import type { Bench } from './measure.ts'
import { writeResults } from './results.ts'
import { memory, start } from './start.ts'
import { away, burst, wire } from './today.ts'
import { cost, yearsInflux, yearsSqlite } from './years.ts'

/** Each on its own: one that fails takes no other's figures with it. */
const PARTS: Record<string, (bench: Bench) => Promise<void>> = {
  ...{ drain, drainFar, ingest, ingestInflux, latency, overtaking, start, memory, away, wire, burst },
  ...{ yearsSqlite, yearsInflux, cost },
}

const { values: asked } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
})

const say = (line: string) => (asked.json ? process.stderr : process.stdout).write(`${line}\n`)
const rounded = (value: number) => (Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)))
const figures: Record<string, number> = {}
const bench: Bench = {
  quick: asked.quick,
  say,
  note(some) {
    for (const [name, value] of Object.entries(some)) {
      figures[name] = rounded(value)
      say(`  ${name.padEnd(36)} ${figures[name]}`)
    }
  },
}

const [cpu] = cpus()
const machine = `${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`
const began = Date.now()
say(`${machine}; load before it began: ${loadavg()[0]!.toFixed(1)}`)
bench.note({ machineCores: cpus().length, machineLoadBefore: loadavg()[0]! })
const minutes = () => (Date.now() - began) / 60_000
const chosen = Object.entries(PARTS).filter(([name]) => asked.only.split(',').some((word) => name.includes(word)))
let failed = 0
for (const [i, [name, part]] of chosen.entries()) {
  say(`${i + 1} of ${chosen.length}, after ${minutes().toFixed(1)} minutes: ${name} …`)
  await part(bench).catch((error) => {
    failed++
    process.stderr.write(`${name} failed: ${error instanceof Error ? error.stack : error}\n`)
  })
}
bench.note({ minutes: minutes(), failedParts: failed })
if (failed > 0) process.exitCode = 1
if (asked.write) writeResults(figures, machine, asked.quick, new Date(began).toISOString().slice(0, 10))
if (asked.json) process.stdout.write(`${JSON.stringify(figures)}\n`)
