#!/usr/bin/env node
// kiosk-clinic: runs a clinic, adds its users, lets new hubs in.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { pino } from 'pino'
import { serviceManager } from '../../hub/system/notify.ts'
import { Role } from './api/schema.ts'
import { type Clinic, openClinic, openSeries, runClinic } from './clinic.ts'
import { type ClinicConfig, ConfigError, readConfig } from './config.ts'
import { enrolUser, Refusal } from './enrol.ts'
import { eraseForGood } from './erase.ts'
import { keysCommand } from './keys-command.ts'
import { readPassword } from './password.ts'
import { backUp, clinicFolder, restore } from './registry/backup.ts'

/** Beside the sources, or one folder up from what is built. */
const ROOT = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../' : '../../../', import.meta.url))
const VERSION: string = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')).version
const CONFIG = 'clinic.json'
const END_MS = 1900

async function run({ config: path }: { config: string }) {
  const config = readConfig(path)
  const log = pino({ level: process.env.LOG_LEVEL ?? 'info', base: null }, pino.destination({ dest: 2, sync: true }))
  const manager = serviceManager(process.env, process.pid, log)
  const ending = new AbortController()
  const end = (why: string) => () => {
    if (ending.signal.aborted) return
    log.info({ why }, 'ending')
    void manager.stopping()
    ending.abort()
    setTimeout(() => process.exit(1), END_MS).unref()
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, end(name))
  process.on('disconnect', end('whoever started this clinic is gone'))
  const ready = (where: { url: string; broker: { port: number } | null }, alive: () => Promise<unknown>) => {
    log.info({ ...where, version: VERSION }, 'ready')
    void manager.ready().then(() => manager.watch(alive, ending.signal))
    process.send?.({ ready: true, ...where })
  }
  const web = `${ROOT}dist/dashboard/web`
  await runClinic(config, { log, now: Date.now, version: VERSION, web, ready }, ending.signal)
  process.disconnect?.()
}

/** For the commands that work on a clinic's files, whether it runs or not. */
async function inClinic(path: string, work: (clinic: Clinic, config: ClinicConfig) => Promise<void>) {
  const config = readConfig(path)
  const clinic = await openClinic(config)
  await work(clinic, config).finally(() => clinic.registry.destroy())
}

interface UserOptions {
  role: (typeof Role.options)[number]
  site: string[]
  config: string
}

const addUser = (name: string, { role, site, config: path }: UserOptions) =>
  inClinic(path, async (clinic, config) => {
    const password = await readPassword(process.stdin, process.stderr)
    await enrolUser(clinic, config, { name, role, sites: site }, password, Date.now())
    process.stderr.write(`user ${name} may sign in as ${role}${site.length > 0 ? ` of ${site.join(', ')}` : ''}\n`)
  })

interface DataOptions {
  data?: string
  config: string
}

const dataOf = ({ data, config: path }: DataOptions) =>
  data === undefined ? readConfig(path).data : clinicFolder(data)

async function makeBackup({ out, ...where }: DataOptions & { out: string }) {
  const told = await backUp(dataOf(where), out, VERSION, Date.now())
  process.stdout.write(`${told.file}\n`)
  process.stderr.write(
    `${told.records} records, ${told.observations} readings, ${told.residents} residents, ${told.keys} keys of ${told.at}: lock it away, it holds names\n`,
  )
}

async function takeBackup({ from, ...where }: DataOptions & { from: string }) {
  const data = dataOf(where)
  const told = await restore(from, data, Date.now())
  process.stderr.write(
    `${data} is as it was at ${told.at}: ${told.records} records, ${told.observations} readings, ${told.residents} residents, ${told.keys} keys\n` +
      'start the clinic: kiosks send again what came since, and the time series is written from the registry\n',
  )
}

const erase = (resident: string, { config: path }: { config: string }) =>
  inClinic(path, async ({ registry }, config) => {
    const store = openSeries(config)
    const { readings, visits, series } = await eraseForGood(registry, store, resident, Date.now()).finally(store.close)
    process.stderr.write(
      `erased: ${readings} readings and ${visits} visits; every kiosk that knew them is told to forget them\n`,
    )
    if (!series)
      process.stderr.write('the time series does not answer: it is emptied once it does and the clinic runs\n')
    process.stderr.write('backups made before still hold this person: restore applies the erasure, or destroy them\n')
  })

const EXPLAINED: Record<string, string> = {
  EADDRINUSE: 'is in use by another program: end that one, or choose another port in the configuration',
  EACCES: 'is not permitted to this user',
  EADDRNOTAVAIL: 'is no address of this machine',
  EROFS: 'lies on a disk that cannot be written',
  ENOENT: 'does not exist',
  ENOTDIR: 'lies under a file, not under a folder',
  ENOSPC: 'lies on a disk that is full',
  EEXIST: 'is there already: it is not written over',
}

/** One line for what the operator can mend; a bug keeps its stack. */
function told(error: unknown): string {
  if (error instanceof ConfigError || error instanceof Refusal) return error.message
  const { code, path, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  const words = code && EXPLAINED[code]
  if (words) return `${path ?? (address === undefined ? 'something' : `${address}:${port}`)} ${words}`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

const data = () => new Option('--data <dir>', 'the data folder of a clinic, or that of a demo (in place of --config)')
const config = () => new Option('--config <file>', 'the configuration').default(CONFIG)
const program = new Command('kiosk-clinic').description('The clinic of health kiosks').version(VERSION)
program.command('run').description('run the clinic').addOption(config()).action(run)
program
  .command('user')
  .description('who may sign in')
  .command('add <name>')
  .description('add a user; the password is asked, or read from standard input')
  .addOption(new Option('--role <role>', 'what the user may see').choices(Role.options).makeOptionMandatory())
  .option('--site <id...>', 'the sites of this user', [])
  .addOption(config())
  .action(addUser)
program.addCommand(
  keysCommand(
    {
      inClinic,
      say: (line) => process.stderr.write(`${line}\n`),
      print: (line) => process.stdout.write(`${line}\n`),
      now: Date.now,
    },
    CONFIG,
  ),
)
program
  .command('backup')
  .description('copy registry and keys into one file, while the clinic runs')
  .requiredOption('--out <path>', 'the file to make, or a folder for it; its path is told on stdout')
  .addOption(data())
  .addOption(config())
  .action(makeBackup)
program
  .command('restore')
  .description('make a clinic of a backup, in a folder that has none')
  .requiredOption('--from <file>', 'the backup')
  .addOption(data())
  .addOption(config())
  .action(takeBackup)
program
  .command('erase <resident>')
  .description('erase a resident by the id in the address of their page, for good, here and on every kiosk')
  .addOption(config())
  .action(erase)

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`kiosk-clinic: ${told(error)}\n`)
  process.exit(1)
}
