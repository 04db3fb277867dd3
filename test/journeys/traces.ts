// What is left of a person in bytes: names and numbers in every encoding.
import iconv from 'iconv-lite'
import { checkDigit } from '../../simulators/people.ts'

/** Every way in which a text may lie in bytes without being plain. */
export function encodings(text: string): Buffer[] {
  const utf8 = Buffer.from(text)
  const wide = Buffer.from(text, 'utf16le')
  const national = iconv.encode(text, 'gb18030')
  const raw = [utf8, wide, national]
  // In base64 the same bytes look different by where they begin: the inner part of each alignment is looked for.
  const base64 = raw.flatMap((bytes) =>
    [0, 1, 2].map((shift) => {
      const whole = Buffer.concat([Buffer.alloc(shift), bytes])
        .toString('base64')
        .replace(/=+$/, '')
      return whole.slice(shift === 0 ? 0 : 4, -1)
    }),
  )
  const texts = [
    ...raw.flatMap((bytes) => [bytes.toString('hex'), bytes.toString('hex').toUpperCase()]),
    ...base64,
    ...base64.map((one) => one.replaceAll('+', '-').replaceAll('/', '_')),
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
    [...text].map((c) => (c > '\x7f' ? `\\u${c.codePointAt(0)!.toString(16).padStart(4, '0')}` : c)).join(''),
  ]
  return [...raw, ...texts.map((one) => Buffer.from(one))].filter((one) => one.length >= 5)
}

/** Whole-token 18-digit numbers whose check digit is right; what stands behind a decimal point is part of a number. */
export const numbersIn = (bytes: Buffer) =>
  [...bytes.toString('latin1').matchAll(/(?<![0-9A-Za-z]|\d\.)(\d{17})([\dXx])(?![0-9A-Za-z])/g)]
    .filter(([, first17, last]) => checkDigit(first17!) === last!.toUpperCase())
    .map(([number]) => number)
