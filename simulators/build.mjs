// Builds what is missing or older than its sources: npm packages, the three programs, the two pages. Plain JavaScript: it runs before any build.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = join(root, 'dist/.built')

/** @returns the reason why this Node cannot run us, or null */
export function nodeTooOld(version = process.versions.node) {
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace('>=', '')
  const [a, b] = [version, wanted].map((v) => v.split('.').map(Number))
  return a[0] > b[0] || (a[0] === b[0] && a[1] >= b[1]) ? null : `Node ${wanted} or newer is needed, this is ${version}`
}

/** Runs a command with its output on stderr: stdout belongs to whoever called us. Throws when it fails. */
export function run(command, args, env = process.env) {
  const { status, error } = spawnSync(command, args, { cwd: root, env, stdio: ['ignore', 2, 2] })
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ` (exit ${status})`}`)
}

/** npm packages, when they are not there or the lock file is newer. */
export function installPackages() {
  const installed = join(root, 'node_modules/.package-lock.json')
  const lock = join(root, 'package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return
  run('npm', ['ci', '--no-audit', '--no-fund'])
}

const newest = (folder) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((time, entry) => Math.max(time, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0)

export function build() {
  const sources = ['devices', 'hub', 'dashboard', 'simulators'].map((f) => newest(join(root, f)))
  const configs = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'vite.config.ts'].map(
    (f) => statSync(join(root, f)).mtimeMs,
  )
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= Math.max(...sources, ...configs)) return
  run('npx', ['tsc', '-p', 'tsconfig.build.json'])
  for (const page of ['doctor', 'visitor']) run('npx', ['vite', 'build', '--mode', page])
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const file of Object.values(bin)) chmodSync(join(root, file), 0o755)
  cpSync(join(root, 'simulators/panel'), join(root, 'dist/simulators/panel'), { recursive: true })
  writeFileSync(stamp, '')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const fault = nodeTooOld()
  if (fault) {
    process.stderr.write(`${fault}\n`)
    process.exit(1)
  }
  installPackages()
  build()
}
