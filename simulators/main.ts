#!/usr/bin/env node
// kiosk-sim: the whole house on one desk (demo), or one simulated device on a pseudo-terminal (device).
import { Command, InvalidArgumentError } from 'commander'
import { demo } from './demo.ts'
import { CommandError, deviceList, runDevice, simulatedDrivers } from './device.ts'
import { SITE, StartError } from './programs.ts'

const whole = (most: number) => (text: string) => {
  const value = Number(text)
  if (/^\d+$/.test(text) && value <= most) return value
  throw new InvalidArgumentError(`expected a whole number from 0 to ${most}.`)
}

const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ending.abort())
if (process.env.npm_command) {
  // npm hands a signal to its shell, and the shell not to us: whoever ends npm alone means us too.
  const shell = process.ppid
  setInterval(() => process.ppid !== shell && ending.abort(), 500).unref()
}

const program = new Command('kiosk-sim').description('Simulated health-kiosk hardware: everything outside the hub')

program
  .command('demo', { isDefault: false })
  .description('a simulated kiosk, hub, broker, clinic and both pages, on this machine alone')
  .option('--port <n>', "the clinic's port; 0 takes any free one", whole(65_535), 8080)
  .option('--data <dir>', 'where hub/ and clinic/ keep their data (default: a fresh temporary folder)')
  .option('--visitors <n>', 'so many card holders come, then no new ones; 0: only the panel', whole(10_000))
  .option('--seed <n>', 'the same people and values each time', whole(0xffff_ffff), 1)
  .option('--json', 'print where to look as one JSON line; all logs go to stderr')
  .action(async (options: { port: number; data?: string; visitors?: number; seed: number; json?: true }) => {
    const around = {
      now: () => Date.now(),
      log: (chunk: Uint8Array | string) => void process.stderr.write(chunk),
      ready: (where: Parameters<Parameters<typeof demo>[1]['ready']>[0]) => {
        const words = [
          '',
          `  Doctor's page   ${where.clinic}   user ${where.user}, password ${where.password}`,
          `  Kiosk's screen  ${where.kiosk}   with the panel that lays cards and starts the devices`,
          '  Everything is simulated; waiting times are short. Ctrl-C ends it.',
          '',
        ]
        process.stdout.write(`${options.json ? JSON.stringify(where) : words.join('\n')}\n`)
      },
    }
    await demo(options, around, ending.signal)
  })

program
  .command('device')
  .description(`one simulated device, driven by lines of JSON on stdin; drivers: ${simulatedDrivers().join(', ')}`)
  .argument('[driver]', 'the id of its driver; without one those there are are listed')
  .option('--pty <path>', 'a link to the pseudo-terminal is made here')
  .action(async (driver: string | undefined, { pty }: { pty?: string }) => {
    if (driver === undefined) return void process.stdout.write(`${(await deviceList()).join('\n')}\n`)
    if (pty === undefined) throw new CommandError('expected --pty PATH: where the device is to be found')
    await runDevice(driver, pty, {
      stdin: process.stdin,
      stdout: process.stdout,
      now: () => Date.now(),
      zone: SITE.zone,
      signal: ending.signal,
    })
  })

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof Error)) throw error
  const foreseen = error instanceof CommandError || error instanceof StartError
  process.stderr.write(`${foreseen ? error.message : (error.stack ?? error.message)}\n`)
  process.exitCode = 1
}
