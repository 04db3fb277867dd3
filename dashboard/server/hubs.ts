// Lets hubs in, gives them new credentials, ends them; and has the broker know.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Enrolment } from '../../hub/contract/enrolment.ts'
import { CLINIC_USER, HubId } from '../../hub/contract/topics.ts'
import type { Clinic } from './clinic.ts'
import { type ClinicConfig, mqttUrl } from './config.ts'
import { Refusal, siteOf } from './enrol.ts'
import { brokerKeys } from './keys.ts'
import { tellMosquitto, writeAccounts } from './mosquitto.ts'
import { addHub, allHubs, type Credential, renewHub, revokeHub } from './registry/enrol.ts'
import { hashSecret, newSecret } from './secret.ts'

export interface HubAsked {
  id: string
  /** How the hub reaches the broker; null: as the clinic itself does. */
  brokerUrl: string | null
  /** Signs in by a client certificate, and has no password; who did stays with it. */
  byCertificate: boolean
}

/**
 * Lets a new hub in.
 * @returns the one file it needs
 * @throws Refusal when the id is no id or is taken, the site is not configured, or this broker takes no certificates
 */
export async function enrolHub(
  clinic: Clinic,
  config: ClinicConfig,
  { site, ...hub }: HubAsked & { site: string },
  nowMs: number,
): Promise<Enrolment> {
  const id = HubId.safeParse(hub.id)
  if (!id.success) throw new Refusal(`${JSON.stringify(hub.id)}: ${id.error.issues[0]?.message}`)
  if (id.data === CLINIC_USER) throw new Refusal(`"${CLINIC_USER}" is the clinic itself: give the hub another id`)
  const { enrolment, credential } = await makeEnrolment(clinic, config, { ...hub, site })
  if (!(await addHub(clinic.registry, { id: id.data, site, ...credential }, nowMs)))
    throw new Refusal(
      `there is a hub ${id.data} already: give the new one another id, or, if it is the same kiosk, \`keys rotate ${id.data}\``,
    )
  return enrolment
}

/**
 * New credentials for a hub, revoked or not; the former end at once, and what it has not delivered waits in it.
 * @throws Refusal when there is no such hub, or this broker takes no certificates
 */
export async function renewEnrolment(
  clinic: Clinic,
  config: ClinicConfig,
  hub: HubAsked,
  nowMs: number,
): Promise<Enrolment> {
  const row = (await allHubs(clinic.registry)).find(({ id }) => id === hub.id)
  if (!row) throw new Refusal(noSuch(hub.id))
  const asked = { ...hub, site: row.site, byCertificate: hub.byCertificate || row.certificate !== null }
  const { enrolment, credential } = await makeEnrolment(clinic, config, asked)
  await renewHub(clinic.registry, hub.id, credential, nowMs)
  return enrolment
}

/** @throws Refusal when there is no such hub */
export async function revoke({ registry }: Clinic, id: string, nowMs: number): Promise<void> {
  if (!(await revokeHub(registry, id, nowMs))) throw new Refusal(noSuch(id))
}

const noSuch = (id: string) => `there is no hub ${JSON.stringify(id)}: \`keys list\` has those there are`

async function makeEnrolment(
  { keys }: Clinic,
  config: ClinicConfig,
  { id, site, brokerUrl, byCertificate }: HubAsked & { site: string },
): Promise<{ enrolment: Enrolment; credential: Credential }> {
  const { broker } = config
  const elsewhere = 'url' in broker ? broker : null
  const mosquitto = elsewhere?.mosquitto
  const tls = elsewhere && new URL(elsewhere.url).protocol === 'mqtts:'
  if (byCertificate && !(mosquitto && tls))
    throw new Refusal('only a Mosquitto that this clinic keeps, with an mqtts:// address, takes certificates of ours')
  const authority = mosquitto ? (await brokerKeys(join(config.data, 'keys'))).authority : null
  const ca = authority ? (tls ? authority.certificate : undefined) : elsewhere?.ca
  // Another name each time: the right hangs on it, so that of a former certificate ends with the name.
  const certificate = byCertificate ? `${id}.${randomBytes(6).toString('hex')}` : null
  const password = newSecret()
  const signIn = certificate
    ? { username: certificate, ...(await certificateFor(certificate, authority!)) }
    : { username: id, password }
  const enrolment = Enrolment.safeParse({
    v: 1,
    hub: id,
    site: siteOf(config, site),
    broker: {
      url: brokerUrl ?? usualUrl(config, byCertificate),
      ...signIn,
      ...(ca && { ca }),
      ...(elsewhere?.protocolVersion === 5 && { protocolVersion: 5 }),
    },
    clinicKey: keys.sealTo,
  })
  if (!enrolment.success)
    throw new Refusal(enrolment.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; '))
  return {
    enrolment: enrolment.data,
    credential: { passwordHash: certificate ? '-' : hashSecret(password), certificate },
  }
}

async function certificateFor(client: string, authority: Parameters<typeof import('./authority.ts').certify>[0]) {
  const { certify } = await import('./authority.ts')
  const { certificate: cert, key } = await certify(authority, { client })
  return { cert, key }
}

const MQTT_PORT = 1883

function usualUrl({ broker }: ClinicConfig, byCertificate: boolean): string {
  if ('embedded' in broker) return mqttUrl(broker.embedded.host, broker.embedded.port || MQTT_PORT)
  if (!byCertificate || !broker.mosquitto) return broker.url
  const url = new URL(broker.url)
  return broker.url.replace(url.host, `${url.hostname}:${broker.mosquitto.certificatePort}`)
}

/**
 * Has a Mosquitto that this clinic keeps know who may sign in now. Nothing is done for any other broker.
 * @returns what the operator has to be told, a line each
 */
export async function tellBroker({ registry }: Clinic, config: ClinicConfig): Promise<string[]> {
  const mosquitto = 'url' in config.broker ? config.broker.mosquitto : null
  if (!mosquitto) return []
  const keys = await brokerKeys(join(config.data, 'keys'))
  const { changed, without } = await writeAccounts(registry, keys, mosquitto)
  const untold = changed ? tellMosquitto(mosquitto) : null
  return [
    ...(untold
      ? [`have Mosquitto read ${mosquitto.folder} again (systemctl reload mosquitto); not told by us: ${untold}`]
      : []),
    ...without.map(
      (id) => `hub ${id} has a password that Mosquitto cannot check: \`keys rotate ${id}\` gives it a new one`,
    ),
  ]
}
