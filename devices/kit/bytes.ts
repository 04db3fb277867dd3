// Sums, hex and the cutters that several protocols share. All pure; all offsets count from 0.
import type { Cut } from './driver.ts'

/** 8-bit XOR over all bytes. */
export const xor = (bytes: Uint8Array): number => bytes.reduce((all, byte) => all ^ byte, 0)

/** Sum of all bytes modulo 256. */
export const sum = (bytes: Uint8Array): number => bytes.reduce((all, byte) => (all + byte) & 0xff, 0)

/** CRC-16/CCITT-FALSE: polynomial 1021, start FFFF, not reflected; `123456789` gives 29B1. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1
  }
  return crc
}

/** CRC-8/MAXIM: polynomial 31, start 0, reflected; `123456789` gives A1. */
export function crc8(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0x8c : crc >> 1
  }
  return crc
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Bytes of a hex text, spaces allowed; an error that says what came otherwise. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, '')
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(`not hex: "${text.slice(0, 40)}" (expected pairs of 0-9 a-f)`)
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}

/** One character a byte, so that offsets in the text are offsets in the frame. */
export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))

/** How `bytes` begin against `start`: all of it, a part that may become it, or not at all. */
function begins(bytes: Uint8Array, start: readonly number[]): 'whole' | 'part' | 'no' {
  for (let i = 0; i < start.length; i++) {
    if (i >= bytes.length) return 'part'
    if (bytes[i] !== start[i]) return 'no'
  }
  return 'whole'
}

export interface LengthPrefixed {
  start: readonly number[]
  /** Bytes needed before `length` may be asked. */
  head: number
  /** Length of the whole frame, from its head. */
  length(head: Uint8Array): number
  shortest: number
  longest: number
  /** The check of a whole frame. */
  good(frame: Uint8Array): boolean
}

/** Frames that tell their length near the start. */
export const lengthPrefixed =
  (rule: LengthPrefixed) =>
  (bytes: Uint8Array): Cut => {
    const beginning = begins(bytes, rule.start)
    if (beginning === 'no') return 'noise'
    if (beginning === 'part' || bytes.length < rule.head) return 'more'
    const length = rule.length(bytes)
    if (length < rule.shortest || length > rule.longest) return 'noise'
    if (bytes.length < length) return 'more'
    return rule.good(bytes.subarray(0, length)) ? { frame: length } : 'refused'
  }

export interface Delimited {
  start: readonly number[]
  text(byte: number): boolean
  /** Bytes that end the text, outside `text`. */
  ends: readonly number[]
  /** Bytes after the end byte: the check, line ends. */
  trailer: number
  longest: number
  good(frame: Uint8Array): boolean
}

/** Frames between a start and an end byte; a byte the text cannot hold shows at once that it is none. */
export const delimited =
  (rule: Delimited) =>
  (bytes: Uint8Array): Cut => {
    const beginning = begins(bytes, rule.start)
    if (beginning !== 'whole') return beginning === 'no' ? 'noise' : 'more'
    for (let at = rule.start.length; at < rule.longest; at++) {
      const byte = bytes[at]
      if (byte === undefined) return 'more'
      if (rule.ends.includes(byte)) {
        const length = at + 1 + rule.trailer
        if (bytes.length < length) return 'more'
        return rule.good(bytes.subarray(0, length)) ? { frame: length } : 'refused'
      }
      if (!rule.text(byte)) return 'refused'
    }
    return 'refused'
  }

/** Frames of one length that begin and end as they should. */
export const fixedLength = (length: number, start: readonly number[], good: (frame: Uint8Array) => boolean) =>
  lengthPrefixed({ start, head: start.length, length: () => length, shortest: length, longest: length, good })

/** A frame that is exactly a report, for a HID line that is `aligned`; where there is no check, `good` knows its shape. */
export const wholeReport =
  (length: number, good: (report: Uint8Array) => boolean) =>
  (bytes: Uint8Array): Cut => {
    if (bytes.length < length) return 'more'
    return good(bytes.subarray(0, length)) ? { frame: length } : 'refused'
  }

const CR = 0x0d
const LF = 0x0a
const digit = (byte: number) => byte >= 0x30 && byte <= 0x39
const printable = (byte: number) => byte >= 0x20 && byte <= 0x7e

/** One character of a mask: `#` a digit, `_` a digit or a space, `*` printable, else itself. */
function fits(mask: string, byte: number): boolean {
  if (mask === '#') return digit(byte)
  if (mask === '_') return digit(byte) || byte === 0x20
  return mask === '*' ? printable(byte) : byte === mask.charCodeAt(0)
}

/** How many bytes fit the mask from the start. */
function fitting(mask: string, bytes: Uint8Array): number {
  let at = 0
  while (at < mask.length && at < bytes.length && fits(mask[at]!, bytes[at]!)) at++
  return at
}

/** Fixed columns from their first to their last byte, for protocols without a check; `sure` as of `maskedLine`. */
export const maskedFrame =
  (mask: string, sure: number) =>
  (bytes: Uint8Array): Cut => {
    const fit = fitting(mask, bytes)
    if (fit === mask.length) return { frame: fit }
    if (fit === bytes.length) return 'more'
    return fit >= sure ? 'refused' : 'noise'
  }

/**
 * A text line of fixed columns up to CR, for protocols without a check. A LF after the CR is a frame of its own
 * (an empty line), so that CR and CRLF devices are cut alike however the chunks fall. `foreign`: beginnings of lines
 * of other models or settings, refused when met; `sure` characters of the own mask make a broken line a refused one.
 */
export const maskedLine =
  (mask: string, sure: number, foreign: readonly string[]) =>
  (bytes: Uint8Array): Cut => {
    if (bytes[0] === LF) return { frame: 1 }
    const fit = fitting(mask, bytes)
    if (fit === mask.length) {
      if (bytes.length === fit) return 'more'
      return bytes[fit] === CR ? { frame: fit + 1 } : 'refused'
    }
    if (fit === bytes.length) return 'more'
    if (fit >= sure) return 'refused'
    for (const other of foreign) {
      const met = fitting(other, bytes)
      if (met === other.length) return 'refused'
      if (met === bytes.length) return 'more'
    }
    return 'noise'
  }
