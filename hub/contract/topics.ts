// The MQTT topics of the wire contract, and who may use them. Nothing of a person ever stands in a topic.
import { z } from 'zod'

/** A hub's id: given at enrolment, safe in a topic, a file name and a user name. */
export const HubId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/, 'a hub id is 1–32 letters, digits or hyphens')

/** Goes up when a message changes so that its reader would refuse what was written before; `docs/contract` has each. */
export const VERSION = 1
const ROOT = `kiosk/v${VERSION}`
export const NAMES = ['records', 'status', 'stored', 'live', 'command', 'reply'] as const
export type TopicName = (typeof NAMES)[number]

export const topic = (hub: string, name: TopicName) => `${ROOT}/${hub}/${name}`
/** The same topic of every hub, for the clinic's subscription. */
export const everyHub = (name: TopicName) => `${ROOT}/+/${name}`

/** How each is published. What is retained is the first that a newcomer hears; a reading never is. */
export const DELIVERY: Readonly<Record<TopicName, Readonly<{ qos: 0 | 1; retain: boolean }>>> = {
  records: { qos: 1, retain: false },
  status: { qos: 1, retain: true },
  stored: { qos: 1, retain: true },
  live: { qos: 0, retain: false },
  command: { qos: 1, retain: false },
  reply: { qos: 1, retain: false },
}

/** Which hub and which topic a name is; null when it is none of ours. */
export function parseTopic(text: string): { hub: string; name: TopicName } | null {
  const match = /^kiosk\/v1\/([^/]+)\/([a-z]+)$/.exec(text)
  const name = NAMES.find((n) => n === match?.[2])
  return match && name && HubId.safeParse(match[1]).success ? { hub: match[1]!, name } : null
}

/** What a hub's own credentials let it do with its own topics, and nothing else (architecture, section 7). */
export const HUB_MAY_WRITE: readonly TopicName[] = ['records', 'status', 'live', 'reply']
export const HUB_MAY_READ: readonly TopicName[] = ['stored', 'command']
/** What the clinic's credentials let it do with every hub's topics. It reads its own marks back: another's there must be outdone. */
export const CLINIC_MAY_WRITE: readonly TopicName[] = ['stored', 'command']
export const CLINIC_MAY_READ: readonly TopicName[] = ['records', 'status', 'live', 'reply', 'stored']
/** The clinic's user name at the broker: no hub may be called so. */
export const CLINIC_USER = 'clinic'
