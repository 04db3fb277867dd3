// How a hub signs in at its broker (MQTT 3.1.1 or 5), and in which words a connection ended.
import { randomUUID } from 'node:crypto'
import type { ErrorWithReasonCode, IClientOptions, IDisconnectPacket } from 'mqtt'
import type { Enrolment } from './contract/enrolment.ts'
import { DELIVERY, topic } from './contract/topics.ts'

/** @param will what the broker says in this hub's name when the line breaks: its status, offline */
export function connectOptions(hub: string, broker: Enrolment['broker'], will: object): IClientOptions {
  const { url: _, protocolVersion = 4, ...signIn } = broker
  return {
    ...Object.fromEntries(Object.entries(signIn).filter(([, value]) => value !== undefined)),
    clientId: `${hub}-${randomUUID().slice(0, 8)}`, // clones must not throw each other off, nor a thief the hub for long
    protocolVersion,
    clean: true,
    keepalive: 30,
    connectTimeout: 10_000,
    reconnectPeriod: 0, // ours: MQTT.js would send its own store again
    queueQoSZero: false,
    resubscribe: false,
    will: { topic: topic(hub, 'status'), payload: Buffer.from(JSON.stringify(will)), ...DELIVERY.status },
  }
}

/** With the reason code where the broker gave one: CONNACK always, all others on MQTT 5. */
export function reasonOf(error: Error | ErrorWithReasonCode): string {
  const code = 'code' in error ? error.code : undefined
  const words = error.message || error.name
  if (typeof code === 'number') return `${words} (reason code ${code})`
  return code === undefined || words.includes(String(code)) ? words : `${words} (${code})`
}

/** MQTT 5, 4.13: the broker says why it ends the connection. */
const SESSION_TAKEN_OVER = 0x8e
export const goodbyeOf = ({ reasonCode }: IDisconnectPacket): string =>
  reasonCode === SESSION_TAKEN_OVER
    ? 'another client uses the id of this connection: the next one has a new id'
    : `the broker ended the connection (reason code ${reasonCode})`
