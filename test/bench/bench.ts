// The bench: every line one after the other, each beside the bare limit of this machine; the figures last, for people or as JSON.
import { cpus, loadavg, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { drain } from './drain.ts'
import { ingest } from './ingest.ts'
import { latency } from './latency.ts'
import type { Bench } from './measure.ts'
import { writeResults } from './results.ts'
import { memory, start } from './start.ts'
import { today } from './today.ts'
import { years } from './years.ts'

const PARTS: Record<string, (bench: Bench) => Promise<void>> = { drain, ingest, latency, start, memory, today, years }

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
for (const [name, part] of Object.entries(PARTS)) {
  if (!asked.only.split(',').some((word) => name.includes(word))) continue
  say(`${name} …`)
  await part(bench)
}
const minutes = (Date.now() - began) / 60_000
bench.note({ minutes })
if (asked.write) writeResults(figures, machine, asked.quick, new Date(began).toISOString().slice(0, 10))
if (asked.json) process.stdout.write(`${JSON.stringify(figures)}\n`)
