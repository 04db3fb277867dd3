// The text block of a resident card and its kin: four kinds of card, their numbers' checks, and the event a good one makes.
// Source: id-card notes, sections 2 and 4 (GB 11643, card tables of 2017, 2018 and 2023). The photo is dropped: nobody here needs it.
import { type Facts, FrameError } from './driver.ts'
import type { CardRead, DocumentKind, Failure } from './event.ts'

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

/** The four cards, by the character at offset 248. */
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

export const utf16 = new TextDecoder('utf-16le') // half a character becomes U+FFFD
export const trimmed = (text: string) => text.replace(/^[\s\0]+|[\s\0]+$/g, '')

export const BLOCK = 256 // text bytes on every card
export const PHOTO = 1024

export interface Card extends Facts {
  kind: 'card'
  typeFlag: string
  cardType: DocumentKind | null
  fields: Record<string, string>
}

/** Text and photo lengths stand first, with 30 10 a fingerprint's too. The photo is dropped: nobody here needs it. */
export function card(data: Uint8Array): Card {
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

export const isCard = (facts: Facts): facts is Card => facts.kind === 'card'

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

/** How the numbers of a kind of card begin; that no citizen's begins as a permit's does, no source says. */
const BEGINS: Partial<Record<DocumentKind, RegExp>> = {
  citizen: /^[^9]/,
  'hk-macao-taiwan': /^8[123]/,
  'foreigner-2023': /^9/,
}

/** What is wrong between a card's number and its own kind, birth date and sex; null when they agree. */
function disagreement(document: DocumentKind, number: string, birth: string, sexCode: string): string | null {
  if (document === 'foreigner-2017') {
    if (!/^[A-Z]{3}\d{12}$/.test(number) || checkDigit(number) !== number.at(-1)) return 'check-digit'
    return number.slice(7, 13) === birth.slice(2) ? null : 'birth-date'
  }
  if (!/^\d{17}[\dX]$/.test(number) || checkCharacter(number) !== number.at(-1)) return 'check-digit'
  if (BEGINS[document]?.test(number) === false) return 'document' // its letter was lost: XOR does not see every loss
  if (number.slice(6, 14) !== birth) return 'birth-date'
  const sex = Number(number[16]) % 2 === 1 ? '1' : '2'
  return sexCode === sex || (sexCode !== '1' && sexCode !== '2') ? null : 'sex'
}

export const unreadable = (code: string): Failure => ({
  kind: 'failure',
  of: 'identity',
  code,
  reason: 'card-unreadable',
})

export function cardEvent({ cardType, typeFlag, fields }: Card): CardRead | Failure {
  if (cardType === null) return unreadable(`type ${typeFlag}`) // a card of a new kind: no field is guessed
  const number = fields.idNumber!.replace(/[xＸｘ]$/, 'X')
  const { birth = '', sexCode = '' } = fields
  const birthDate = birth.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3')
  // A permit that lost its letter reads as a citizen's card: it has no ethnic code, which a citizen's always has.
  const lostLetter = cardType === 'citizen' && !/^\d\d$/.test(fields.nationCode!)
  const wrong = disagreement(cardType, number, birth, sexCode) ?? (lostLetter ? 'document' : null)
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
