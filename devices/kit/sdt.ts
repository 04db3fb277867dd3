// Card readers with the SAM_V security module (SDT) on any line: frames, answers, and find → select → read, polled.
// Protocol: SAM_V communication protocol (vendor copies) and public drivers. Never sent: 30 10 (fingerprints), 60 nn (line rate).
import { hex, lengthPrefixed, xor } from './bytes.ts'
import type { DriverDefinition, Facts, Told } from './driver.ts'
import type { CardRead, DeviceInfo, Failure } from './event.ts'
import { type Link, LinkTimeout } from './link.ts'
import { BLOCK, card, cardEvent, isCard, PHOTO, trimmed, unreadable, utf16 } from './sdt-card.ts'

export const PREAMBLE = [0xaa, 0xaa, 0xaa, 0x96, 0x69] as const
const COMMANDS = {
  status: [0x11, 0xff],
  samId: [0x12, 0xff],
  find: [0x20, 0x01],
  select: [0x20, 0x02],
  readBase: [0x30, 0x01], // text and photo
} as const

const DONE = 0x90
const FOUND = 0x9f
/** The card was tried and could not be read; the other errors are the host's or the module's. */
const CARD_FAILED = [0x31, 0x32, 0x33, 0x40, 0x41, 0x47]
const STATUS: Record<number, string> = {
  16: 'SAM says: request checksum wrong',
  17: 'SAM says: request length wrong',
  33: 'SAM says: command or parameter wrong',
  35: 'operation not permitted',
  36: 'unrecognised error',
  49: 'card did not authenticate the SAM',
  50: 'SAM did not authenticate the card',
  51: 'information failed verification',
  64: 'card type not recognised',
  65: 'read failed',
  71: 'random number could not be obtained',
  96: 'SAM self-test failed',
  102: 'SAM not authorised',
  129: 'select failed: no card, or already read and not lifted',
  145: 'card holds nothing for this item (not a fault)',
}

const POLL_MS = 450 // at least 300 between finds; 400 to 500 in the vendors' guides
const FIND_MS = 1000
const READ_MS = 3000 // 1295 bytes alone take 1.35 s at 9600
const SAM_MS = 1000
const START_TRIES = 3 // the first answer after opening may be wrong
const MOST_SILENT = 5 // finds without an answer before the reader counts as gone
/** Some readers find a lying card again and again: seen again within this time it is the same placing. */
const HOLD_MS = 5000

/** Frames behind this start, that tell their length and end in their XOR. */
export const preambled = (start: readonly number[]) =>
  lengthPrefixed({
    start,
    head: start.length + 2,
    length: (head) => start.length + 2 + ((head[start.length]! << 8) | head[start.length + 1]!),
    shortest: start.length + 2 + 4,
    longest: start.length + 2 + 2314,
    good: (frame) => xor(frame.subarray(start.length)) === 0, // the check byte makes the XOR of the whole 0
  })

function request([command, parameter]: readonly [number, number]): Uint8Array {
  const counted = [0x00, 0x03, command, parameter]
  return Uint8Array.of(...PREAMBLE, ...counted, xor(Uint8Array.from(counted)))
}

interface Answer extends Facts {
  status: number
}

/** The SAM id as it is printed: two groups, a date, two numbers. */
function samId(data: Uint8Array): string {
  const view = new DataView(data.buffer, data.byteOffset)
  const [a, b] = [view.getUint16(0, true), view.getUint16(2, true)].map((n) => String(n).padStart(2, '0'))
  const [date, ...numbers] = [4, 8, 12].map((offset) => String(view.getUint32(offset, true)))
  return [`${a}.${b}`, date, ...numbers.map((n) => n.padStart(10, '0'))].join('-')
}

function answerData(status: number, data: Uint8Array): Facts {
  if (status === FOUND) return { kind: 'found', cardPresent: true, chipManagementNo: hex(data) }
  if (status !== DONE || data.length === 0) return { kind: 'status', ...(status === 0x80 && { cardPresent: false }) }
  if (data.length > BLOCK + PHOTO) return card(data)
  if (data.length === 8) return { kind: 'selected', chipSerial: hex(data) }
  if (data.length === 16) return { kind: 'sam', samIdRaw: hex(data), samId: samId(data) }
  if (data.length === 70) return { kind: 'address', address: trimmed(utf16.decode(data)) }
  return { kind: 'data' }
}

function parse(frame: Uint8Array): Answer {
  const at = frame.indexOf(0x69) + 3 // behind preamble and length
  const length = (frame[at - 2]! << 8) | frame[at - 1]!
  const status = frame[at + 2]!
  const data = frame.subarray(at + 3, at + length - 1) // a HID report is filled up behind the check
  const error = STATUS[status]
  return {
    sw: [...frame.subarray(at, at + 3)].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')),
    status,
    ok: status === DONE || status === FOUND,
    dataLength: data.length,
    ...(error !== undefined && { error }),
    ...answerData(status, data),
  }
}

/** Whether a card or a failure is new: one event a placing, whether the reader hides a lying card or finds it again. */
function placings(now: () => number) {
  let card = { number: '', seen: Number.NEGATIVE_INFINITY }
  let failure = { code: '', seen: Number.NEGATIVE_INFINITY }
  return (event: CardRead | Failure): boolean => {
    const seen = now()
    const held = seen - card.seen < HOLD_MS
    if (event.kind === 'card') {
      const same = held && event.number === card.number
      card = { number: event.number, seen }
      return !same
    }
    const same = event.code === failure.code && seen - failure.seen < HOLD_MS
    failure = { code: event.code, seen }
    return !same && !held // a good card that is being lifted often fails once more
  }
}

async function asked(link: Link, command: readonly [number, number], timeoutMs: number): Promise<Answer> {
  return parse(await link.ask(request(command), timeoutMs))
}

/** Asks until the answer is the wanted one, a few times: the first after opening may be wrong or missing. */
async function insist(link: Link, command: readonly [number, number], wanted: (answer: Answer) => boolean) {
  for (let attempt = 1; ; attempt++)
    try {
      const answer = await asked(link, command, SAM_MS)
      if (wanted(answer) || attempt === START_TRIES) return answer
    } catch (error) {
      if (!(error instanceof LinkTimeout) || attempt === START_TRIES) throw error
    }
}

/** The reader's own number; null when it does not give one. Throws when its security module is not well. */
async function start(link: Link): Promise<DeviceInfo> {
  const { status } = await insist(link, COMMANDS.status, (answer) => answer.status === DONE)
  if (status !== DONE)
    throw new Error(`card reader not ready, status ${hex(Uint8Array.of(status))}: ${STATUS[status] ?? 'unknown'}`)
  const { samIdRaw } = await insist(link, COMMANDS.samId, (answer) => answer.samIdRaw !== undefined)
  return { kind: 'device', model: null, serial: typeof samIdRaw === 'string' ? samIdRaw : null, clock: null }
}

/** One round of find → select → read; every read needs all three. */
async function round(link: Link): Promise<Told[]> {
  if ((await asked(link, COMMANDS.find, FIND_MS)).status !== FOUND) return []
  try {
    if ((await asked(link, COMMANDS.select, FIND_MS)).status !== DONE) return []
    return link.tell(await link.ask(request(COMMANDS.readBase), READ_MS))
  } catch (error) {
    if (!(error instanceof LinkTimeout)) throw error
    return [{ event: unreadable('no answer'), raw: null }]
  }
}

/** All of a driver but its models and its line. */
export const SDT = {
  vendor: 'SDT',
  kind: 'identity',
  check: 'xor',
  evidence: 'from notes',
  memory: false,
  polled: true,
  parse,
  events(facts) {
    if (isCard(facts)) return [cardEvent(facts)]
    return typeof facts.status === 'number' && CARD_FAILED.includes(facts.status)
      ? [unreadable(hex(Uint8Array.of(facts.status)))]
      : []
  },
  /** Tells each placing of a card once. Not found after a good read does not mean that the card is gone. */
  async *read(link, { now }) {
    yield { event: await start(link), raw: null }
    const isNew = placings(now)
    for (let silent = 0; ; await link.rest(POLL_MS))
      try {
        for (const told of await round(link))
          if ((told.event.kind === 'card' || told.event.kind === 'failure') && isNew(told.event)) yield told
        silent = 0
      } catch (error) {
        if (!(error instanceof LinkTimeout) || ++silent >= MOST_SILENT) throw error
      }
  },
} as const satisfies Omit<DriverDefinition, 'models' | 'transport' | 'cutFrame'>
