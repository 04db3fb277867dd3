// What the simulated resident-ID readers with an SAM_V module have in common, whatever their line: polled find, select, read; four card types in UTF-16 text blocks.
import { z } from 'zod'
import type { CardRead } from '../../devices/kit/event.ts'
import { CommandError, command, joined, type SimulatedDevice } from './device.ts'

const PREAMBLE = [0xaa, 0xaa, 0xaa, 0x96, 0x69]
const SW = { done: 0x90, found: 0x9f, none: 0x80, selectFailed: 0x81, empty: 0x91, readFailed: 0x41 } as const
const HOST_FAULT = { checksum: 0x10, length: 0x11, command: 0x21, permission: 0x23 } as const
const PHOTO_MAGIC = [0x57, 0x4c, 0x66, 0x00, 0x7e, 0x00, 0x32, 0x00]
const SAM_ID = [5, 0, 1, 0, 0x95, 0x13, 0x34, 0x01, 1, 0, 0, 0, 2, 0, 0, 0]

/** An answer frame: preamble, big-endian length, three status bytes, data, XOR from the length on. */
export function encodeSdt(status: number, data: Uint8Array | readonly number[] = []): Uint8Array {
  const length = 4 + data.length
  const body = joined([length >> 8, length & 0xff, 0, 0, status], data)
  return joined(PREAMBLE, body, [body.reduce((check, byte) => check ^ byte, 0)])
}

const digits8 = z.string().regex(/^\d{8}$/, 'expected YYYYMMDD')
const Card = z.strictObject({
  document: z.enum(['citizen', 'hk-macao-taiwan', 'foreigner-2017', 'foreigner-2023']),
  number: z.string().min(1),
  /** Chinese name. */
  name: z.string(),
  /** Latin name, on foreigners' cards. */
  latinName: z.string().default(''),
  birthDate: z.iso.date(),
  sex: z.enum(['male', 'female', 'unknown', 'not-stated']),
  nation: z.string().default('01'), // GB/T 3304
  nationality: z.string().default('ZZZ'), // user-assigned: nobody's
  address: z.string().default(''),
  authority: z.string().default('虚构市公安局示例分局'),
  validFrom: digits8.default('20200102'),
  validTo: z.union([digits8, z.literal('长期')]).default('20400102'),
  passNumber: z.string().default('H00000000'),
  /** Issue count, renewal count or card version, as the card type has one. */
  count: z.string().default('01'),
  oldNumberLink: z.string().default(''),
})
export type SdtCard = z.infer<typeof Card>

const SEX_CODE = { unknown: '0', male: '1', female: '2', 'not-stated': '9' } as const

/** Fields as [characters, text] in the order of the 128-character block; what is left over is spaces. */
function layout(card: SdtCard): [number, string][] {
  const sex = SEX_CODE[card.sex]
  const birth = card.birthDate.replaceAll('-', '')
  const person = (second: string): [number, string][] => [
    [15, card.name],
    [1, sex],
    [2, second],
    [8, birth],
  ]
  const place: [number, string][] = [
    [35, card.address],
    [18, card.number],
    [15, card.authority],
  ]
  const valid: [number, string][] = [
    [8, card.validFrom],
    [8, card.validTo],
  ]
  switch (card.document) {
    case 'citizen':
      return [...person(card.nation), ...place, ...valid]
    case 'hk-macao-taiwan':
      return [...person(''), ...place, ...valid, [9, card.passNumber], [2, card.count], [3, ''], [1, 'J']]
    case 'foreigner-2023': {
      const latin: [number, string][] = [
        [35, card.latinName.slice(0, 35)],
        [18, card.number],
        [15, ''],
      ]
      const rest: [number, string][] = [
        [11, card.latinName.slice(35)],
        [3, card.nationality],
        [1, 'Y'],
      ]
      return [...person(card.count), ...latin, ...valid, ...rest, [3, card.oldNumberLink]]
    }
    case 'foreigner-2017': {
      const head: [number, string][] = [
        [60, card.latinName],
        [1, sex],
        [15, card.number],
        [3, card.nationality],
      ]
      return [...head, [15, card.name], ...valid, [8, birth], [2, card.count], [4, card.authority], [1, 'I']]
    }
  }
}

/** The data of a read-base answer: lengths, 256 bytes of UTF-16LE text, a photo without a picture, and fingerprints if asked. */
export function encodeCard(card: SdtCard, fingerprintBytes: number | null = null): Uint8Array {
  const text = layout(card).map(([width, value]) => {
    if (value.length > width) throw new CommandError(`a field of ${width} characters cannot hold ${value.length}`)
    return value.padEnd(width)
  })
  const block = Buffer.from(text.join('').padEnd(128), 'utf16le')
  const photo = joined(PHOTO_MAGIC, new Uint8Array(1024 - PHOTO_MAGIC.length))
  const lengths = [1, 0, 4, 0, ...(fingerprintBytes === null ? [] : [fingerprintBytes >> 8, fingerprintBytes & 0xff])]
  return joined(lengths, block, photo, new Uint8Array(fingerprintBytes ?? 0))
}

/** What a card of this text means: the number in capitals, the Chinese name before the Latin one. */
const spokenCard = (card: SdtCard): CardRead => ({
  kind: 'card',
  document: card.document,
  number: card.number.toUpperCase(),
  name: card.name || card.latinName,
  birthDate: card.birthDate,
  sex: card.sex,
})

const EXAMPLE =
  '{"card":{"document":"citizen","number":"119999195001010030","name":"测试·甲","birthDate":"1950-01-01","sex":"male"}}'

/** The reader; `send` puts one answer frame on its line. */
export function sdtReader(send: (frame: Uint8Array) => void): SimulatedDevice {
  let card: SdtCard | null = null
  /** How far the host has come with the card that lies there. */
  let step: 'placed' | 'found' | 'selected' | 'read' = 'placed'
  let refinds = false
  let failNext: number | null = null
  let waiting: Uint8Array = new Uint8Array(0)

  const lay = (laid: SdtCard | null) => {
    card = laid
    step = 'placed'
  }
  const readBase = (fingerprintBytes: number | null) => {
    if (failNext !== null) {
      const status = failNext
      failNext = null
      step = 'read' // after a read error the card has to be lifted
      return encodeSdt(status)
    }
    if (!card || step !== 'selected') return encodeSdt(SW.readFailed)
    step = 'read'
    return encodeSdt(SW.done, encodeCard(card, fingerprintBytes))
  }
  const answer = (order: number): Uint8Array => {
    switch (order) {
      case 0x10ff: // reset
      case 0x11ff: // status
        return encodeSdt(SW.done)
      case 0x12ff:
        return encodeSdt(SW.done, SAM_ID)
      case 0x2001:
        // Once read, a card is not found again until it leaves the field, save on readers that switch the field off.
        if (!card || (step === 'read' && !refinds)) return encodeSdt(SW.none)
        step = 'found'
        return encodeSdt(SW.found, [0, 0, 0, 0])
      case 0x2002:
        if (!card || step !== 'found') return encodeSdt(SW.selectFailed)
        step = 'selected'
        return encodeSdt(SW.done, new Uint8Array(8))
      case 0x3001:
        return readBase(null)
      case 0x3010:
        return readBase(0)
      case 0x3003:
        return encodeSdt(SW.empty)
      default:
        return encodeSdt(order >> 8 === 0x60 || order >> 8 === 0x61 ? HOST_FAULT.permission : HOST_FAULT.command)
    }
  }

  return {
    receive(bytes) {
      waiting = joined(waiting, bytes)
      for (;;) {
        const start = Buffer.from(waiting).indexOf(Buffer.from(PREAMBLE))
        if (start < 0) {
          waiting = waiting.slice(-(PREAMBLE.length - 1))
          return
        }
        waiting = waiting.slice(start)
        if (waiting.length < 7) return
        const length = (waiting[5]! << 8) | waiting[6]!
        if (length < 3 || length > 64) {
          waiting = waiting.slice(1)
          send(encodeSdt(HOST_FAULT.length))
          continue
        }
        if (waiting.length < 7 + length) return
        const body = waiting.slice(5, 7 + length)
        waiting = waiting.slice(7 + length)
        const intact = body.reduce((check, byte) => check ^ byte, 0) === 0
        send(intact ? answer((body[2]! << 8) | body[3]!) : encodeSdt(HOST_FAULT.checksum))
      }
    },
    commands: {
      card: command(z.strictObject({ card: Card.nullable() }), EXAMPLE, (order) => {
        if (order.card) encodeCard(order.card) // a field that is too long is told now, not when the host reads
        lay(order.card)
        return { said: order.card ? [spokenCard(order.card)] : [] }
      }),
      refinds: command(z.strictObject({ refinds: z.boolean() }), '{"refinds":true}', (order) => {
        refinds = order.refinds
        return { said: [] }
      }),
      fail: command(
        z.strictObject({ fail: z.string().regex(/^[0-9a-fA-F]{2}$/, 'expected a status byte like "41"') }),
        '{"fail":"41"}',
        (order) => {
          failNext = Number.parseInt(order.fail, 16)
          return { said: [{ kind: 'failure', of: 'identity', code: order.fail.toUpperCase() }] }
        },
      ),
    },
  }
}
