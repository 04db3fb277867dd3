// Faults that people met in the field (FC numbers: the shared field cases), each as its whole kind, in the formats spoken here.
import { describe, expect, test } from 'vitest'
import { bytesOf, crc16, fromHex, hex, sum, xor } from '../../devices/kit/bytes.ts'
import { decoder, tell } from '../../devices/kit/decode.ts'
import { type Driver, FrameError, findDriver } from '../../devices/kit/driver.ts'
import { decode, joined } from './wire.ts'

const contour = await findDriver('ascensia-contour')
const contourUsb = await findDriver('ascensia-contour-usb')
const hbp9020 = await findDriver('omron-hbp9020')
const hbp9030 = await findDriver('omron-hbp9030')
const reader = await findDriver('sdt-samv')
const tm2657 = await findDriver('and-tm2657')
const ultraEasy = await findDriver('lifescan-ultraeasy')

const NOBODY = ' '.repeat(20)
const line = (text: string) => bytesOf(`${text}\r\n`)
const astm = (text: string, number = 1) => {
  const counted = bytesOf(`${number}${text}\r\x17`)
  return joined([Uint8Array.of(2), counted, bytesOf(`${sum(counted).toString(16).toUpperCase().padStart(2, '0')}\r\n`)])
}
const and = (fields: string) => {
  const body = joined([fromHex('1616013030 02'), bytesOf(fields.replaceAll(',', '\x1e')), Uint8Array.of(3)])
  return Uint8Array.of(...body, xor(body.subarray(2)))
}
const record = (time: number, value: number) => {
  const words = hex(new Uint8Array(new Uint32Array([time, value]).buffer))
  const head = fromHex(`02 10 02 05 06 ${words} 03`)
  const crc = crc16(head)
  return Uint8Array.of(...head, crc & 0xff, crc >> 8)
}

/** A read answer of a card: fields by offset into a block of spaces. */
function card(fields: readonly (readonly [offset: number, text: string])[]) {
  const block = Buffer.from(' '.repeat(128), 'utf16le')
  for (const [offset, text] of fields) Buffer.from(text, 'utf16le').copy(block, offset)
  const counted = joined([fromHex('0508 000090 0100 0400'), block, new Uint8Array(1024)])
  return joined([fromHex('AAAAAA9669'), counted, Uint8Array.of(xor(counted))])
}
/** An invented person: region 119999 does not exist. */
const person = (number: string, { name = '测试样例', birth = '19500101', sex = '1' } = {}) =>
  card([
    [0, name],
    [30, sex],
    [32, '01'],
    [36, birth],
    [122, number],
    [188, '20060506'],
    [204, '长期'],
  ])
const laid = (frame: Uint8Array) => decode(reader, [frame]).events

describe('FC-02 a failed measurement is a failure, and a filler is never a value', () => {
  test('the error line of an HBP-9030 is a failure', () => {
    expect(decode(hbp9030, [line(`2026,03,02,08,15,${NOBODY},2,   ,   ,   ,0`)]).events).toEqual([
      { kind: 'failure', of: 'blood-pressure', code: '2', reason: 'unknown' },
    ])
  })

  test('every result code of the TM-2657 but E00 is a failure, whatever stands in its figures', () => {
    for (const [code, reason] of [
      ['E11', 'cuff'],
      ['E23', 'over-pressure'],
      ['E24', 'too-long'],
      ['E43', 'no-pulse'],
      ['E44', 'movement'],
      ['E61', 'not-determined'],
      ['E63', 'out-of-range'],
      ['E99', 'unknown'],
    ] as const)
      for (const figures of ['S   ,M   ,D   ,P   ', 'S120,M 97,D 80,P 70'])
        expect(decode(tm2657, [and(`TM2657,2411121014,RA,M,${code},${figures},I00,L232`)]).events).toEqual([
          { kind: 'failure', of: 'blood-pressure', code, reason },
        ])
  })

  test('values no device measures are refused though no error is flagged', () => {
    for (const figures of ['255,255,255', '000,000,000', '059,040,070', '261,080,070', '120,029,070', '120,080,255'])
      expect(decode(hbp9030, [line(`2026,03,02,08,15,${NOBODY},0,${figures},0`)])).toMatchObject({
        events: [],
        counts: { refusedFrames: 1 },
      })
    expect(decode(hbp9020, [line(`bp,${NOBODY},2026/03/02,08:15,255,255,255,255,0`)]).events).toEqual([])
    expect(decode(tm2657, [and('TM2657,2411121014,RA,M,E00,S2047,M2047,D2047,P2047,I00,L232')]).events).toEqual([])
  })

  test('a pulse of 0 is a figure that was not sent', () => {
    const [event] = decode(hbp9030, [line(`2026,03,02,08,15,${NOBODY},0,132,084,000,0`)]).events
    expect(event).toMatchObject({ systolic: 132, diastolic: 84, pulse: null })
  })
})

test('FC-04 noise and one preamble byte too many hide no frame, however the stream is cut', () => {
  const pieces = ['00ffaaaaaaaa', '9669000400008084aa', 'aaaa9669000800009f0000000097'].map(fromHex)
  const single = Array.from(joined(pieces), (byte) => Uint8Array.of(byte))
  for (const stream of [pieces, single])
    expect(decode(reader, stream).counts).toEqual({ discardedBytes: 3, refusedFrames: 0 })
})

describe('FC-06 HI and LO are ranges without a number', () => {
  test.each([
    ['mg/dL', '601', '>', 'above'],
    ['mg/dL', '9', '<', 'below'],
    ['mmol/L', '33.39', '>', 'above'],
    ['mmol/L', '0.50', '<', 'below'],
  ])('%s %s %s', (unit, code, mark, range) => {
    const expected = [{ kind: 'glucose', value: null, range, unit, context: 'unknown', deviceTime: '2026-03-02T08:15' }]
    const serial = astm(`R|1|^^^Glucose|${code}|${unit}^P||${mark}|||||202603020815`)
    const usb = astm(`R|1|^^^Glucose|${code}|${unit}^P||${mark}/M0/T1||202603020815`)
    expect(decode(contour, [serial]).events).toEqual(expected)
    expect(decode(contourUsb, [usb]).events).toEqual(expected)
  })

  test('a code that lost its mark is refused', () => {
    for (const [unit, code] of [
      ['mg/dL', '601'],
      ['mg/dL', '9'],
      ['mmol/L', '33.39'],
      ['mmol/L', '0.50'],
    ])
      expect(decode(contour, [astm(`R|1|^^^Glucose|${code}|${unit}^P|||||||202603020815`)])).toMatchObject({
        events: [],
        counts: { refusedFrames: 1 },
      })
    expect(decode(ultraEasy, [record(1315230101, 0xfffd)])).toMatchObject({ events: [], counts: { refusedFrames: 1 } })
  })
})

test('FC-08 two records run together are refused and counted, and those around them are read', () => {
  const good = (number: number, value: number) =>
    astm(`R|${number}|^^^Glucose|${value}|mg/dL^P|||||||20260302081${number}`, number)
  const together = astm('R|2|^^^Glucose|1|mg/dL^P|||||||202603020703R|3|^^^Glucose|142|mg/dL^P|||||||202603020750', 2)
  const { events, counts } = decode(contour, [good(1, 97), together, good(3, 104)])
  expect(events.map((event) => event.kind === 'glucose' && event.value)).toEqual([97, 104])
  expect(counts.refusedFrames).toBe(1)
})

describe('FC-08 what was refused is told raw, for support', () => {
  const refusedOf = (driver: Driver, chunks: Uint8Array[]) => {
    const refused: Uint8Array[] = []
    const { push, end } = decoder(driver, (bytes) => refused.push(bytes))
    for (const chunk of chunks) push(chunk)
    end()
    return refused
  }

  test('a damaged frame and a frame that says nonsense, each once; what is good is not', () => {
    const good = and('C127,A090,D076,P078')
    const flipped = good.with(8, good[8]! ^ 1)
    expect(refusedOf(tm2657, [flipped]).map(hex)).toEqual([hex(flipped)])
    const nonsense = astm('R|2|^^^Glucose|1|mg/dL^P|||||||202603020703R|3|^^^Glucose|142|mg/dL^P|||||||202603020750', 2)
    const around = [astm('R|1|^^^Glucose|97|mg/dL^P|||||||202603020815', 1), nonsense]
    expect(refusedOf(contour, around).map(hex)).toEqual([hex(nonsense)])
  })

  test('of a cuff that sends a subject id it is blanked, and of a damaged line nothing is told', () => {
    const id = '11999919500101001X'
    const told = refusedOf(hbp9020, [line(`bp,${id.padEnd(20)},2026/13/45,08:12,127,090,076,072,0`)])
    for (const bytes of told) expect(new TextDecoder().decode(bytes)).not.toContain(id)
    expect(refusedOf(hbp9020, [line(`bp,${id.padEnd(20)}x2026/03/02,08:12,127,090,076,072,0`)])).toEqual([])
  })

  test('of a card reader nothing is told', () => {
    const frame = card([[0, '测试']])
    expect(refusedOf(reader, [frame.with(200, frame[200]! ^ 1), frame.with(20, 0xff)])).toEqual([])
  })
})

describe('FC-10 the unit is the one the wire carried, or the one the model stores', () => {
  test('an UltraEasy that shows mmol/L stores mg/dL', () => {
    const showsMmol = fromHex('02 0C 02 05 06 01 00 00 00 03 71 6B')
    expect(decode(ultraEasy, [showsMmol, record(1315230101, 99)]).events).toMatchObject([{ value: 99, unit: 'mg/dL' }])
  })

  test('a result without a unit, or with a value no person has in it, is refused', () => {
    for (const [value, unit] of [
      ['99', ''],
      ['99', '%'],
      ['99', 'mmol/L'],
      ['5.5', 'mg/dL'],
    ])
      expect(decode(contour, [astm(`R|1|^^^Glucose|${value}|${unit}^P|||||||202603020815`)])).toMatchObject({
        events: [],
        counts: { refusedFrames: 1 },
      })
  })
})

describe('FC-12 a date that is none is null: never rolled over, never today', () => {
  test('month 0, day 0, 30 February, hour 25', () => {
    for (const date of ['2026,00,00,00,00', '2026,02,30,08,15', '2026,03,02,25,15', '2025,02,29,08,15'])
      expect(decode(hbp9030, [line(`${date},${NOBODY},0,128,079,066,0`)]).events).toMatchObject([
        { systolic: 128, diastolic: 79, pulse: 66, deviceTime: null },
      ])
    expect(decode(tm2657, [and('TM2657,0000000000,RA,M,E00,S128,M 95,D 79,P 66,I00,L232')]).events).toMatchObject([
      { systolic: 128, deviceTime: null },
    ])
    for (const time of ['', '202600000000', '255255255255'])
      expect(decode(contour, [astm(`R|1|^^^Glucose|97|mg/dL^P|||||||${time}`)]).events).toMatchObject([
        { value: 97, deviceTime: null },
      ])
  })

  test('a clock of 255s is told as not known', () => {
    const clock = fromHex('02 0C 02 05 06 FF FF FF FF 03')
    const crc = crc16(clock)
    const frame = Uint8Array.of(...clock, crc & 0xff, crc >> 8)
    expect(tell(ultraEasy, frame).map((told) => told.event)).toMatchObject([{ kind: 'device', clock: null }])
  })
})

describe('FC-20 a number is text with its X, and a wrong one is not used', () => {
  test('x, X and full-width Ｘ are one person', () => {
    for (const number of ['11999919500101009X', '11999919500101009x', '11999919500101009Ｘ', '11999919500101009ｘ'])
      expect(laid(person(number))).toMatchObject([{ kind: 'card', number: '11999919500101009X' }])
  })

  test('a right check digit is read, a wrong one is a failure that does not quote it', () => {
    expect(laid(person('119999195001010030'))).toMatchObject([{ kind: 'card', number: '119999195001010030' }])
    for (const number of ['11999919500101003X', '119999195001010031', '', '1199991950010100'])
      expect(laid(person(number))).toEqual([
        { kind: 'failure', of: 'identity', code: 'check-digit', reason: 'card-unreadable' },
      ])
  })

  test('a birth date or sex that disagrees with the number is a bad read', () => {
    expect(laid(person('119999195001010030', { birth: '19500102' }))).toMatchObject([{ code: 'birth-date' }])
    expect(laid(person('119999195001010030', { sex: '2' }))).toMatchObject([{ code: 'sex' }])
    expect(laid(person('119999195001010030', { sex: '9' }))).toMatchObject([{ kind: 'card', sex: 'not-stated' }])
  })

  test('a card of an unknown type is a failure, and no field of it is guessed', () => {
    const unknown = card([
      [0, '测试样例'],
      [248, 'K'],
    ])
    expect(laid(unknown)).toEqual([{ kind: 'failure', of: 'identity', code: 'type K', reason: 'card-unreadable' }])
  })
})

describe('FC-22 a name is read whole or said to be incomplete', () => {
  test('characters beyond 16 bits and the middle dot stand as on the card, at every cut', () => {
    const frame = person('119999195001010030', { name: '𠮷测·样' })
    for (let at = 1; at < 60; at++) {
      const { events } = decode(reader, [frame.subarray(0, at), frame.subarray(at)])
      expect(events).toMatchObject([{ name: '𠮷测·样' }])
      expect(events[0]).not.toHaveProperty('nameIncomplete')
    }
  })

  test('half a character or a replacement mark makes the name incomplete', () => {
    for (const name of ['测\ud842样', '测\ufffd样'])
      expect(laid(person('119999195001010030', { name }))).toMatchObject([{ name: '测\ufffd样', nameIncomplete: true }])
  })
})

test('a cuff’s subject id is told apart, never in raw, and neither blanks nor all nines are one', () => {
  const of = (id: string) => decode(hbp9030, [line(`2026,03,02,08,15,${id},0,132,084,071,0`)]).told[0]!
  const known = of('  119999195001010030')
  expect(known.subject).toBe('119999195001010030')
  expect(hex(known.raw!)).not.toContain(hex(bytesOf('119999195001010030')))
  for (const nobody of [NOBODY, '9'.repeat(20)]) expect(of(nobody)).not.toHaveProperty('subject')
})

test('the words of an error never quote a frame', () => {
  const broken = `bp,119999195001010030  ,2026/03/02,08:15,140,198,077,068,0\r`
  expect(() => tell(hbp9020, bytesOf(broken))).toThrow(FrameError)
  try {
    tell(hbp9020, bytesOf(broken))
  } catch (error) {
    expect(String(error)).not.toContain('119999')
  }
})

test('what the cuff says of its duration goes along with the reading', () => {
  const frame = and('TM2657,2411121014,RA,M,E00,S127,M 97,D 76,P 78,I00,L232,p173,i 0,m0,r0,t 35')
  expect(decode(tm2657, [frame]).told.at(-1)).toMatchObject({ measuredSeconds: 35 })
})
