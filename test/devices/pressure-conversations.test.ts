// The conversations of asked cuffs, against scripted ones in memory: what is told, what is asked again, what is never said.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fromHex, hex, latin1, sum } from '../../devices/kit/bytes.ts'
import { findDriver } from '../../devices/kit/driver.ts'
import { captureOf, converse, joined } from './wire.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a Beurer with a record of nonsense in its memory tells those before and behind it', async () => {
  const beurer = await findDriver('beurer-bm55')
  const [, hello, , , , first, , second] = captureOf(beurer).scenes[0]!.steps.map((step) => step.bytes)
  const records = [first!, fromHex('5f35470511ff2a15'), second!]
  const { events, written, ended } = await converse(beurer, 20, ([command, n], say) => {
    if (command === 0xaa) say(hello!)
    else if (command === 0xa2) say(fromHex('03f4f4f4f4f4f4f4'))
    else say(records[n! - 1]!)
  })
  expect(events.slice(1)).toEqual(captureOf(beurer).scenes[0]!.steps.flatMap((step) => step.events))
  expect(written.some(([command]) => command === 0xf7 || command === 0xf6)).toBe(false)
  expect(ended).toBe('still talking')
})

test('a SunTech module never tells the result that stood there when it was opened, and tells each one after it', async () => {
  const suntech = await findDriver('suntech-oem')
  const result = (systolic: number, beats: number) => {
    const bytes = Uint8Array.of(0x3e, 24, systolic, 0, 74, 0, beats, 1, 0, 0, 0, 0, 0, 0, 0, 0, 85, 0, 88, 0, 0, 0, 0)
    return Uint8Array.of(...bytes, -sum(bytes) & 0xff)
  }
  const rest = fromHex('3e050000bd')
  const pumping = fromHex('3e05b40009')
  let shown = { cuff: rest, said: result(150, 30) }
  const show = (second: number, change: Partial<typeof shown>) =>
    setTimeout(() => {
      shown = { ...shown, ...change }
    }, second * 1000)
  show(5, { cuff: pumping })
  show(15, { cuff: rest })
  show(18, { said: result(120, 31) })
  show(40, { cuff: pumping })
  show(50, { cuff: rest }) // and nothing new comes
  const { events, written } = await converse(suntech, 90, (asked, say) => say(asked[2] === 5 ? shown.cuff : shown.said))
  expect(events.filter((event) => event.kind !== 'progress')).toEqual([
    expect.objectContaining({ kind: 'blood-pressure', systolic: 120, deviceTime: null }),
    { kind: 'failure', of: 'blood-pressure', code: 'unchanged', reason: 'not-determined' },
  ])
  expect(events.some((event) => event.kind === 'progress' && event.pressure === 180)).toBe(true)
  expect(new Set(written.map(hex))).toEqual(new Set(['3a79050048', '3a7903004a']))
})

test('an Omron that is busy is asked again, and its zeros once more', async () => {
  const omron = await findDriver('omron-hem790it')
  const { steps } = captureOf(omron).scenes[0]!
  const said = steps.filter((step) => step.from === 'device').map((step) => step.bytes)
  const [version, count, record] = [joined(said.slice(0, 3)), joined(said.slice(3, 5)), joined(said.slice(5, 8))]
  const none = fromHex('074f4b00000000000100000000000000')
  const zeros = fromHex('074f4b0000000000 0700000000000000 0300000000000000')
  let [busy, answers] = [3, [zeros, record]]
  let question = ''
  const { events } = await converse(omron, 20, (report, say) => {
    question += latin1(report.subarray(1, 1 + report[0]!))
    if (report[0] === 7) return
    const asked = question
    question = ''
    if (/^\0+$/.test(asked)) say(fromHex('024f4b0000000000'))
    else if (busy-- > 0) say(fromHex('024e4f0000000000'))
    else if (asked.startsWith('VER')) say(version)
    else if (asked.startsWith('GDC')) say(asked.charCodeAt(4) === 0 ? count : none)
    else say(answers.shift()!)
  })
  expect(events).toEqual([
    { kind: 'device', model: 'M7080IT 207', serial: null, clock: null },
    ...steps.flatMap((step) => step.events),
  ])
})
