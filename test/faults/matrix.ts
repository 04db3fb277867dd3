// The fault matrix: chooses cases, runs some at once, prints a line for each and the totals last; fails on any loss, doubling or change.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seeded } from '../../simulators/random.ts'
import { type House, house } from '../journeys/house.ts'
import { type Case, type Counts, lineOf, PARTS, type Parts, sumOf } from './case.ts'
import { clinicDisk } from './clinic-disk.ts'
import { clinicKilled } from './clinic-killed.ts'
import { clocks } from './clocks.ts'
import { hubKilled } from './hub-killed.ts'
import { openLine } from './line.ts'
import { lineFaults } from './line-faults.ts'
import { outboxFiles } from './outbox-files.ts'
import { refused } from './refused.ts'
import { restoredFromBefore } from './restored.ts'
import { serversFail } from './servers-fail.ts'
import { smallDisk } from './small-disk.ts'
import { makeWorld } from './world.ts'

const CASES: readonly Case[] = [
  ...hubKilled,
  ...lineFaults,
  ...outboxFiles,
  ...clocks,
  ...smallDisk,
  ...clinicKilled,
  ...serversFail,
  ...restoredFromBefore,
  ...clinicDisk,
  ...refused,
]

const { values: asked } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    parts: { type: 'string', default: '' },
    jobs: { type: 'string', default: '3' },
  },
})
const seed = Number(asked.seed)
const THERE = PARTS.filter(
  (parts) => parts === 'embedded' || !/influxdb|mosquitto/.test(process.env.MISSING_PACKAGES ?? ''),
)
const output = join(import.meta.dirname, '../output')

/** One number of a text: the same case has the same luck under the same seed, whatever runs beside it. */
const hashOf = (text: string) =>
  [...text].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16777619), seed)

interface Chosen {
  one: Case
  parts: Parts
}

function can({ name, needs }: Case): boolean {
  const reason = needs?.() ?? null
  if (reason === null) return true
  if (process.env.CI) throw new Error(`CI needs every case, and ${reason}`)
  process.stderr.write(`Left out, since ${reason}: ${name}\n`)
  return false
}

function chosen(): Chosen[] {
  const partsOf = (one: Case) =>
    (one.parts ?? THERE).filter((parts) => THERE.includes(parts) && (asked.parts === '' || parts === asked.parts))
  const all = CASES.filter(({ name }) => name.includes(asked.only))
    .filter(can)
    .flatMap((one) => partsOf(one).map((parts) => ({ one, parts })))
  if (!asked.quick) return all
  return [...new Set(all.map(({ one }) => one.kind))].map((kind) => {
    const ofKind = all.filter(({ one }) => one.kind === kind)
    return ofKind[Math.floor(seeded(hashOf(kind))() * ofKind.length)]!
  })
}

interface Outcome {
  counts: Counts
  fault: string | null
}

const NOTHING: Counts = {
  sent: 0,
  stored: 0,
  lost: 0,
  doubled: 0,
  changed: 0,
  unticked: 0,
  destroyed: 0,
  seconds: 0,
}

/** Nobody leaves while a case lasts. */
const LONG_VISITS = { visit: { idleWarnSeconds: 7000, idleEndSeconds: 7200 } }

async function happen({ one, parts }: Chosen, stopped: AbortSignal): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'faults-'))
  const over = AbortSignal.timeout(one.limitSeconds * 1000)
  const signal = AbortSignal.any([over, stopped])
  const line = openLine()
  let there: House | undefined
  let made: ReturnType<typeof makeWorld> | undefined
  let outcome: Outcome
  try {
    there = await house({
      parts,
      devices: { cuff: 'and-tm2657' },
      measuringSeconds: { min: 0, max: 0 },
      between: line.to,
      hubConfig: LONG_VISITS,
      ...(await one.house?.(folder, { parts })),
    })
    const random = seeded(hashOf(`${one.name} ${parts}`))
    made = makeWorld({ house: there, line, parts, random, quick: asked.quick, signal })
    await made.world.ready()
    await one.run(made.world)
    const counts = await made.rest()
    outcome = { counts, fault: over.aborted ? `not all was stored within ${one.limitSeconds} s` : null }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    outcome = { counts: NOTHING, fault: over.aborted ? `the case took more than ${one.limitSeconds} s (${why})` : why }
    writeFileSync(join(output, 'last-fault.txt'), error instanceof Error ? String(error.stack) : why)
  } finally {
    await made?.close()
    if (there) logOf(one, parts, there.logs())
    await there?.close()
    line.close()
    one.leave?.(folder)
    rmSync(folder, { recursive: true, force: true })
  }
  return outcome
}

function logOf({ name }: Case, parts: Parts, logs: string) {
  const file = `${name.replace(/[^A-Za-z0-9]+/g, '-')}.${parts}.log`
  mkdirSync(join(output, 'faults'), { recursive: true })
  writeFileSync(join(output, 'faults', file), logs)
}

const broken = ({ counts, fault }: Outcome) =>
  fault !== null || counts.lost > 0 || counts.doubled > 0 || counts.changed > 0

async function all(): Promise<boolean> {
  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort())
  // The longest first, so that none of them is left running alone at the end.
  const waiting = chosen().sort((a, b) => b.one.limitSeconds - a.one.limitSeconds)
  const outcomes: Outcome[] = []
  const worker = async () => {
    for (let next = waiting.shift(); next && !stopping.signal.aborted; next = waiting.shift()) {
      const outcome = await happen(next, stopping.signal)
      outcomes.push(outcome)
      process.stdout.write(
        `${lineOf(`${next.one.name}, ${next.parts}, seed ${seed}`, outcome.counts, outcome.fault)}\n`,
      )
    }
  }
  await Promise.all(Array.from({ length: Number(asked.jobs) }, worker))
  const failed = outcomes.filter(broken).length
  const result = { passed: outcomes.length - failed, failed: failed + (outcomes.length === 0 ? 1 : 0) }
  writeFileSync(join(output, 'faults.json'), JSON.stringify(result))
  const fault = result.failed > 0 ? `${result.failed} of ${outcomes.length} cases` : null
  const sum = sumOf(outcomes.map(({ counts }) => counts))
  process.stdout.write(`${lineOf(`all ${outcomes.length} of seed ${seed}`, sum, fault)}\n`)
  return result.failed === 0 && !stopping.signal.aborted
}

mkdirSync(output, { recursive: true })
// What a case that failed may have left open must not keep everybody waiting.
process.exit((await all()) ? 0 : 1)
