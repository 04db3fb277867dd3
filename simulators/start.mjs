// `npm start`: installs and builds what is missing, then runs the demo. Plain JavaScript: it runs before any build.
import { build, installPackages, nodeTooOld } from './build.mjs'

try {
  const fault = nodeTooOld()
  if (fault) throw new Error(fault)
  installPackages()
  build()
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
process.argv.splice(2, 0, 'demo')
await import('../dist/simulators/main.js')
