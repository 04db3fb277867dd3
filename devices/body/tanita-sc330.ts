// Tanita SC-330 and MC-780 body composition scales, serial: one line of keys and values in braces; CS is the sum of all before it.
// Protocol: eightypop/sc240scale and public parsers with four lines that check. The speed is known of the MC-780 alone (9600): the site must set it.
// Weight is told and nothing else: the height was typed in, and the shares are worked out from it.
import { bytesOf, delimited, latin1, sum } from '../kit/bytes.ts'
import { defineDriver, type Facts, FrameError } from '../kit/driver.ts'
import { deviceTime } from '../kit/event.ts'

const LONGEST = 1024
const LINE = /^\{(.*,)CS,([0-9A-F]{2})\}$/
/** `~0` tells the unit of weight: 3 was seen with pounds, 1 and 2 with kilograms. */
const UNITS: Record<string, 'kg' | '[lb_av]'> = { 1: 'kg', 2: 'kg', 3: '[lb_av]' }

interface Line extends Facts {
  kind: 'measurement'
  model: string
  serial: string
  id: string
  deviceTime: string | null
  weight: number
  unit: 'kg' | '[lb_av]'
}
const isLine = (facts: Facts): facts is Line => facts.kind === 'measurement'

function isGood(frame: Uint8Array): boolean {
  const [, body = '', check = ''] = LINE.exec(latin1(frame)) ?? []
  return body !== '' && sum(bytesOf(`{${body}`)) === Number.parseInt(check, 16)
}

function parse(frame: Uint8Array): Line {
  const cells = latin1(frame.subarray(1, -1)).split(',')
  const of: Record<string, string> = {}
  for (let at = 0; at + 1 < cells.length; at += 2) of[cells[at]!] = cells[at + 1]!.replaceAll('"', '')
  const unit = UNITS[of['~0'] ?? '']
  if (!unit || of.Wk === undefined) throw new FrameError('SC-330: expected a weight, and its unit as ~0')
  const date = /^(\d\d)\/(\d\d)\/(\d{4}) (\d\d):(\d\d)$/.exec(`${of.Da ?? of.DT} ${of.TI ?? of.Ti}`)
  const [day = 0, month = 0, year = 0, hour = 0, minute = 0] = date?.slice(1).map(Number) ?? []
  return {
    kind: 'measurement',
    model: of.MO ?? '',
    serial: of.SN ?? '',
    id: of.ID ?? '',
    deviceTime: deviceTime([year, month, day], [hour, minute]),
    weight: Number(of.Wk),
    unit,
    ...(unit === 'kg' && { weightKg: Number(of.Wk), heightCm: Number(of.Hm) }),
    fatPercent: Number(of.FW),
    bmi: Number(of.MI),
    impedance: Number(of.ZF),
  }
}

export default defineDriver({
  vendor: 'Tanita',
  models: ['SC-330', 'MC-780'],
  kind: 'body',
  transport: { type: 'serial', baud: null },
  check: 'sum',
  evidence: 'recorded',
  memory: false,
  measuringSeconds: { min: 5, max: 120 },
  cutFrame: delimited({
    start: [0x7b],
    text: (byte) => byte >= 0x20 && byte <= 0x7e,
    ends: [0x7d],
    trailer: 0,
    longest: LONGEST,
    good: isGood,
  }),
  parse,
  events(facts) {
    if (!isLine(facts)) return []
    const { model, serial, deviceTime, weight: value, unit } = facts
    return [
      { kind: 'device', model: model || null, serial: serial || null, clock: null },
      { kind: 'body-weight', value, unit, deviceTime },
    ]
  },
  privateRanges(frame) {
    const id = /,ID,"([^"]*)"/.exec(latin1(frame))
    return id ? [[id.index + 5, id.index + 5 + id[1]!.length]] : []
  },
  subject: (facts) => (isLine(facts) && !/^0*$/.test(facts.id.trim()) ? facts.id.trim() : undefined),
  async *read(link) {
    while (true) yield* link.tell(await link.receive())
  },
})
