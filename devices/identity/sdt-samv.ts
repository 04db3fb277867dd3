// Resident-ID card readers with the SAM_V security module (SDT): polled, find → select → read. The reader does the cryptography.
// Protocol: SAM_V communication protocol (vendor copies) and public drivers. Never sent: 30 10 (fingerprints), 60 nn (line rate).
import { hex, lengthPrefixed, xor } from '../kit/bytes.ts'
import { type Cut, defineDriver, type Facts, FrameError, type Told } from '../kit/driver.ts'
import type { CardRead, DeviceInfo, DocumentKind, Failure } from '../kit/event.ts'
import { type Link, LinkTimeout } from '../kit/link.ts'

const PREAMBLE = [0xaa, 0xaa, 0xaa, 0x96, 0x69] as const
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

/** Preamble and length, whole; a lost first AA is survivable, as one vendor library does it. */
const preambled = (start: readonly number[]) =>
  lengthPrefixed({
    start,
    head: start.length + 2,
    length: (head) => start.length + 2 + ((head[start.length]! << 8) | head[start.length + 1]!),
    shortest: start.length + 2 + 4,
    longest: start.length + 2 + 2314,
    good: (frame) => xor(frame.subarray(start.length)) === 0, // the check byte makes the XOR of the whole 0
  })
const cutWhole = preambled(PREAMBLE)
const cutShort = preambled(PREAMBLE.slice(1))

function cutFrame(bytes: Uint8Array): Cut {
  const found = cutWhole(bytes)
  if (found !== 'noise') return found
  const short = cutShort(bytes)
  return short === 'refused' ? 'noise' : short // the tail of a frame refused one byte before: not a second one
}

function request([command, parameter]: readonly [number, number]): Uint8Array {
  const counted = [0x00, 0x03, command, parameter]
  return Uint8Array.of(...PREAMBLE, ...counted, xor(Uint8Array.from(counted)))
}

type Field = readonly [offset: number, length: number] // bytes in the 256-byte text block
const TYPE: Field = [248, 2]
const CITIZEN = {
  name: [0, 30],
  sexCode: [30, 2],
  nationCode: [32, 4],
  birth: [36, 16],
  address: [52, 70],
  idNumber: [122, 36],
  authority: [158, 30],
  validFrom: [188, 16],
  validTo: [204, 16],
} as const satisfies Record<string, Field>
const { nationCode, ...RESIDENCE } = CITIZEN // no ethnic code on a residence permit

/** The four cards, by the character at offset 248. Source: id-card notes, section 2. */
const CARDS: Record<string, { document: DocumentKind; fields: Record<string, Field> }> = {
  '': { document: 'citizen', fields: { ...CITIZEN, nationCode } },
  J: { document: 'hk-macao-taiwan', fields: { ...RESIDENCE, passNumber: [220, 18], issueCount: [238, 4] } },
  I: {
    document: 'foreigner-2017',
    fields: {
      nameEn: [0, 120],
      sexCode: [120, 2],
      idNumber: [122, 30],
      nationality: [152, 6],
      nameCn: [158, 30],
      validFrom: [188, 16],
      validTo: [204, 16],
      birth: [220, 16],
      version: [236, 4],
      authorityCode: [240, 8],
    },
  },
  Y: {
    document: 'foreigner-2023',
    fields: {
      nameCn: [0, 30],
      sexCode: [30, 2],
      renewals: [32, 4],
      birth: [36, 16],
      nameEnMain: [52, 70],
      idNumber: [122, 36],
      validFrom: [188, 16],
      validTo: [204, 16],
      nameEnOverflow: [220, 22],
      nationality: [242, 6],
      oldNumberLink: [250, 6],
    },
  },
}
const SEX: Record<string, CardRead['sex']> = { 0: 'unknown', 1: 'male', 2: 'female', 9: 'not-stated' }

const utf16 = new TextDecoder('utf-16le') // half a character becomes U+FFFD
const trimmed = (text: string) => text.replace(/^[\s\0]+|[\s\0]+$/g, '')

const BLOCK = 256 // text bytes on every card
const PHOTO = 1024

interface Answer extends Facts {
  status: number
}
interface Card extends Answer {
  kind: 'card'
  typeFlag: string
  cardType: DocumentKind | null
  fields: Record<string, string>
}

/** Text and photo lengths stand first, with 30 10 a fingerprint's too. The photo is dropped: nobody here needs it. */
function card(data: Uint8Array): Facts & Pick<Card, 'cardType' | 'typeFlag' | 'fields'> {
  const lengths = new DataView(data.buffer, data.byteOffset)
  const textLength = lengths.getUint16(0)
  const photoLength = lengths.getUint16(2)
  const head = data.length === 4 + textLength + photoLength ? 4 : 6
  const fingerprintLength = head === 6 ? lengths.getUint16(4) : null
  if (textLength !== BLOCK || data.length !== head + textLength + photoLength + (fingerprintLength ?? 0))
    throw new FrameError('SDT: a card answer whose inner lengths do not fit')
  const text = (offset: number, length: number) => utf16.decode(data.subarray(head + offset, head + offset + length))
  const typeFlag = trimmed(text(...TYPE))
  const known = CARDS[typeFlag]
  const fields = Object.fromEntries(
    Object.entries(known?.fields ?? {}).map(([name, field]) => [name, trimmed(text(...field))]),
  )
  if (known?.document === 'foreigner-2023') {
    const { nameEnMain, nameEnOverflow } = CARDS.Y!.fields
    fields.nameEn = trimmed(text(...nameEnMain!) + text(...nameEnOverflow!)) // joined first: a space may fall on the seam
  }
  return {
    kind: 'card',
    cardType: known?.document ?? null,
    typeFlag,
    fields,
    textLength,
    photoLength,
    ...(fingerprintLength !== null && { fingerprintLength }),
  }
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
  const status = frame[at + 2]!
  const data = frame.subarray(at + 3, -1)
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

const isCard = (facts: Facts): facts is Card => facts.kind === 'card'

/** Check character of an 18-character number, GB 11643 (ISO 7064 MOD 11-2). */
function checkCharacter(number: string): string {
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
  return '10X98765432'[weights.reduce((all, weight, i) => all + weight * Number(number[i]), 0) % 11]!
}

/** Check digit of a 15-character number of 2017: weights 7 3 1, A=10 … Z=35. */
function checkDigit(number: string): string {
  const values = [...number.slice(0, 14)].map((char) => Number.parseInt(char, 36))
  return String(values.reduce((all, value, i) => all + value * [7, 3, 1][i % 3]!, 0) % 10)
}

/** What is wrong between a card's number and its own birth date and sex; null when they agree. */
function disagreement(document: DocumentKind, number: string, birth: string, sexCode: string): string | null {
  if (document === 'foreigner-2017') {
    if (!/^[A-Z]{3}\d{12}$/.test(number) || checkDigit(number) !== number.at(-1)) return 'check-digit'
    return number.slice(7, 13) === birth.slice(2) ? null : 'birth-date'
  }
  if (!/^\d{17}[\dX]$/.test(number) || checkCharacter(number) !== number.at(-1)) return 'check-digit'
  if (number.slice(6, 14) !== birth) return 'birth-date'
  const sex = Number(number[16]) % 2 === 1 ? '1' : '2'
  return sexCode === sex || (sexCode !== '1' && sexCode !== '2') ? null : 'sex'
}

const unreadable = (code: string): Failure => ({ kind: 'failure', of: 'identity', code, reason: 'card-unreadable' })

function cardEvent({ cardType, typeFlag, fields }: Card): CardRead | Failure {
  if (cardType === null) return unreadable(`type ${typeFlag}`) // a card of a new kind: no field is guessed
  const number = fields.idNumber!.replace(/[xＸｘ]$/, 'X')
  const { birth = '', sexCode = '' } = fields
  const birthDate = birth.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3')
  const wrong = disagreement(cardType, number, birth, sexCode)
  if (wrong !== null) return unreadable(wrong)
  const name = fields.name ?? (fields.nameCn || fields.nameEn!)
  return {
    kind: 'card',
    document: cardType,
    number,
    name,
    birthDate,
    sex: SEX[sexCode] ?? 'unknown',
    ...(name.includes('\uFFFD') && { nameIncomplete: true }),
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

export default defineDriver({
  vendor: 'SDT',
  models: ['sdt-samv-serial'],
  kind: 'identity',
  transport: { type: 'serial', baud: 115200 },
  check: 'xor',
  evidence: 'from notes',
  memory: false,
  polled: true,
  cutFrame,
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
})
