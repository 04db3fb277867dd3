// The way to the clinic, step by step: name, TCP, TLS, sign in; and the clinic's stored mark. Publishes nothing and leaves no will.
import { lookup } from 'node:dns/promises'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import mqtt from 'mqtt'
import type { Enrolment } from '../contract/enrolment.ts'
import { StoredMark } from '../contract/stored.ts'
import { topic } from '../contract/topics.ts'
import { connectOptions, reasonOf } from '../line.ts'
import { broken, type Finding, ok } from './finding.ts'

const STEP_MS = 5000
/** A retained message follows its subscription at once; a village line takes a while. */
const MARK_MS = 2000
const PORTS: Record<string, number> = { 'mqtt:': 1883, 'mqtts:': 8883, 'ws:': 80, 'wss:': 443 }

export interface BrokerLook {
  findings: Finding[]
  /** Null: none came, or it could not be asked. */
  mark: StoredMark | null
  signedIn: boolean
}

export async function lookAtBroker(hub: string, broker: Enrolment['broker']): Promise<BrokerLook> {
  const { protocol, hostname, port: given } = new URL(broker.url)
  const [host, port] = [hostname.replace(/^\[|\]$/g, ''), Number(given) || (PORTS[protocol] ?? 0)]
  const failed = (says: string, toDo: string): BrokerLook => ({
    findings: [broken('broker', says, toDo)],
    mark: null,
    signedIn: false,
  })
  try {
    await lookup(host)
  } catch (error) {
    return failed(
      `no address for ${host} (${reasonOf(error as Error)})`,
      'look at the network and at the broker’s name',
    )
  }
  try {
    await opened(connectTcp({ host, port }), 'connect')
  } catch (error) {
    const toDo = 'look at the network cable or SIM, and ask the clinic whether its broker runs; readings wait here'
    return failed(`${host}:${port} does not answer (${reasonOf(error as Error)})`, toDo)
  }
  const secure = protocol === 'mqtts:' || protocol === 'wss:'
  if (secure)
    try {
      const { ca, cert, key } = broker
      const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host }
      const own = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
      await opened(connectTls({ host, port, ...servername, ...own }), 'secureConnect')
    } catch (error) {
      const toDo = 'look whether the clock is right; then have the clinic make a new enrolment and bring it here'
      return failed(`${host}:${port} is not the clinic that this hub knows (${reasonOf(error as Error)})`, toDo)
    }
  const way = ok('broker', `${host}:${port} answers${secure ? ', and proves itself' : ', without encryption'}`)
  try {
    const mark = await signIn(hub, broker)
    return { findings: [way, ok('sign in', `the broker lets ${hub} in`)], mark, signedIn: true }
  } catch (error) {
    const toDo = 'have the clinic make a new enrolment (kiosk-clinic keys rotate) and bring it here'
    const refused = broken('sign in', `the broker does not let ${hub} in (${reasonOf(error as Error)})`, toDo)
    return { findings: [way, refused], mark: null, signedIn: false }
  }
}

function opened(socket: ReturnType<typeof connectTcp>, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    socket.setTimeout(STEP_MS, () => socket.destroy(new Error(`no answer within ${STEP_MS / 1000} s`)))
    socket.once(event, () => resolve())
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed')))
  }).finally(() => socket.destroy())
}

/** @returns the retained mark, if one comes */
async function signIn(hub: string, broker: Enrolment['broker']): Promise<StoredMark | null> {
  const { will: _, ...options } = connectOptions(hub, broker, {})
  const line = mqtt.connect(broker.url, { ...options, connectTimeout: STEP_MS })
  try {
    await new Promise<void>((resolve, reject) => {
      line.once('connect', () => resolve())
      line.once('error', reject)
      line.once('close', () => reject(new Error('the connection was closed')))
    })
    line.on('error', () => undefined) // what ends it now only means that no mark comes
    return await new Promise<StoredMark | null>((resolve, reject) => {
      const late = setTimeout(() => resolve(null), MARK_MS)
      line.on('message', (_name, payload) => {
        clearTimeout(late)
        resolve(markIn(payload.toString()))
      })
      line.once('close', () => resolve(null))
      line.subscribe(topic(hub, 'stored'), { qos: 1 }, (error) => error && reject(error))
    })
  } finally {
    line.end(true)
  }
}

function markIn(text: string): StoredMark | null {
  try {
    return StoredMark.safeParse(JSON.parse(text)).data ?? null
  } catch {
    return null
  }
}
