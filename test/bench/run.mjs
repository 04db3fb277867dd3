// `npm run bench`: installs and builds what is missing, then measures. Plain JavaScript: it runs before any build.
import { spawnSync } from 'node:child_process'
import { build, root } from '../../simulators/build.mjs'
import { install } from '../install.mjs'

install()
build()
const { status } = spawnSync('npx', ['vitest', 'run', '--config', 'test/bench/vitest.config.ts', '--reporter=dot'], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
})
process.exit(status ?? 1)
