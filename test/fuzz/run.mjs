// `npm run fuzz [-- --runs N] [--seed N] [--driver ID] [--save]`: every driver against a million damaged frames.
import { runnerImport } from 'vite'
import { nodeTooOld } from '../../simulators/build.mjs'
import { install } from '../install.mjs'

const fault = nodeTooOld()
if (fault) {
  process.stderr.write(`${fault}\n`)
  process.exit(1)
}
install()
// Vite reads the TypeScript; the module runs to its end before this resolves.
await runnerImport(new URL('main.ts', import.meta.url).pathname, { configFile: false, logLevel: 'error' })
