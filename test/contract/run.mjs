// `npm run contract [-- --record]`: writes docs/contract from the zod schemas; with --record also example messages of real programs.
import { runnerImport } from 'vite'
import { build, nodeTooOld } from '../../simulators/build.mjs'
import { install } from '../install.mjs'

const fault = nodeTooOld()
if (fault) {
  process.stderr.write(`${fault}\n`)
  process.exit(1)
}
const record = process.argv.includes('--record')
install()
if (record) build()
// Vite reads the TypeScript; each module runs to its end before this resolves.
for (const module of record ? ['write.ts', 'record.ts'] : ['write.ts'])
  await runnerImport(new URL(module, import.meta.url).pathname, { configFile: false, logLevel: 'error' })
