// `npm run bench [-- --quick --json --write --only drain,start]`: installs and builds what is missing, then measures. Plain JavaScript: it runs before any build.
import { runnerImport } from 'vite'
import { build, nodeTooOld } from '../../simulators/build.mjs'
import { install } from '../install.mjs'

const fault = nodeTooOld()
if (fault) {
  process.stderr.write(`${fault}\n`)
  process.exit(1)
}
install()
build()
// Vite reads the TypeScript; the module runs to its end before this resolves.
await runnerImport(new URL('bench.ts', import.meta.url).pathname, { configFile: false, logLevel: 'error' })
