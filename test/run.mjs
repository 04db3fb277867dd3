// `npm test`: installs, builds, then types, lint and every test; ends with one line of counts.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build, nodeTooOld, root } from '../simulators/build.mjs'
import { install, testsThatNeed } from './install.mjs'

const fault = nodeTooOld()
if (fault) {
  process.stderr.write(`${fault}\n`)
  process.exit(1)
}
const left = install()
build()

const report = join(root, 'test/output/vitest.json')
mkdirSync(join(root, 'test/output'), { recursive: true })
const run = (...args) => spawnSync('npx', args, { cwd: root, stdio: 'inherit' }).status === 0

const checks = [run('tsc', '--noEmit', '-p', '.'), run('biome', 'check', '.')]
const leftOut = testsThatNeed(left)
for (const file of leftOut) process.stderr.write(`left out: ${file}\n`)
const vitest = spawnSync(
  'npx',
  [
    ...['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile=${report}`],
    ...leftOut.map((file) => `--exclude=${file}`),
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
)
/** One case of every kind of fault, on real processes: each is counted as a test. */
function faultsQuick() {
  const result = join(root, 'test/output/faults.json')
  rmSync(result, { force: true })
  spawnSync(process.execPath, ['test/faults/run.mjs', '--quick'], { cwd: root, stdio: 'inherit' })
  return existsSync(result) ? JSON.parse(readFileSync(result, 'utf8')) : { passed: 0, failed: 1 }
}

const counts = JSON.parse(readFileSync(report, 'utf8'))
const brokenFiles = counts.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
).length
// Whoever asks for some tests by name asks for no faults.
const faults = process.argv.length > 2 ? { passed: 0, failed: 0 } : faultsQuick()
const failed = faults.failed + counts.numFailedTests + brokenFiles + checks.filter((ok) => !ok).length
const passed = faults.passed + counts.numPassedTests + checks.filter(Boolean).length
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exit(failed > 0 || vitest.status !== 0 ? 1 : 0)
