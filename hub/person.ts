// A card's number becomes an alias at once, and a name becomes what may stand on a screen. Pure; nothing here is logged.
import { createHmac } from 'node:crypto'
import type { z } from 'zod'
import type { CardRead, DocumentKind } from '../devices/kit/event.ts'
import type { Identity } from './contract/record.ts'

/** Who gives the number: one person's ID card, permit and health card share theirs (promises 2.2). */
const AUTHORITY: Record<DocumentKind, string> = {
  citizen: 'cn-resident',
  'hk-macao-taiwan': 'cn-resident',
  'foreigner-2023': 'cn-resident',
  'foreigner-2017': 'cn-permit-2017',
}

/** Text always: full-width forms become ASCII, letters capital, leading zeros stay. Null when it is no number of ours. */
export function canonical(number: string): string | null {
  const text = number.normalize('NFKC').replace(/\s+/g, '').toUpperCase()
  return /^[0-9A-Z]{1,32}$/.test(text) ? text : null
}

/** GB 11643 (ISO 7064 MOD 11-2): resident numbers, the permits for Hong Kong, Macao and Taiwan, the 2023 permit. */
export function checkDigitRight(number: string): boolean {
  if (!/^\d{17}[\dX]$/.test(number)) return false
  const sum = [...number].reduce((total, c, i) => total + (c === 'X' ? 10 : Number(c)) * (2 ** (17 - i) % 11), 0)
  return sum % 11 === 1
}

/** A keyed hash: only this hub's key makes it, and only the clinic can tell whose it is. 64 hex digits. */
export const aliasOf = (key: Uint8Array, authority: string, number: string): string =>
  createHmac('sha256', key).update(`${authority}|${number}`).digest('hex')

export interface Person {
  alias: string
  identity: z.infer<typeof Identity>
  masked: { name: string; number: string }
  birthDate: string | null
}

/** Null when the number cannot be one: the card counts as not read. */
export function personOf(card: CardRead, key: Uint8Array): Person | null {
  const authority = AUTHORITY[card.document]
  const number = canonical(card.number)
  if (number === null || (authority === 'cn-resident' && !checkDigitRight(number))) return null
  return {
    alias: aliasOf(key, authority, number),
    identity: {
      authority,
      document: card.document,
      number,
      name: card.name,
      nameIncomplete: card.nameIncomplete ?? false,
      birthDate: card.birthDate,
      sex: card.sex,
    },
    masked: { name: maskedName(card.name), number: maskedNumber(number) },
    birthDate: card.birthDate,
  }
}

/** Does a subject id that a cuff sent name this person? A cuff does not say whose numbering it uses. */
export function sameSubject(subject: string, alias: string, key: Uint8Array): boolean {
  const number = canonical(subject)
  return number !== null && Object.values(AUTHORITY).some((authority) => aliasOf(key, authority, number) === alias)
}

/** First and last character stay (of two, the first), dots and spaces too; the rest is ＊. */
export function maskedName(name: string): string {
  const characters = Array.from(name)
  const last = characters.length - 1
  return characters
    .map((c, i) => ((i === 0 ? last > 0 : (i === last && last > 1) || /[·•・\s]/.test(c)) ? c : '＊'))
    .join('')
}

/** First six and last four of a long number; of a short one that would be all, so one and two. */
export function maskedNumber(number: string): string {
  const [head, tail] = number.length >= 15 ? [6, 4] : [1, 2]
  if (number.length <= head + tail) return '*'.repeat(number.length)
  return number.slice(0, head) + '*'.repeat(number.length - head - tail) + number.slice(-tail)
}

/** Whole years on the given day (`YYYY-MM-DD`, by the site's calendar); null when the birth date is not known. */
export function ageOn(day: string, birthDate: string | null): number | null {
  if (birthDate === null) return null
  const [year, rest] = [Number(day.slice(0, 4)), day.slice(5)]
  return year - Number(birthDate.slice(0, 4)) - (rest < birthDate.slice(5) ? 1 : 0)
}
