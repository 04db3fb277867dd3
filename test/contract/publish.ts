// The contract as others read it: JSON Schemas and an AsyncAPI document made from the zod schemas, and what may not change in them.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { Command, Reply } from '../../hub/contract/command.ts'
import { Enrolment } from '../../hub/contract/enrolment.ts'
import { LiveMessage } from '../../hub/contract/live.ts'
import { HubRecord, Identity, RecordsMessage } from '../../hub/contract/record.ts'
import { Status } from '../../hub/contract/status.ts'
import { StoredMark } from '../../hub/contract/stored.ts'
import { DELIVERY, HUB_MAY_WRITE, HubId, NAMES, type TopicName, VERSION } from '../../hub/contract/topics.ts'
import { narrowed, type Schema } from './narrowed.ts'

/** `docs/contract`. */
export const HOME = fileURLToPath(new URL('../../docs/contract/', import.meta.url))

/** The messages, each under its topic's name. */
const MESSAGES: Record<TopicName, [z.ZodType, string]> = {
  records: [
    RecordsMessage,
    'Numbers `first` … of one epoch. Each record is parsed alone and fails alone: record.schema.json. At most 256 KB.',
  ],
  status: [Status, 'A hub about itself: its birth, every 60 s, and with `online: false` its will.'],
  stored: [StoredMark, 'What the clinic keeps of a hub: the whole truth, not an addition. `rev` only grows.'],
  live: [LiveMessage, 'Cuff pressure while it is measured: never a result.'],
  command: [Command, 'What the clinic asks of a hub. The same `key` at each repeat; nothing is done after `deadline`.'],
  reply: [Reply, 'What became of a command.'],
}
/** What stands inside a message, or beside the line. */
const PARTS: Record<string, [z.ZodType, string]> = {
  record: [
    HubRecord,
    'One record. Beyond this schema: a glucose observation has a value or a range, not both; a blood pressure has systolic and diastolic; a visit with a sealed identity has its subject; `hub` is the hub that sends.',
  ],
  identity: [
    Identity,
    'What `sealed` of a visit holds: a compact JWE (ECDH-ES+A256KW, A256GCM) to the clinic’s P-256 key.',
  ],
  enrolment: [
    Enrolment,
    'The one file a new hub needs, made by the clinic. It holds a password, or a certificate with its private key: one of both.',
  ],
}

/**
 * These travel to hubs that are older than their clinic, and are not refused with an answer: they may not widen either.
 * An enrolment is laid by hand, and a hub that does not know a key of it says so and does not start.
 */
const TO_OLDER_HUBS = ['stored']

export function schemas(): Record<string, Schema> {
  return Object.fromEntries(
    Object.entries({ ...MESSAGES, ...PARTS }).map(([name, [schema, description]]) => [
      name,
      { title: name, description, ...z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }) },
    ]),
  )
}

/** The hub's side of the line, as AsyncAPI 3. */
export function asyncapi(): Schema {
  const each = <T>(make: (name: TopicName) => T) => Object.fromEntries(NAMES.map((name) => [name, make(name)]))
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Health kiosk hub',
      version: `${VERSION}`,
      description:
        'What one hub says to its clinic over MQTT 3.1.1 or 5, and what it hears. A hub may use its own topics only, as said here; the clinic writes what a hub reads. Nothing of a person stands in a topic.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    channels: each((name) => ({
      address: `kiosk/v${VERSION}/{hub}/${name}`,
      description: `Written by the ${HUB_MAY_WRITE.includes(name) ? 'hub' : 'clinic'} alone.`,
      parameters: { hub: { description: `The hub's id: ${z.toJSONSchema(HubId).pattern}` } },
      messages: { [name]: { $ref: `#/components/messages/${name}` } },
    })),
    operations: each((name) => ({
      action: HUB_MAY_WRITE.includes(name) ? 'send' : 'receive',
      channel: { $ref: `#/channels/${name}` },
      messages: [{ $ref: `#/channels/${name}/messages/${name}` }],
      bindings: { mqtt: { ...DELIVERY[name], bindingVersion: '0.2.0' } },
    })),
    components: {
      messages: each((name) => ({
        name,
        summary: MESSAGES[name][1],
        payload: { $ref: `./${name}.schema.json` },
      })),
    },
  }
}

const text = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** Every file of this version's folder but its examples. */
export const contractFiles = (): Record<string, string> => ({
  'asyncapi.json': text(asyncapi()),
  ...Object.fromEntries(Object.entries(schemas()).map(([name, schema]) => [`${name}.schema.json`, text(schema)])),
})

/** What `made` refuses of what the published schemas of the same version take; empty for a version not published yet. */
export function incompatible(published: string, made: Record<string, Schema> = schemas()): string[] {
  if (!existsSync(published)) return []
  const names = readdirSync(published).flatMap((file) => /^(.+)\.schema\.json$/.exec(file)?.[1] ?? [])
  return names.flatMap((name) => {
    const base = JSON.parse(readFileSync(join(published, `${name}.schema.json`), 'utf8')) as Schema
    const now = made[name]
    if (!now) return [`${name}: removed`]
    return [
      ...narrowed(base, now, name),
      ...(TO_OLDER_HUBS.includes(name) ? narrowed(now, base, `${name}, at an older hub`) : []),
    ]
  })
}

/** Where a version lies. */
export const folderOf = (version: number, home = HOME) => join(home, `v${version}`)
