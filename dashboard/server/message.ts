// What came over MQTT, parsed once: the envelope, then each record alone. A refusal names what came and what was
// expected, never a value from inside a record.
import type { z } from 'zod'
import { Reply } from '../../hub/contract/command.ts'
import { HubRecord, MAX_BYTES, MAX_RECORDS, RecordsMessage, type Visit } from '../../hub/contract/record.ts'
import { Status } from '../../hub/contract/status.ts'
import { parseTopic } from '../../hub/contract/topics.ts'
import { type ClinicKeys, openIdentity } from './registry/identity.ts'
import type { Accepted, Intake } from './registry/intake.ts'
import { bodyOf, type Reason, type Refused, textBody } from './registry/quarantine.ts'

export interface Message {
  topic: string
  payload: Uint8Array
  /** Delivered from what the broker had kept, not as it was sent. */
  retain: boolean
}

const faults = (error: z.ZodError) =>
  error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join('.') || 'the whole'}: ${issue.message}`)
    .join('; ')

type Json = { ok: unknown } | { refused: Refused }

function parseJson(message: Message): Json {
  const hub = parseTopic(message.topic)?.hub ?? null
  const refuse = (reason: Reason, detail: string, kept = message.payload): Json => ({
    refused: {
      ...{ hub, topic: message.topic, epoch: null, seq: null, reason, detail },
      body: { ...bodyOf(kept), bytes: message.payload.length },
    },
  })
  if (message.payload.length > MAX_BYTES) {
    const detail = `${message.payload.length} bytes; at most ${MAX_BYTES} are allowed, and so many are kept here`
    return refuse('too-large', detail, message.payload.subarray(0, MAX_BYTES))
  }
  const { body, encoding } = bodyOf(message.payload)
  if (encoding === 'hex') return refuse('not-json', 'the bytes are no UTF-8 text; expected JSON')
  try {
    return { ok: JSON.parse(body) }
  } catch {
    return refuse('not-json', 'the text is no JSON (a NaN or Infinity is none either)')
  }
}

/** Takes a `records` message apart. @returns what passed and what did not; numbered refusals count as stored */
export async function readRecords(message: Message, hub: string, keys: ClinicKeys): Promise<Intake> {
  const json = parseJson(message)
  if ('refused' in json) return { accepted: [], refused: [json.refused] }
  const whole = (reason: Reason, detail: string): Intake => ({
    accepted: [],
    refused: [{ hub, topic: message.topic, epoch: null, seq: null, reason, detail, body: bodyOf(message.payload) }],
  })
  if (message.retain) {
    return whole('retained', 'a records message kept by the broker: readings are never published as retained')
  }
  const { ok } = json
  const version = typeof ok === 'object' && ok !== null && 'v' in ok ? ok.v : undefined
  const future = typeof version === 'number' && version > 1
  const envelope = RecordsMessage.safeParse(future ? { ...(ok as object), v: 1 } : ok)
  if (!envelope.success) {
    const expected = `expected { v: 1, hub, epoch, first, records: 1–${MAX_RECORDS} }`
    return whole(future ? 'future-version' : 'envelope', `${faults(envelope.error)}; ${expected}`)
  }
  const { epoch, first, records } = envelope.data
  // Beyond it numbers run together, and no hub could read a mark that names one.
  if (!Number.isSafeInteger(first + records.length)) return whole('envelope', `first: ${first} is no number of a row`)
  const accepted: Accepted[] = []
  const refused: Refused[] = []
  const wrong = future
    ? {
        reason: 'future-version' as const,
        detail: `version ${version}; this clinic understands 1 and tries again once upgraded`,
      }
    : envelope.data.hub !== hub
      ? { reason: 'wrong-hub' as const, detail: `the message says hub ${envelope.data.hub}, its topic ${hub}` }
      : null
  const at = (i: number) => ({ hub, topic: message.topic, epoch, seq: first + i })
  /** With its version, so that only a clinic which understands that version reads it again. */
  const alone = (i: number) => ({ ...(ok as object), first: first + i, records: [records[i]] })
  for (const [i, value] of records.entries()) {
    const one = wrong ?? readRecord(value, at(i))
    if ('record' in one) accepted.push(one)
    else {
      const body = textOf(future ? alone(i) : value)
      if (body === null) return whole('not-json', 'nested too deeply')
      refused.push({ ...at(i), ...one, body: textBody(body) })
    }
  }
  return { accepted: await openVisits(accepted, keys), refused }
}

/** Null: nested deeper than our stack. It could be read, but never written again. */
function textOf(value: unknown): string | null {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** Opens what visits carry sealed, side by side. */
export async function openVisits(accepted: Accepted[], keys: ClinicKeys): Promise<Accepted[]> {
  const visits = accepted.filter((one) => one.record.type === 'visit')
  await Promise.all(
    visits.map(async (one) => {
      one.opened = await openIdentity((one.record as Visit).sealed, keys)
    }),
  )
  return accepted
}

type At = Pick<Accepted, 'hub' | 'topic' | 'epoch' | 'seq'>

/** One record, parsed alone: it fails alone. What a visit carries sealed is opened by `openVisits`. */
export function readRecord(value: unknown, at: At): Accepted | { reason: Reason; detail: string } {
  const parsed = HubRecord.safeParse(value)
  if (!parsed.success) {
    const unknown = parsed.error.issues.some((issue) => issue.code === 'invalid_union' && issue.path[0] === 'type')
    const known = HubRecord.options.map((option) => option.shape.type.value).join(', ')
    return unknown
      ? { reason: 'unknown-type', detail: `not one of ${known}; tried again once this clinic is upgraded` }
      : { reason: 'invalid-record', detail: faults(parsed.error) }
  }
  const record = parsed.data
  const subject = 'subject' in record ? record.subject : null
  if (record.hub !== at.hub || (subject !== null && subject.hub !== at.hub)) {
    return { reason: 'wrong-hub', detail: `the record names another hub than ${at.hub}, which sent it` }
  }
  if (record.type === 'visit' && record.sealed !== null && subject === null) {
    return { reason: 'invalid-record', detail: 'a visit with a sealed identity needs its subject' }
  }
  return { ...at, record, body: JSON.stringify(value), opened: null }
}

/** A hub's word about itself. */
export const readStatus = (message: Message, hub: string) => readWord(message, hub, 'status', Status)

/** A hub's answer to a command. */
export const readReply = (message: Message, hub: string) => readWord(message, hub, 'reply', Reply)

function readWord<T extends { hub: string }>(message: Message, hub: string, name: string, schema: z.ZodType<T>) {
  const json = parseJson(message)
  if ('refused' in json) return json.refused
  const word = schema.safeParse(json.ok)
  const at = { hub, topic: message.topic, epoch: null, seq: null, body: bodyOf(message.payload) }
  const refuse = (reason: Reason, detail: string): Refused => ({ ...at, reason, detail })
  if (!word.success) return refuse('envelope', `a ${name}: ${faults(word.error)}`)
  return word.data.hub === hub ? word.data : refuse('wrong-hub', `a ${name} of hub ${word.data.hub}`)
}
