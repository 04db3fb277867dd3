// `npm run faults [-- --quick --seed N --only WORDS --parts embedded|servers --jobs N]`: installs, builds, then every fault on real processes.
import { runnerImport } from 'vite'
import { build, nodeTooOld } from '../../simulators/build.mjs'
import { install } from '../install.mjs'

const fault = nodeTooOld()
if (fault) {
  process.stderr.write(`${fault}\n`)
  process.exit(1)
}
process.env.MISSING_PACKAGES = install().join(' ')
build()
// Vite reads the TypeScript; the module runs to its end before this resolves.
await runnerImport(new URL('matrix.ts', import.meta.url).pathname, { configFile: false, logLevel: 'error' })
