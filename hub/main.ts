#!/usr/bin/env node
// kiosk-hub: runs a kiosk, lists the devices it knows and those that are plugged in, decodes bytes.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { isDeepStrictEqual } from 'node:util'
import { Command, Option } from 'commander'
import { pino } from 'pino'
import { fromHex } from '../devices/kit/bytes.ts'
import { decoder } from '../devices/kit/decode.ts'
import { allDrivers, findDriver, type UsbId } from '../devices/kit/driver.ts'
import { ConfigError, readConfig } from './config.ts'
import { doctor } from './doctor/doctor.ts'
import { lineOf } from './doctor/finding.ts'
import { runHub } from './hub.ts'
import { KINDS, type NewKind, newDriver } from './new-driver.ts'
import { foundPorts } from './ports/found.ts'
import { type RecordPort, recordPort } from './record-port.ts'
import { refusedIn } from './refused.ts'
import { serviceManager } from './system/notify.ts'
import type { Machine } from './trust.ts'
import { udevRules } from './udev.ts'

const VERSION: string = JSON.parse(readFileSync(new URL(packageFile(), import.meta.url), 'utf8')).version
/** Beside the sources, or one folder up from what is built. */
function packageFile() {
  return import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json'
}
const END_MS = 2000

const machine: Machine = {
  wallMs: () => Date.now(),
  // Since boot on Linux, so that records of two runs in one boot share their clock.
  uptimeMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
  boot: bootId(),
}

function bootId(): string {
  if (process.platform !== 'linux') return randomUUID()
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

async function run({ config: path }: { config: string }) {
  const config = await readConfig(path)
  const { hub } = config.enrolment
  const level = process.env.LOG_LEVEL ?? config.logLevel
  const log = pino({ level, base: { hub } }, pino.destination({ dest: 2, sync: true }))
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
  process.on('disconnect', end('whoever started this hub is gone'))
  const ready = (url: string, alive: () => Promise<unknown>) => {
    log.info({ url, version: VERSION }, 'ready')
    void manager.ready().then(() => manager.watch(alive, ending.signal))
    process.send?.({ ready: true, url, hub })
  }
  await runHub(config, { machine, log, version: VERSION, ready }, ending.signal)
  process.disconnect?.()
}

async function devices({ json }: { json?: true }) {
  const list = (await allDrivers()).map(({ id, vendor, models, kind, transport, check, evidence }) => {
    return { id, vendor, models, kind, transport: transport.type, check, evidence }
  })
  if (json) process.stdout.write(`${JSON.stringify(list)}\n`)
  else
    for (const d of list)
      process.stdout.write(
        `${d.id.padEnd(22)} ${d.kind.padEnd(15)} ${d.transport.padEnd(7)} check ${d.check.padEnd(6)} ${d.evidence.padEnd(11)} ${d.vendor} ${d.models.join(', ')}\n`,
      )
}

async function ports({ json }: { json?: true }) {
  const [found, drivers] = [await foundPorts(), await allDrivers()]
  const list = found.map((port) => ({
    ...port,
    drivers: drivers
      .filter(({ transport }) => transport.ids?.some((id) => isDeepStrictEqual(id, pair(port.usb))))
      .map(({ id }) => id),
  }))
  if (json) return void process.stdout.write(`${JSON.stringify(list)}\n`)
  const hex = (n: number) => n.toString(16).padStart(4, '0')
  for (const { path, usb, place, drivers: known } of list) {
    const id = usb ? `${hex(usb.vendorId)}:${hex(usb.productId)}` : 'no USB'
    const words = [path.padEnd(14), id, `place ${place ?? '-'}`, `serial ${usb?.serial ?? '-'}`, usb?.product, ...known]
    process.stdout.write(`${words.filter((word) => word).join('  ')}\n`)
  }
}

const pair = (usb: UsbId | null) => usb && { vendorId: usb.vendorId, productId: usb.productId }

async function refused({ config: path, json }: { config: string; json?: true }) {
  const list = refusedIn((await readConfig(path)).data)
  if (json) process.stdout.write(`${JSON.stringify(list)}\n`)
  else for (const { at, device, driver, bytes } of list) process.stdout.write(`${at} ${device} (${driver}) ${bytes}\n`)
}

/** The call itself was wrong. */
class CallError extends Error {}

async function decode(id: string) {
  const driver = await findDriver(id).catch((error: Error) => {
    throw new CallError(error.message, { cause: error })
  })
  const { push, end, counts } = decoder(driver)
  const print = (all: ReturnType<typeof end>) => {
    for (const { event } of all) if (event.kind !== 'device') process.stdout.write(`${JSON.stringify(event)}\n`)
  }
  let number = 0
  for await (const line of createInterface({ input: process.stdin })) {
    number++
    const hex = line.replace(/\s+/g, '')
    if (!/^([0-9a-f]{2})*$/i.test(hex)) throw new CallError(`line ${number} is not hex bytes (such as 16 16 01 30)`)
    print(push(fromHex(hex)))
  }
  print(end())
  process.stderr.write(`discarded ${counts.discardedBytes} bytes, refused ${counts.refusedFrames} frames\n`)
  process.exitCode = counts.refusedFrames > 0 ? 1 : 0
}

const program = new Command('kiosk-hub').description('The hub of a health kiosk').version(VERSION).exitOverride()
program
  .command('run')
  .description('reads the devices, delivers every reading, serves the visitor’s page')
  .requiredOption('--config <file>', 'the hub’s configuration, JSON')
  .action(run)
program
  .command('devices')
  .description('the devices this hub can read')
  .option('--json', 'one JSON array')
  .action(devices)
program
  .command('ports')
  .description('what is plugged in now, and the driver that knows it by its ids')
  .option('--json', 'one JSON array; numbers are decimal, as the configuration takes them')
  .action(ports)
program
  .command('doctor')
  .description(
    'is this kiosk well? one line a thing: ok, look or broken, and what to do; exit code 1 if anything is broken',
  )
  .requiredOption('--config <file>', 'the hub’s configuration, JSON')
  .option('--json', 'one JSON array')
  .action(async ({ config, json }: { config: string; json?: true }) => {
    const findings = await doctor(config, machine.wallMs())
    process.stdout.write(json ? `${JSON.stringify(findings)}\n` : findings.map(lineOf).join(''))
    process.exitCode = findings.some(({ state }) => state === 'broken') ? 1 : 0
  })
program
  .command('udev')
  .description('udev rules that give the devices’ ports to the group kiosk, for /etc/udev/rules.d/70-kiosk.rules')
  .option('--config <file>', 'the hub’s configuration, JSON: its ports too')
  .action(async ({ config }: { config?: string }) => {
    const devices = config === undefined ? [] : (await readConfig(config)).devices
    process.stdout.write(udevRules(await allDrivers(), devices))
  })
program
  .command('refused')
  .description('what devices sent lately and could not be read, raw, for support; never a byte of a card')
  .requiredOption('--config <file>', 'the hub’s configuration, JSON')
  .option('--json', 'one JSON array')
  .action(refused)
program
  .command('decode <driver>')
  .description('hex bytes on stdin, one chunk a line → events on stdout, one JSON a line')
  .action(decode)

program
  .command('record <file>')
  .description(
    'a live device’s conversation as a .capture, private bytes blanked before they are written; Ctrl-C ends it',
  )
  .requiredOption('--path <path>', 'its port, such as /dev/ttyUSB0 or /dev/hidraw0; `kiosk-hub ports` lists them')
  .option('--driver <id>', 'the driver that talks with it; without one its bytes are written as they come')
  .option('--baud <n>', 'speed of a serial line, where the driver’s is not its own', Number)
  .option('--seconds <n>', 'ends after so long', Number)
  .action(async (file: string, options: RecordPort) => {
    const ending = new AbortController()
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => ending.abort())
    const say = (text: string) => void process.stderr.write(`${text}\n`)
    await recordPort(file, options, { now: machine.wallMs, say }, ending.signal)
  })
program
  .command('new-driver <vendor> <model>')
  .description('lays the driver and the capture of a new device; to be started in a checkout of the sources')
  .addOption(new Option('--kind <kind>', 'what it measures').choices([...KINDS]).makeOptionMandatory())
  .action((vendor: string, model: string, { kind }: { kind: NewKind }) => {
    for (const file of newDriver(process.cwd(), vendor, model, kind)) process.stdout.write(`${file}\n`)
    process.stdout.write('docs/add-a-device.md goes on from here; test: npx vitest run test/devices\n')
  })

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof Error)) throw error
  const usage = 'exitCode' in error // commander has said it already
  const bug = error.constructor !== Error && !(error instanceof ConfigError || error instanceof CallError)
  if (!usage) process.stderr.write(`kiosk-hub: ${bug ? error.stack : error.message}\n`)
  process.exitCode = usage ? (error.exitCode === 0 ? 0 : 2) : error instanceof CallError ? 2 : 1
  process.removeAllListeners('disconnect') // it ends by itself
  process.disconnect?.()
}
