// The conversations of the asked devices, against scripted ones in memory: what is asked, what is told, what is never said.
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { bytesOf, crc16, fromHex, hex, latin1, sum, xor } from '../../devices/kit/bytes.ts'
import { allDrivers, findDriver, type Told } from '../../devices/kit/driver.ts'
import { LinkClosed } from '../../devices/kit/link.ts'
import { type Answer, captureOf, converse, joined } from './wire.ts'

const contour = await findDriver('ascensia-contour')
const contourUsb = await findDriver('ascensia-contour-usb')
const ultraEasy = await findDriver('lifescan-ultraeasy')
const reader = await findDriver('sdt-samv')
const hidReader = await findDriver('sdt-hid')

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const frame = (number: number, text: string, end = 0x17) => {
  const counted = joined([bytesOf(`${number % 8}${text}\r`), Uint8Array.of(end)])
  return joined([
    Uint8Array.of(0x02),
    counted,
    bytesOf(`${sum(counted).toString(16).toUpperCase().padStart(2, '0')}\r\n`),
  ])
}
const spoilt = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 8 ? byte ^ 1 : byte))

const HEADER = 'H|\\^&||27719|Bayer7150^1.05\\0.00^7150-0002193|||||||P|1|202603020810'
const RECORDS = [
  HEADER,
  'P|1',
  'O|1',
  'R|1|^^^GlucoseA|0|mg/dL^P',
  'R|2|^^^Glucose|99|mg/dL^P|||||||202603020815',
  'R|3|^^^Glucose|601|mg/dL^P||>|||||202603020820',
  'O|2||||||||||Q',
  'R|4|^^^Glucose|120|mg/dL^P||||E|||202603020825',
  'O|3',
  'R|5|^^^Glucose|104|mg/dL^P|||||||202603020930',
]
const GOOD = [
  { kind: 'device', model: 'Contour', serial: '7150-0002193', clock: '2026-03-02T08:10' },
  { kind: 'glucose', value: 99, unit: 'mg/dL', range: null, context: 'unknown', deviceTime: '2026-03-02T08:15' },
  { kind: 'glucose', value: null, unit: 'mg/dL', range: 'above', context: 'unknown', deviceTime: '2026-03-02T08:20' },
  { kind: 'glucose', value: 104, unit: 'mg/dL', range: null, context: 'unknown', deviceTime: '2026-03-02T09:30' },
]
const ENQ = Uint8Array.of(0x05)
const EOT = Uint8Array.of(0x04)
const ACK = 0x06
const NAK = 0x15

/** A Contour: goes on with ACK, repeats a frame after anything else; `spoil` damages frame n once. */
function contourMeter({
  spoil = -1,
  repeat = -2,
  lastRecord = 'L|1|N',
  breakOffAt = Number.POSITIVE_INFINITY,
} = {}): Answer {
  const frames = [...RECORDS.map((text, i) => frame(i + 1, text)), frame(RECORDS.length + 1, lastRecord, 0x03)]
  let next = -1
  let spoilAt = spoil
  return ([said], say) => {
    if (said === 0x58 && next < 0) return say(ENQ)
    if (said !== ACK && said !== NAK) return
    if (said === ACK && next === repeat)
      repeat = -2 // as if this ACK had been lost
    else if (said === ACK) next++
    const current = frames[next]
    if (next >= breakOffAt) return
    if (!current) return say(EOT)
    say(next === spoilAt ? spoilt(current) : current)
    spoilAt = next === spoilAt ? -1 : spoilAt
  }
}

test('a Contour session is told once L with code N has closed it, without controls and averages', async () => {
  const { events, written, ended } = await converse(contour, 60, contourMeter(), (say) => say(ENQ))
  expect(events).toEqual(GOOD)
  expect(written.every(([byte]) => byte === ACK)).toBe(true)
  expect(ended).toBe('still talking')
})

test('a silent Contour is woken, and after it was read it is left to sleep', async () => {
  const { events, written } = await converse(contour, 120, contourMeter())
  expect(events).toEqual(GOOD)
  expect(written.filter(([byte]) => byte === 0x58)).toHaveLength(1)
})

test('a Contour frame with a wrong sum is asked for again with NAK', async () => {
  const { events, written, counts } = await converse(contour, 60, contourMeter({ spoil: 4 }), (say) => say(ENQ))
  expect(events).toEqual(GOOD)
  expect(written.filter(([byte]) => byte === NAK)).toHaveLength(1)
  expect(counts.refusedFrames).toBe(1)
})

test('a Contour frame sent twice because the ACK was lost is told once', async () => {
  expect((await converse(contour, 60, contourMeter({ repeat: 4 }), (say) => say(ENQ))).events).toEqual(GOOD)
})

test('a Contour session without L|…|N tells nothing', async () => {
  expect((await converse(contour, 30, contourMeter({ breakOffAt: 8 }), (say) => say(ENQ))).events).toEqual([])
  expect((await converse(contour, 30, contourMeter({ lastRecord: 'L|1|E' }), (say) => say(ENQ))).events).toEqual([])
})

test('a Contour USB is woken by report, gives its header twice, and ends with L and its code in field 4', async () => {
  const header =
    'H|\\^&||7w3LBL|Bayer7390^01.24\\01.04\\09.02.20^7390-2336773^7403-|A=1^U=0^V=20600|1||||||1|202603020810'
  const frames = [
    frame(1, header),
    frame(2, 'P|1'),
    frame(3, 'R|1|^^^Glucose|7.4|mmol/L^P||B/M0/T1||202603020815'),
    frame(4, 'R|2|^^^Carb|1|1^||||202603020816'),
    frame(5, 'L|1||N', 0x03),
  ]
  let next = 0
  const { events, written } = await converse(contourUsb, 30, ([said], say) => {
    if (said === 0x58) say(joined([EOT, frame(1, header), ENQ]))
    else if (said === ACK && frames[next]) say(frames[next++]!)
  })
  expect(events).toEqual([
    { kind: 'device', model: 'Contour USB', serial: '7390-2336773', clock: '2026-03-02T08:10' },
    { kind: 'glucose', value: 7.4, unit: 'mmol/L', range: null, context: 'preMeal', deviceTime: '2026-03-02T08:15' },
  ])
  expect(written.map(latin1).join('')).not.toMatch(/W\|/)
})

const packet = (link: number, payload = '') => {
  const body = fromHex(payload)
  const head = Uint8Array.of(0x02, 6 + body.length, link, ...body, 0x03)
  const crc = crc16(head)
  return Uint8Array.of(...head, crc & 0xff, crc >> 8)
}
const u32 = (value: number) => hex(new Uint8Array(new Uint32Array([value]).buffer))

/** An UltraEasy: acknowledges and answers in two rounds; `records` newest first; `loses` drops so many answers. */
function ultraEasyMeter(records: () => [time: number, value: number][], { loses = 0, display = 1 } = {}): Answer {
  let lost = loses
  return (said, say) => {
    const link = said[2]!
    const ask = hex(said.subarray(3, -3))
    if (link === 0x08) return say(packet(0x0c))
    if (link !== 0x00 && link !== 0x03) return
    say(packet(link === 0x00 ? 0x06 : 0x05))
    if (lost-- > 0) return
    const answer = (payload: string) => say(packet(link === 0x00 ? 0x02 : 0x01, payload))
    const record = ask.startsWith('051f') ? records()[said[5]! | (said[6]! << 8)] : undefined
    if (ask.startsWith('050b')) answer(`0506${hex(bytesOf('CGWA1E5CR'))}`)
    else if (ask.startsWith('0520')) answer(`0506${u32(1315255574)}`)
    else if (ask.startsWith('0509')) answer(`0506${u32(display)}`)
    else if (record) answer(`0506${u32(record[0])}${u32(record[1])}`)
    else if (ask.startsWith('051f')) answer(`050f${hex(new Uint8Array(new Uint16Array([records().length]).buffer))}`)
  }
}
const OLD: [number, number][] = [
  [1315231200, 0xffff],
  [1315230101, 196],
  [1315230101, 196],
  [1315205285, 80],
]
const glucose = (value: number | null, deviceTime: string, range: string | null = null) => ({
  ...{ kind: 'glucose', value, unit: 'mg/dL', range, context: 'unknown', deviceTime },
})
const INFO = { kind: 'device', model: null, serial: 'CGWA1E5CR', clock: '2011-09-05T20:46:14' }
const OLD_EVENTS = [
  glucose(null, '2011-09-05T14:00:00', 'above'),
  glucose(196, '2011-09-05T13:41:41'),
  glucose(196, '2011-09-05T13:41:41'), // two equal records are two
  glucose(80, '2011-09-05T06:48:05'),
]

test('an UltraEasy tells itself and its whole memory, then waits for a new result', async () => {
  const { events, written, ended } = await converse(
    ultraEasy,
    30,
    ultraEasyMeter(() => OLD),
  )
  expect(events).toEqual([INFO, ...OLD_EVENTS])
  expect(ended).toBe('still talking')
  expect(written.map((bytes) => hex(bytes.subarray(3, -3))).some((payload) => payload.startsWith('051a'))).toBe(false)
})

test('an UltraEasy with a new result tells its whole memory again', async () => {
  const records = [...OLD]
  const meter = ultraEasyMeter(() => records)
  setTimeout(() => records.unshift([1315231260, 101]), 10_000)
  const { events } = await converse(ultraEasy, 30, meter)
  expect(events).toEqual([INFO, ...OLD_EVENTS, INFO, glucose(101, '2011-09-05T14:01:00'), ...OLD_EVENTS])
})

test('an UltraEasy that loses answers is reset and asked again', async () => {
  const { events } = await converse(
    ultraEasy,
    30,
    ultraEasyMeter(() => OLD, { loses: 2 }),
  )
  expect(events).toEqual([INFO, ...OLD_EVENTS])
})

test('a silent UltraEasy ends the session', async () => {
  expect((await converse(ultraEasy, 10, () => undefined)).ended).toBe('returned')
})

/** A Verio IQ: `asked` hears each payload; `loses` leaves so many questions unanswered; record 1 cannot be given. */
function verioMeter(asked: string[], loses = 0): Answer {
  let lost = loses
  return (said, say) => {
    const ask = hex(said.subarray(3, -3))
    asked.push(ask)
    if (lost-- > 0) return
    const answer = (payload: string) => say(packet(0, payload))
    if (ask === '032700') answer('0306 0300')
    else if (ask === '030b0102') answer('0306 5443465051524d4700')
    else if (ask === '032002') answer('0306 09f57c1b')
    else if (ask === '03210000') answer('0306 5aa5781bce0000010000')
    else if (ask === '03210200') answer('0306 8dbc7c1b560000010000')
    else if (ask.startsWith('0321')) answer('0309')
  }
}

test('a Verio IQ that loses answers is asked again; a record it cannot give takes no other along', async () => {
  const verio = await findDriver('lifescan-verio-iq')
  const asked: string[] = []
  const { events, ended } = await converse(verio, 30, verioMeter(asked, 2))
  expect(events).toEqual([
    { kind: 'device', model: 'OneTouch Verio IQ', serial: 'TCFPQRMG', clock: '2014-08-12T15:53:45' },
    { ...glucose(206, '2014-08-09T09:24:42'), context: 'preMeal' },
    { ...glucose(86, '2014-08-12T11:52:45'), context: 'preMeal' },
  ])
  expect(ended).toBe('still talking')
  expect(asked.filter((ask) => ask === '03210100')).toHaveLength(3)
  expect([...new Set(asked.map((ask) => ask.slice(0, 4)))].sort()).toEqual(['030b', '0320', '0321', '0327']) // never 031a
  expect(asked).not.toContain(expect.stringMatching(/^032001/))
})

test('an Ultra whose dump loses a line is asked again, and a line damaged each time takes no other along', async () => {
  const ultra = await findDriver('lifescan-ultra2')
  const [serial, clock] = captureOf(ultra).scenes[0]!.steps.filter((step) => step.from === 'device')
  const { steps } = captureOf(ultra).scenes[1]!
  const [header, first, second] = steps.filter((step) => step.from === 'device').map((step) => step.bytes)
  const two = joined([bytesOf('P 002'), header!.subarray(5, -6), bytesOf('05A5\r\n')])
  const meter = (damaged: number): Answer => {
    let dumps = 0
    return (said, say) => {
      const ask = latin1(said)
      if (ask === 'DM@') say(serial!.bytes)
      if (ask === 'DMF') say(clock!.bytes)
      if (ask === 'DMP') say(joined([two, ++dumps <= damaged ? spoilt(first!) : first!, second!]))
    }
  }
  const [one, other] = [captureOf(ultra).scenes[1]!.steps.at(-2)!.events, steps.at(-1)!.events]
  const info = { kind: 'device', model: null, serial: 'TKF8EA0RT', clock: '2014-08-12T15:40:16' }
  expect((await converse(ultra, 20, meter(1))).events).toEqual([info, ...one, ...other])
  const { events, counts, written } = await converse(ultra, 29, meter(99))
  expect(events).toEqual([info, ...other])
  expect(counts.refusedFrames).toBe(3)
  expect([...new Set(written.map(latin1))].sort()).toEqual(['\x11\r', 'DM@', 'DMF', 'DMP'])
})

/** A Neo that answers with the reports of a public session, one of them changed by `damage`. */
function neo(damage: (reports: Uint8Array[]) => void): Answer {
  const fixtures = JSON.parse(readFileSync(new URL('../fixtures/abbott-freestyle-hid.json', import.meta.url), 'utf8'))
  const session = fromHex(fixtures.find((f: Field & { decoded: { kind: string } }) => f.decoded.kind === 'session').hex)
  const reports = Array.from({ length: session.length / 64 }, (_, i) => session.slice(i * 64, i * 64 + 64))
  damage(reports)
  const text = (body: string) => {
    const sum = bytesOf(body).reduce((all, byte) => all + byte, 0)
    return bytesOf(`${body}CKSM:${sum.toString(16).toUpperCase().padStart(8, '0')}\r\nCMD OK\r\n`)
  }
  return ([type, length = 0, ...data], say) => {
    const report = (as: number, bytes: Uint8Array) => say(Uint8Array.of(as, bytes.length, ...bytes))
    const command = latin1(Uint8Array.from(data.slice(0, length)))
    if (type === 0x04) report(0x34, Uint8Array.of(0x0c))
    if (type === 0x05) report(0x06, bytesOf('JAGT241-U6242\0'))
    if (type === 0x15) report(0x35, bytesOf('1.40\0'))
    if (type === 0x01) report(0x71, Uint8Array.of(1))
    if (command === '$date?') report(0x60, text('7,18,17\r\n'))
    if (command === '$time?') report(0x60, text('18,41\r\n'))
    if (command === '$result?') for (const one of reports) say(one)
  }
}

test('a Neo tells its memory once both sums are proven, keep-alives in between or not; never a control test or a ketone', async () => {
  const freestyle = await findDriver('abbott-freestyle-hid')
  const { events, written, ended } = await converse(
    freestyle,
    9,
    neo(() => undefined),
  )
  expect(events).toEqual([
    { kind: 'device', model: null, serial: 'JAGT241-U6242', clock: '2017-07-18T18:41' },
    glucose(105, '2017-07-18T18:40'),
    glucose(null, '2017-07-18T18:35', 'above'),
    glucose(null, '2017-07-18T16:02', 'below'),
  ])
  expect(ended).toBe('still talking')
  const commands = written.map((bytes) => latin1(bytes.subarray(2)).replaceAll('\0', ''))
  expect([...new Set(commands)].sort()).toEqual(['', '$date?', '$result?', '$time?'])
})

test('a Neo whose answer has one wrong character tells nothing', async () => {
  const freestyle = await findDriver('abbott-freestyle-hid')
  for (const [at, byte] of [
    [0, 24], // a figure
    [4, 8], // a day
    [9, 3], // the count
    [9, 8], // a digit of a sum
  ] as const) {
    const damaged = neo((reports) => {
      reports[at]![byte]! ^= 1
    })
    expect((await converse(freestyle, 30, damaged)).events).toEqual([])
  }
})

test.each([
  'lifescan-verio-iq',
  'lifescan-ultra2',
  'taidoc-td4277',
  'abbott-freestyle-hid',
  'abbott-freestyle-serial',
  'menarini-areo',
])('a silent %s ends the session, told nothing', async (id) => {
  const { events, ended } = await converse(await findDriver(id), 90, () => undefined)
  expect(events).toEqual([])
  expect(ended).toBe('returned')
})

const response = (sw3: number, data: Uint8Array = new Uint8Array(0)) => {
  const counted = Uint8Array.of((4 + data.length) >> 8, (4 + data.length) & 0xff, 0, 0, sw3, ...data)
  return Uint8Array.of(...fromHex('AAAAAA9669'), ...counted, xor(counted))
}
const SAM_ID = fromHex('05000100951334010100000002000000')

interface Field {
  decoded: { case: string }
  hex: string
}
const cards = new Map(
  (JSON.parse(readFileSync(new URL('../fixtures/sdt-samv.json', import.meta.url), 'utf8')) as Field[]).map((f) => [
    f.decoded.case,
    fromHex(f.hex),
  ]),
)
const CITIZEN = cards.get('read-base.citizen')!
const OTHER = cards.get('read-base.citizen-long-term')!

/** A reader: `lying()` is the answer to a read of what lies there; `hides` a card after a good read, or finds it again. */
function cardReader(lying: () => Uint8Array | null, hides: boolean): Answer {
  let hidden: Uint8Array | null = null
  return (said, say) => {
    const card = lying()
    if (card === null) hidden = null
    const command = hex(said.subarray(7, 9))
    if (command === '11ff') say(response(0x90))
    else if (command === '12ff') say(response(0x90, SAM_ID))
    else if (command === '2001')
      say(card === null || card === hidden ? response(0x80) : response(0x9f, new Uint8Array(4)))
    else if (command === '2002') say(card ? response(0x90, new Uint8Array(8)) : response(0x81))
    else if (command === '3001' && card) {
      say(card)
      if (hides && card.length > 20) hidden = card
    }
  }
}
const cardEvents = (events: Told['event'][]) => events.filter((e) => e.kind === 'card').map((e) => e.number)

test('a card reader names itself and tells a lying card once, whether it hides it or finds it again (FC-18)', async () => {
  for (const hides of [true, false]) {
    let card: Uint8Array | null = CITIZEN
    setTimeout(() => {
      card = null
    }, 30_000)
    setTimeout(() => {
      card = CITIZEN
    }, 180_000)
    const { events, written } = await converse(
      reader,
      190,
      cardReader(() => card, hides),
    )
    expect(events[0]).toEqual({ kind: 'device', model: null, serial: hex(SAM_ID), clock: null })
    expect(cardEvents(events)).toEqual(['000000199001010018', '000000199001010018']) // two placings
    const commands = new Set(written.map((bytes) => hex(bytes.subarray(7, 9))))
    expect([...commands].sort()).toEqual(['11ff', '12ff', '2001', '2002', '3001']) // never 3010, never 60nn
  }
})

test('another card within the hold time is another placing', async () => {
  let card = CITIZEN
  setTimeout(() => {
    card = OTHER
  }, 2000)
  const { events } = await converse(
    reader,
    10,
    cardReader(() => card, false),
  )
  expect(cardEvents(events)).toEqual(['000000199001010018', '11000018800229048X'])
})

test.each([
  ['sdt-samv', reader],
  ['sdt-hid', hidReader],
])('the %s driver asks in the bytes public hosts ask with, and in no others', async (_, driver) => {
  const { events, written } = await converse(
    driver,
    10,
    cardReader(() => CITIZEN, false),
  )
  expect(cardEvents(events)).toEqual(['000000199001010018'])
  const asked = ['sam-status', 'read-sam-id', 'find-card', 'select-card', 'read-base'].map((name) => {
    const frame = cards.get(`${name}.request`)!
    return hex(driver === hidReader ? Uint8Array.of(...frame, ...new Uint8Array(64 - frame.length)) : frame)
  })
  expect([...new Set(written.map(hex))].sort()).toEqual(asked.sort())
})

test('a HID reader whose answer ends half-way tells no card by it, and the next card right', async () => {
  const half = CITIZEN.subarray(0, 640) // ten of its 21 reports
  let lying = half
  setTimeout(() => {
    lying = OTHER
  }, 6000)
  const { events } = await converse(
    hidReader,
    20,
    cardReader(() => lying, false),
  )
  expect(events[1]).toEqual({ kind: 'failure', of: 'identity', code: 'no answer', reason: 'card-unreadable' })
  expect(cardEvents(events)).toEqual(['11000018800229048X'])
})

test('a card whose kind its own fields contradict is no card, though its check is right', async () => {
  const lettered = (card: Uint8Array, letter: string) => {
    const other = card.with(14 + 248, letter.charCodeAt(0)) // behind preamble, length, status and inner lengths
    return other.with(-1, other.at(-1)! ^ card[14 + 248]! ^ letter.charCodeAt(0))
  }
  const foreigner = cards.get('read-base.foreigner-2023')!
  const permit = cards.get('read-base.hmt-resident')!
  for (const card of [
    lettered(permit, ' '),
    lettered(foreigner, ' '),
    lettered(CITIZEN, 'Y'),
    lettered(CITIZEN, 'J'),
  ]) {
    const { events } = await converse(
      reader,
      3,
      cardReader(() => card, false),
    )
    expect(events.slice(1)).toMatchObject([{ kind: 'failure', of: 'identity', code: 'document' }])
  }
})

test('a card that cannot be read is told once a placing, and nothing of it is kept', async () => {
  const { events, told } = await converse(
    reader,
    10,
    cardReader(() => response(0x41), false),
  )
  expect(events.slice(1)).toEqual([{ kind: 'failure', of: 'identity', code: '41', reason: 'card-unreadable' }])
  expect(told.every((t) => t.raw === null)).toBe(true)
})

test('an answer damaged on the wire is a failure, never a card', async () => {
  const { events } = await converse(
    reader,
    20,
    cardReader(() => spoilt(CITIZEN), false),
  )
  expect(cardEvents(events)).toEqual([])
  expect(events.at(-1)).toEqual({ kind: 'failure', of: 'identity', code: 'no answer', reason: 'card-unreadable' })
})

test('a reader whose security module is not well says so, and one that is silent times out', async () => {
  const ill = await converse(reader, 10, (_, say) => say(response(0x60)))
  expect(String(ill.ended)).toContain('card reader not ready, status 60: SAM self-test failed')
  expect(String((await converse(reader, 10, () => undefined)).ended)).toContain('LinkTimeout')
})

test('a monitor that speaks of itself is heard until its port ends', async () => {
  const speaking = (await allDrivers()).filter(
    (driver) => driver.kind === 'blood-pressure' && !driver.memory && !driver.polled,
  )
  for (const driver of speaking) {
    const said = captureOf(driver).scenes.flatMap((scene) => scene.steps.filter((step) => step.from === 'device'))
    const { events, last } = await converse(
      driver,
      5,
      () => undefined,
      (say) => {
        for (const step of said) say(step.bytes)
      },
    )
    expect(events.filter((event) => event.kind !== 'device')).toEqual(said.flatMap((step) => step.events))
    expect(last).toBeInstanceOf(LinkClosed)
  }
})

test('a Terumo is told that each of its frames has come', async () => {
  const terumo = await findDriver('terumo-br500')
  const frame = captureOf(terumo).scenes[0]!.steps[0]!.bytes
  const { written } = await converse(
    terumo,
    5,
    () => undefined,
    (say) => say(joined([frame, frame])),
  )
  expect(written.map(hex)).toEqual(['06', '06'])
})

test('a Maibobo is connected before all else, asked again while it is silent, and listened to even if it stays so', async () => {
  const maibobo = await findDriver('maibobo-rbp')
  const connect = 'cc80030301010000'
  const result = captureOf(maibobo).scenes[0]!.steps.at(-1)!
  const answering = await converse(maibobo, 5, (_, say) => say(fromHex('aa80030301010000')))
  expect(answering.written.map(hex)).toEqual([connect])
  const silent = await converse(
    maibobo,
    5,
    () => undefined,
    (say) => void setTimeout(() => say(result.bytes), 3000),
  )
  expect(silent.written.map(hex)).toEqual(Array(5).fill(connect))
  expect(silent.events).toEqual(result.events)
})

test('a Contec is read user by user, never told to erase or to set its clock, and read again', async () => {
  const contec = await findDriver('contec-08a')
  const [, , , who, , ready, header, record] = captureOf(contec).scenes[0]!.steps.map((step) => step.bytes)
  const none = header!.map((byte, i) => (i === 4 ? 0x80 : i === 13 ? 0x82 : byte))
  const one = header!.map((byte, i) => (i === 4 ? 0x81 : byte))
  const { events, written, ended } = await converse(contec, 40, (said, say) => {
    if (said[0] === 0x42) say(who!)
    else if (said[0] === 0x43)
      for (const message of said[3] === 4 ? [ready!, one, record!] : [ready!, none]) say(message)
  })
  const pass = [
    { kind: 'device', model: null, serial: null, clock: null },
    ...captureOf(contec).scenes[0]!.steps.at(-1)!.events,
  ]
  expect(events).toEqual([...pass, ...pass])
  expect(new Set(written.map(hex))).toEqual(
    new Set(['408ffffefdfc', '428ffffefdfc', '4341010402', '4341010502', '4341010602']),
  )
  expect(ended).toBe('still talking')
})

const ASKED = [
  'beurer-bm55',
  'beurer-bm58',
  'beurer-bm96',
  'contec-08a',
  'fora-bp',
  'microlife-b3',
  'microlife-bpa',
  'omron-hem790it',
  'omron-hem7322u',
]
test.each(ASKED)('a silent %s ends the session, told nothing', async (id) => {
  const { events, ended } = await converse(await findDriver(id), 90, () => undefined)
  expect(events).toEqual([])
  expect(ended).toBe('returned')
})

test('something else under the USB id of a Contec is not taken for one', async () => {
  const contec = await findDriver('contec-08a')
  const record = captureOf(contec).scenes[0]!.steps.at(-1)!.bytes
  const { events, ended, written } = await converse(contec, 10, (_, say) => say(record))
  expect(events).toEqual([])
  expect(ended).toBe('returned')
  expect(written.some(([first]) => first === 0x43)).toBe(false)
})

test('a Microlife that loses an answer is asked again', async () => {
  const bpa = await findDriver('microlife-bpa')
  const { steps } = captureOf(bpa).scenes[0]!
  const answer = joined(steps.slice(1).map(({ bytes }) => bytes.subarray(1, 1 + (bytes[0]! & 0x0f))))
  let asked = 0
  const { events } = await converse(bpa, 20, (_, say) => (++asked > 2 ? say(answer) : undefined))
  expect(events).toEqual([{ kind: 'device', model: null, serial: null, clock: null }, ...steps.at(-1)!.events])
})
