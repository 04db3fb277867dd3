// Memories without dates, read again and again: nothing lost, and what is kept twice says so.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Draft, Session } from '../../hub/observe.ts'
import { align, type Known, MemoryReads } from '../../hub/undated.ts'
import { at } from './kiosk.ts'
import { observation } from './records.ts'

const print = (value: number | string) => JSON.stringify([value])
const prints = (text: string) => [...text].map(print)
const knownOf = (text: string) => align(null, prints(text)).known
const marks = (known: string, read: string) =>
  align(knownOf(known), prints(read))
    .marks.map((mark) => mark[0])
    .join('')

describe('a memory read again', () => {
  it('unchanged adds nothing', () => expect(marks('cba', 'cba')).toBe('kkk'))
  it('adds what is new, told newest or oldest first', () => {
    expect(marks('cba', 'edcba')).toBe('nnkkk')
    expect(marks('abc', 'abcde')).toBe('kkknn')
  })
  it('that is full and overwrote an equal value loses nothing', () => {
    expect(marks('abca', 'dabc')).toBe('nkkk')
    expect(marks('cbab', 'bcba')).not.toContain('k'.repeat(4))
  })
  it('of equal values keeps the doubt, flagged', () => expect(marks('aaa', 'aaa')).toBe('ddd'))
  it('cut short keeps what may be new, flagged; a date in it settles the doubt', () => {
    expect(marks('cba', 'c')).toBe('d')
    const dated = { prints: ['0d', print('b'), print('a')], read: 3, kept: 3 }
    expect(align(dated, [print('b'), '0d']).marks).toEqual(['new', 'known'])
  })
})

const Order = fc.record({
  newestFirst: fc.boolean(),
  size: fc.integer({ min: 1, max: 7 }),
  letters: fc.integer({ min: 1, max: 4 }),
  dates: fc.boolean(),
  steps: fc.array(
    fc.record({
      grow: fc.array(fc.record({ value: fc.nat(3), dated: fc.boolean() }), { maxLength: 7 }),
      cut: fc.option(fc.nat(7), { nil: null, freq: 2 }),
    }),
    { minLength: 1, maxLength: 10 },
  ),
})

it('of 30,000 random ring memories none loses a reading, and of a doubled one all but one are flagged', {
  timeout: 120_000,
}, () => {
  let settled = 0
  fc.assert(
    fc.property(Order, ({ newestFirst, size, letters, dates, steps }) => {
      let memory: { no: number; print: string }[] = [] // oldest first
      let known: Known | null = null
      let made = 0
      let unseen = 0
      const kept = new Map<number, string[]>()
      for (const { grow, cut } of steps) {
        for (const { value, dated } of known ? grow.slice(0, Math.max(0, known.read - 1 - unseen)) : grow) {
          memory = [...memory, { no: made, print: dates && dated ? `${made}` : print(value % letters) }].slice(-size)
          made++
          unseen++
        }
        const told = (newestFirst ? memory.toReversed() : memory).slice(0, cut ?? memory.length)
        if (told.length === 0) continue
        const found = align(
          known,
          told.map((record) => record.print),
        )
        if (found.known !== known) unseen = 0
        known = found.known
        for (const [i, { no }] of told.entries()) {
          const mark = found.marks[i]!
          if (mark === 'known') settled++
          if (mark === 'known') expect(kept.has(no), 'lost').toBe(true)
          else kept.set(no, [...(kept.get(no) ?? []), mark])
        }
        for (const all of kept.values()) expect(all.filter((mark) => mark === 'new').length).toBeLessThan(2)
      }
    }),
    { numRuns: 30_000 },
  )
  expect(settled, 'a rule that keeps everything twice would pass too').toBeGreaterThan(40_000)
})

describe('one read of a memory', () => {
  const gather = () => {
    const ended: (readonly Draft[])[] = []
    const reads = new MemoryReads((_, drafts) => ended.push(drafts))
    const tell = (session: Session, seconds: number, draft = observation(null)) =>
      reads.tell('meter', 'memory', session, [draft], at(seconds))
    return { ended, reads, tell }
  }
  const info = { kind: 'device', model: null, serial: 'S1', clock: null } as const

  it('ends when the device introduces itself again, or begins another conversation', () => {
    const { ended, tell } = gather()
    const session = new Session()
    session.learn(info, at(0))
    tell(session, 0)
    tell(session, 1)
    session.learn(info, at(2))
    tell(session, 2)
    tell(new Session(), 3)
    expect(ended.map((drafts) => drafts.length)).toEqual([2, 1])
  })

  it('ends when the device falls silent; what it tells later comes with all it told before', () => {
    const { ended, reads, tell } = gather()
    const session = new Session()
    tell(session, 0)
    reads.endQuiet(at(10))
    expect(ended).toEqual([])
    reads.endQuiet(at(20))
    reads.endQuiet(at(21))
    tell(session, 22)
    reads.endAll()
    expect(ended.map((drafts) => drafts.length)).toEqual([1, 2])
  })
})
