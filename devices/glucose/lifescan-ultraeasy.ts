// LifeScan OneTouch UltraEasy and UltraMini, serial cable. Asked record by record; the link bytes alternate in two rounds.
// Protocol: daniel-thompson/ultraeasy otdms.log-commented. Never sent: 05 1A, which erases the memory.
import { fromHex, hex, latin1 } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import type { Glucose } from '../kit/event.ts'
import { cutPacket, EMPTY, LINK, packet, payloadOf, view, wallClock } from '../kit/lifescan.ts'
import { type Link, LinkTimeout } from '../kit/link.ts'

/** Link byte bits. */
const MORE = 0x10
const DISCONNECT = 0x08
const ACK = 0x04
const EXPECTED = 0x02 // sequence expected to receive
const SENT = 0x01 // sequence sent

/** Both sides count: after a reset round 1, then the other, and so on. */
const ROUNDS = [
  { command: 0x00, acknowledged: 0x06, answer: 0x02, acknowledge: 0x07 },
  { command: 0x03, acknowledged: 0x05, answer: 0x01, acknowledge: 0x04 },
] as const

const ASK_SERIAL = fromHex('05 0B 02 00 00 00 00 84 6A E8 73 00')
const ASK_CLOCK = fromHex('05 20 02 00 00 00 00')
const ASK_COUNT = fromHex('05 1F F5 01') // a record out of range (501): the refusal carries the count
const askRecord = (index: number) => Uint8Array.of(0x05, 0x1f, index & 0xff, index >> 8) // 0 = newest

/** The memory holds mg/dL whatever unit the display is set to: a property of the model. */
const STORED_UNIT = 'mg/dL'
const ABOVE = 0xffff
const BELOW = 0xfffe

const ANSWER_MS = 500
const PACE_MS = 100 // the meter drops packets that follow each other faster
const WATCH_MS = 1000
const ATTEMPTS = 3

/** What the payload says. The protocol names no answer: kind follows from status and shape. */
function answer(payload: Uint8Array): Facts {
  const body = payload.subarray(2)
  const status = hex(payload.subarray(0, 2))
  if (status === '050f' && body.length === 2) return { kind: 'count', count: view(body).getUint16(0, true) }
  if (status !== '0506') throw new FrameError(`UltraEasy: answer status ${status}, expected 0506 or 050f`)
  const text = latin1(body)
  if (body.length === 8 && body[6] === 0 && body[7] === 0) {
    const rawTime = view(body).getUint32(0, true)
    const rawValue = view(body).getUint32(4, true)
    const range = rawValue === ABOVE ? 'HI' : rawValue === BELOW ? 'LO' : null
    const value = range === null ? rawValue : null
    return {
      kind: 'reading',
      analyte: 'glucose',
      rawTime,
      time: wallClock(rawTime),
      rawValue,
      value,
      unit: STORED_UNIT,
      range,
    }
  }
  if (body.length === 4) {
    const raw = view(body).getUint32(0, true)
    // Only a display unit is this small; as a clock it would be the first second of 1970.
    if (raw <= 1) return { kind: 'unit', rawUnit: raw, displayUnit: raw === 0 ? 'mg/dL' : 'mmol/L' }
    return { kind: 'clock', raw, time: wallClock(raw) }
  }
  if (body[0] === body.length - 1) return { kind: 'version', version: text.slice(1) }
  if (/^[A-Z0-9]{6,}$/.test(text)) return { kind: 'serial', serial: text }
  throw new FrameError('UltraEasy: an answer that is no count, reading, clock, unit, version or serial number')
}

function parse(frame: Uint8Array): Facts {
  const link = frame[LINK]!
  const bits = {
    more: (link & MORE) !== 0,
    disconnect: (link & DISCONNECT) !== 0,
    ack: (link & ACK) !== 0,
    E: link & EXPECTED ? 1 : 0,
    S: link & SENT,
  }
  const crc = hex(frame.subarray(-2)) // as it stands on the wire, low byte first
  const said = frame.length === EMPTY ? { kind: bits.disconnect ? 'disconnect-ack' : 'ack' } : answer(payloadOf(frame))
  return { ...said, link: bits, crc }
}

interface Reading extends Facts {
  value: number | null
  range: 'HI' | 'LO' | null
  time: string | null
}
const isReading = (facts: Facts): facts is Reading => facts.kind === 'reading'

function glucose({ value, range, time }: Reading): Glucose {
  return {
    kind: 'glucose',
    value,
    unit: STORED_UNIT,
    range: range === null ? null : range === 'HI' ? 'above' : 'below',
    context: 'unknown', // the meter has no meal marks
    deviceTime: time,
  }
}

/** Question and answer over the alternating link; null when the meter stays silent through every attempt. */
function conversation(link: Link) {
  let round = 0
  async function expect(linkByte: number, frame: Uint8Array) {
    if (frame[LINK] !== linkByte) throw new LinkTimeout(`UltraEasy: link byte ${frame[LINK]}, expected ${linkByte}`)
    return frame
  }
  const reset = async () => {
    await expect(DISCONNECT | ACK, await link.ask(packet(DISCONNECT), ANSWER_MS))
    round = 0
  }
  async function exchange(payload: Uint8Array): Promise<Uint8Array> {
    const turn = ROUNDS[round]!
    await link.rest(PACE_MS)
    await expect(turn.acknowledged, await link.ask(packet(turn.command, payload), ANSWER_MS))
    const frame = await expect(turn.answer, await link.receive(ANSWER_MS))
    await link.send(packet(turn.acknowledge))
    round = 1 - round
    return frame
  }
  return async (payload: Uint8Array, fresh = false): Promise<Uint8Array | null> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++)
      try {
        if (fresh || attempt > 0) await reset() // the link layer has no NAK: after a lost packet both sides start again
        return await exchange(payload)
      } catch (error) {
        if (!(error instanceof LinkTimeout)) throw error
      }
    return null
  }
}

function factsOf(frame: Uint8Array): Facts | null {
  try {
    return parse(frame)
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    return null
  }
}

export default defineDriver({
  vendor: 'LifeScan',
  models: ['OneTouch UltraEasy / UltraMini'], // two names of one meter: it does not say which
  kind: 'glucose',
  transport: { type: 'serial', baud: 9600 },
  check: 'crc16',
  evidence: 'recorded',
  memory: true,
  cutFrame: cutPacket(0x20), // bits 5 to 7 of the link byte are zero
  parse,
  events(facts, earlier) {
    if (isReading(facts)) return [glucose(facts)]
    if (facts.kind !== 'clock') return []
    const serial = earlier.findLast((f) => f.kind === 'serial')?.serial
    return [
      {
        kind: 'device',
        model: null,
        serial: typeof serial === 'string' ? serial : null,
        clock: wallClock(Number(facts.raw)),
      },
    ]
  },
  /** Reads the whole memory, then again whenever count or newest record change; ends when the meter is silent. */
  async *read(link) {
    const ask = conversation(link)
    let seen = ''
    while (true) {
      const counted = await ask(ASK_COUNT, seen === '')
      const newest = counted && (await ask(askRecord(0)))
      if (!newest) return
      const now = hex(payloadOf(counted)) + hex(payloadOf(newest)) // a full memory keeps its count
      if (now !== seen) {
        const serial = await ask(ASK_SERIAL)
        const clock = serial && (await ask(ASK_CLOCK))
        if (!clock) return
        const named = factsOf(serial)
        yield* link.tell(clock, named ? [named] : [])
        const count = Number(factsOf(counted)?.count ?? 0)
        // All of it each time: equal records are told apart by counting them, so none may be left out.
        for (let index = 0; index < count; index++) {
          const record = await ask(askRecord(index))
          if (!record) return
          yield* link.tell(record)
        }
        seen = now
      }
      await link.rest(WATCH_MS)
    }
  },
})
