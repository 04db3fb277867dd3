// The long run: a million damaged frames for every driver, with its time, its memory and the cases the corpus lacks. `--runs N`, `--seed N`, `--driver ID`, `--save`.
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { hex } from '../../devices/kit/bytes.ts'
import { joined } from '../../devices/kit/decode.ts'
import { allDrivers, type Driver, findDriver } from '../../devices/kit/driver.ts'
import { decode } from '../devices/wire.ts'
import { save, saved } from './corpus.ts'
import { type Case, cases, chance, judge, meanings, outcome } from './mutate.ts'

const MB = 1 << 20
/** Memory a run may keep: caches of the engine, the corpus of outcomes. */
const FLAT_MB = 64
const STREAM = 200_000 // bytes
/** Four times the bytes may take so much longer; squared work would take 16 times. */
const LINEAR = 12

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')
const heldBytes = () => {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** How many times longer a driver works on four times the damaged bytes: processor time, the least of a few. */
function growth(driver: Driver, seed: number): number {
  const some = fc.sample(cases(driver), { numRuns: 200, seed }).map(({ bytes }) => bytes)
  const stream = joined(Array.from({ length: Math.ceil(STREAM / joined(some).length) }, () => some).flat())
  const took = (times: number) => {
    const bytes = joined(Array.from({ length: times }, () => stream))
    const from = process.cpuUsage()
    decode(driver, [bytes])
    return process.cpuUsage(from).user / 1000
  }
  const least = (times: number) => Math.min(...Array.from({ length: 4 }, () => took(times)))
  return least(4) / Math.max(least(1), 1)
}

function fuzz(driver: Driver, runs: number, seed: number, keep: boolean): boolean {
  const known = meanings(driver)
  const met = new Map<string, Case>()
  for (const one of saved(driver)) judge(driver, one, known)
  let passed = 0
  let ran = 0
  let held = 0
  const from = performance.now()
  const check = (one: Case) => {
    passed += judge(driver, one, known)
    ran++
    if (ran === Math.ceil(runs / 10)) held = heldBytes()
    if (keep && ran % 50 === 0) met.set(outcome(driver, one), one)
  }
  const result = fc.check(fc.property(cases(driver), check), { seed, numRuns: runs })
  const seconds = (performance.now() - from) / 1000
  const grownMb = (heldBytes() - held) / MB
  const times = growth(driver, seed)
  const faults = [
    ...(result.failed ? [`${result.errorInstance} with ${hex(result.counterexample![0].bytes)}`] : []),
    ...(passed > chance(driver, runs) ? [`${passed} wrong values got past the check`] : []),
    ...(grownMb > FLAT_MB ? [`${grownMb.toFixed(0)} MB more than at first`] : []),
    ...(times > LINEAR ? [`${times.toFixed(1)} times as long on four times the bytes`] : []),
  ]
  process.stdout.write(
    `${driver.id.padEnd(24)} ${ran} cases  ${Math.round(ran / seconds)}/s  by chance past the check ${passed}  memory ${grownMb.toFixed(1)} MB  four times the bytes: ${times.toFixed(1)} times as long  ${faults.length === 0 ? 'ok' : faults.join('; ')}\n`,
  )
  if (keep) save(driver, met)
  return faults.length === 0
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() & 0x7fffffff) },
    driver: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
})
const drivers = values.driver ? [await findDriver(values.driver)] : await allDrivers()
process.stdout.write(`seed ${values.seed}\n`)
for (const driver of drivers)
  if (!fuzz(driver, Number(values.runs), Number(values.seed), values.save)) process.exitCode = 1
