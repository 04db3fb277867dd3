// `kiosk-clinic keys …`: what hubs and their broker need.
import { join } from 'node:path'
import { Command } from 'commander'
import type { Enrolment } from '../../hub/contract/enrolment.ts'
import { HUB_MAY_READ, HUB_MAY_WRITE, topic } from '../../hub/contract/topics.ts'
import type { Clinic } from './clinic.ts'
import type { ClinicConfig } from './config.ts'
import { Refusal, writeSecret } from './enrol.ts'
import { enrolHub, renewEnrolment, revoke, tellBroker } from './hubs.ts'
import { brokerKeys } from './keys.ts'
import { tellMosquitto, writeListeners } from './mosquitto.ts'
import { allHubs } from './registry/enrol.ts'

export interface KeysAround {
  /** For the commands that work on a clinic's files, whether it runs or not. */
  inClinic(path: string, work: (clinic: Clinic, config: ClinicConfig) => Promise<void>): Promise<void>
  /** For the operator. */
  say(line: string): void
  /** What was asked for. */
  print(line: string): void
  /** Milliseconds since 1970. */
  now(): number
}

interface HubOptions {
  site: string
  config: string
  out?: string
  brokerUrl?: string
  certificate?: boolean
}

export function keysCommand({ inClinic, say, print, now }: KeysAround, defaultConfig: string): Command {
  const at = (command: Command) => command.option('--config <file>', 'the configuration', defaultConfig)

  /** The file is made before anybody is let in: an enrolment that cannot be kept would be lost for ever. */
  async function handOut(
    id: string,
    out: string,
    clinic: Clinic,
    config: ClinicConfig,
    make: () => Promise<Enrolment>,
  ) {
    const keep = writeSecret(out)
    const enrolment = await make().catch(keep.drop)
    keep.fill(`${JSON.stringify(enrolment, null, 2)}\n`)
    say(`${out} holds what the hub ${id} needs, and its secret: carry it there, then remove it here`)
    for (const line of await tellBroker(clinic, config)) say(line)
    if ('url' in config.broker && !config.broker.mosquitto) say(byHand(id, out))
  }

  const byHand = (id: string, out: string) =>
    `add the account to your broker: user ${id}, the password in ${out}; it may write ${HUB_MAY_WRITE.map((name) => topic(id, name)).join(', ')} ` +
    `and read ${HUB_MAY_READ.map((name) => topic(id, name)).join(', ')}, nothing else`

  const asked = (id: string, { brokerUrl, certificate = false }: HubOptions) => ({
    id,
    brokerUrl: brokerUrl ?? null,
    byCertificate: certificate,
  })

  const addHub = (id: string, options: HubOptions) =>
    inClinic(options.config, async (clinic, config) => {
      const { out = `${id}.enrolment.json`, site, brokerUrl } = options
      await handOut(id, out, clinic, config, () => enrolHub(clinic, config, { ...asked(id, options), site }, now()))
      if ('embedded' in config.broker && !brokerUrl)
        say(
          'the hub will look for the broker where this configuration has it: if that is another machine, give --broker-url',
        )
    })

  const rotate = (id: string, options: HubOptions) =>
    inClinic(options.config, async (clinic, config) => {
      const { out = `${id}.enrolment.json` } = options
      await handOut(id, out, clinic, config, () => renewEnrolment(clinic, config, asked(id, options), now()))
      say(
        `the former secret of ${id} has ended; readings wait in the kiosk until it has the new file and is started again`,
      )
    })

  const end = (id: string, { config: path }: { config: string }) =>
    inClinic(path, async (clinic, config) => {
      await revoke(clinic, id, now())
      say(
        `hub ${id} is let in no longer; its readings here stay. What it has not delivered waits in it: \`keys rotate ${id}\` lets it in again`,
      )
      for (const line of await tellBroker(clinic, config)) say(line)
      if ('url' in config.broker && !config.broker.mosquitto) say(`remove the account ${id} from your broker`)
    })

  const list = ({ config: path }: { config: string }) =>
    inClinic(path, async ({ registry }) => {
      for (const hub of await allHubs(registry)) {
        const how = hub.certificate === null ? 'password' : 'certificate'
        const state = hub.revoked_at_ms === null ? 'let in' : `revoked ${new Date(hub.revoked_at_ms).toISOString()}`
        print([hub.id, hub.site, how, state].join('\t'))
      }
    })

  const broker = ({ config: path, host }: { config: string; host: string[] }) =>
    inClinic(path, async (clinic, config) => {
      const elsewhere = 'url' in config.broker ? config.broker : null
      if (!elsewhere?.mosquitto)
        throw new Refusal('expected "broker": { "url": …, "mosquitto": { "folder": … } } in the configuration')
      const { url, mosquitto } = elsewhere
      const lines = await tellBroker(clinic, config)
      await writeListeners(await brokerKeys(join(config.data, 'keys')), url, mosquitto, host)
      tellMosquitto(mosquitto)
      say(
        `${mosquitto.folder} has listeners, accounts and rights; mosquitto.conf wants the line: include_dir ${mosquitto.folder}`,
      )
      for (const line of lines) say(line)
    })

  const keys = new Command('keys').description('what hubs and their broker need')
  const forHub = (command: Command) =>
    at(command)
      .option('--out <file>', 'the file to write (default: ID.enrolment.json)')
      .option('--broker-url <url>', 'how the hub reaches the broker (default: as the configuration says)')
      .option('--certificate', 'the hub signs in by a certificate instead of a password')
  forHub(keys.command('add-hub <id>').description('let a new hub in: writes the one file it needs'))
    .requiredOption('--site <id>', 'where the hub stands')
    .action(addHub)
  forHub(keys.command('rotate <id>').description('give a hub a new secret, in a new file; the former one ends')).action(
    rotate,
  )
  at(keys.command('revoke <id>').description('let a hub in no longer')).action(end)
  at(keys.command('list').description('every hub that was ever let in')).action(list)
  at(keys.command('broker').description('write what Mosquitto reads: listeners, a certificate, accounts, rights'))
    .option('--host <name...>', 'names and addresses by which hubs reach the broker, beside the one in "url"', [])
    .action(broker)
  return keys
}
