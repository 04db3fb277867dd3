// The clinic's commands at the hub, on a real outbox: the list, the deadline, the key, and what erasing leaves.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Command } from '../../hub/contract/command.ts'
import { HubRecord } from '../../hub/contract/record.ts'
import { obey } from '../../hub/obey.ts'
import type { Draft } from '../../hub/observe.ts'
import { type Outbox, openOutbox } from '../../hub/outbox.ts'
import { at, START_MS } from './kiosk.ts'
import { observation } from './records.ts'

const SEALED = 'c2VhbGVkLWlkZW50aXR5'
const alias = (n: number) => String(n).repeat(64)
const clock = (trusted = true) => ({ trusted, boot: 'boot-1', uptimeMs: 1000, deviceOffsetSeconds: null })

let folder: string
let outbox: Outbox
let log: string[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'obey-'))
  outbox = openOutbox(join(folder, 'outbox.sqlite'))
  log = []
})
afterEach(() => {
  outbox.close()
  rmSync(folder, { recursive: true, force: true })
})

const visit = (id: string, n: number): Draft => ({
  type: 'visit',
  id,
  hub: 'K01',
  openedAt: '2026-03-02T08:15:00+08:00',
  clock: clock(),
  subject: { hub: 'K01', alias: alias(n) },
  sealed: `${SEALED}${n}`,
})
const reading = (id: string, n: number, changed: Partial<Draft> = {}) =>
  ({ ...observation(id), subject: { hub: 'K01', alias: alias(n) }, flags: [], ...changed }) as Draft
const failure = (id: string, of: string): Draft => ({
  ...{ type: 'failure', id, hub: 'K01', visit: of, at: '2026-03-02T08:15:00+08:00', clock: clock() },
  ...{ of: 'blood-pressure', code: 'E44', reason: 'movement', device: null },
})

const say = (text: string | Buffer, now = at(100)) =>
  obey(Buffer.from(text), {
    ...{ hub: 'K01', zone: 'Asia/Shanghai', outbox, now: () => now },
    log: pino({ base: null }, { write: (line) => void log.push(line) }),
  })
const erase = (changed: object = {}, key = 'key-1', deadlineS = 400): string => {
  const before = new Date(START_MS + 50_000).toISOString()
  const command = { name: 'erase', aliases: [], ids: [], before, ...changed } as Command['command']
  return JSON.stringify({ v: 1, key, deadline: new Date(START_MS + deadlineS * 1000).toISOString(), command })
}
const rows = () => outbox.waiting({ opening: 0, seq: 0 }, 1000)
const records = () => rows().map(({ body }) => HubRecord.parse(JSON.parse(body)))
const everyByte = () => readdirSync(folder).map((file) => readFileSync(join(folder, file), 'latin1'))

describe('erase', () => {
  it('takes everything of a person from the file, free pages too, and leaves every number', () => {
    const many = Array.from({ length: 200 }, (_, n) => reading(`theirs-${n}`, 1))
    outbox.put([visit('visit-1', 1), ...many, failure('fail-1', 'visit-1')], at(0))
    outbox.put([visit('visit-2', 2), reading('others', 2), failure('fail-2', 'visit-2')], at(1))
    outbox.put([observation('given-by-staff'), observation('nobodys')], at(2))
    const before = rows().map(({ seq }) => seq)
    expect(say(erase({ aliases: [alias(1)], ids: ['given-by-staff'] }))).toMatchObject({
      key: 'key-1',
      outcome: 'done',
    })
    expect(rows().map(({ seq }) => seq)).toEqual(before)
    expect(records().slice(202)).toMatchObject([
      { id: 'visit-2', sealed: `${SEALED}2` },
      { id: 'others' },
      { id: 'fail-2' },
      { type: 'failure', of: 'outbox', code: 'erased' },
      { id: 'nobodys' },
    ])
    for (const text of everyByte())
      for (const trace of [alias(1), `${SEALED}1`, 'theirs-7', 'visit-1', 'fail-1', 'given-by-staff'])
        expect(text).not.toContain(trace)
  })

  it('leaves a guest where somebody stood, so that a reading is not taken for the next one’s', () => {
    outbox.put([visit('visit-1', 1)], at(0))
    say(erase({ aliases: [alias(1)] }))
    expect(records()).toMatchObject([
      { type: 'visit', openedAt: '2026-03-02T08:15:00+08:00', subject: null, sealed: null },
    ])
    expect(outbox.lastVisits(5)).toHaveLength(1)
  })

  it('spares what the same person measured since, but nothing under a clock that was not trusted', () => {
    outbox.put([reading('old', 1)], at(0))
    outbox.put([reading('new', 1)], at(60))
    outbox.put([reading('no-clock', 1, { clock: clock(false) } as Partial<Draft>)], { ...at(61), trusted: false })
    say(erase({ aliases: [alias(1)] }))
    expect(records().map(({ id }) => id)).toEqual([
      expect.stringMatching(/^erased-/),
      'new',
      expect.stringMatching(/^erased-/),
    ])
  })

  it('is done once under its key, and answered as often as it comes', () => {
    outbox.put([reading('old', 1)], at(0))
    const first = say(erase({ aliases: [alias(1)] }))
    outbox.put([reading('late', 1)], at(1))
    expect(say(erase({ aliases: [alias(1)] }))).toEqual(first)
    expect(records().map(({ id }) => id)).toContain('late')
    say(erase({ aliases: [alias(1)] }, 'key-2'))
    expect(records().map(({ id }) => id)).not.toContain('late')
  })

  it('keeps what the mark said of a row: a covered row stays covered', () => {
    outbox.put([reading('old', 1), observation('other')], at(0))
    outbox.take({
      v: 1,
      rev: 1,
      id: 'm',
      at: '2026-03-02T00:20:00Z',
      marks: [{ epoch: outbox.epoch, through: 1, missing: [] }],
    })
    say(erase({ aliases: [alias(1)] }))
    expect(outbox.state()).toMatchObject({ queued: 1, epochs: [{ first: 1, last: 2 }] })
  })
})

describe('a command', () => {
  it('after its deadline is not done, and says so; a clock nobody trusts stops nobody from being forgotten', () => {
    outbox.put([reading('old', 1)], at(0))
    const late = erase({ aliases: [alias(1)] }, 'key-1', 60)
    expect(say(late)).toMatchObject({ outcome: 'late' })
    expect(records()[0]?.id).toBe('old')
    expect(say(late, { ...at(100), trusted: false })).toMatchObject({ outcome: 'done' })
    expect(records()[0]?.id).not.toBe('old')
  })

  it('that is not on the list is refused by its key', () => {
    for (const command of [{ name: 'reboot' }, { name: 'erase', aliases: ['not-an-alias'], ids: [], before: 'now' }])
      expect(say(JSON.stringify({ ...JSON.parse(erase()), command }))).toMatchObject({
        key: 'key-1',
        outcome: 'refused',
      })
  })

  it('without a key, or no JSON at all, is ignored and its content is not logged', () => {
    for (const text of ['', '{"v":', '{"v":1,"who":"甲乙丙"}', Buffer.from([0xff, 0x00])]) expect(say(text)).toBeNull()
    expect(log).toHaveLength(4)
    expect(log.join()).not.toContain('甲乙丙')
  })
})
