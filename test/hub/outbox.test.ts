// The outbox on real files: numbers, marks, purge, a full disk, two hubs on one file, and power cuts.
import { execFileSync, fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StoredMark } from '../../hub/contract/stored.ts'
import type { Draft } from '../../hub/observe.ts'
import { type Outbox, openOutbox } from '../../hub/outbox.ts'
import { wireText } from '../../hub/wire.ts'
import { at } from './kiosk.ts'
import { observation } from './records.ts'

/** As it is built: a process of its own needs it so. */
const OUTBOX = new URL('../../dist/hub/outbox.js', import.meta.url).href

let folder: string
let path: string
const opened: Outbox[] = []
const open = (options?: { keepDays?: number }) => {
  const outbox = openOutbox(path, options)
  opened.push(outbox)
  return outbox
}
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outbox-'))
  path = join(folder, 'outbox.sqlite')
})
afterEach(() => {
  for (const outbox of opened.splice(0)) outbox.close()
  rmSync(folder, { recursive: true, force: true })
})

const reopen = (outbox: Outbox) => {
  opened.splice(opened.indexOf(outbox), 1)
  outbox.close()
  return open()
}
const all = (outbox: Outbox) => outbox.waiting({ opening: 0, seq: 0 }, 100_000)
const numbers = (outbox: Outbox) => all(outbox).map(({ epoch, seq }) => `${epoch}:${seq}`)
let rev = 0
const mark = (marks: StoredMark['marks'], day = 1): StoredMark => {
  rev++
  return { v: 1, rev, id: `mark-${rev}`, at: new Date(Date.UTC(2026, 2, day)).toISOString(), marks }
}
const put = (outbox: Outbox, n: number) => {
  for (let i = 0; i < n; i++) outbox.put([observation(null)], at(i))
}

describe('a row', () => {
  it('is numbered from 1 in an epoch of its own at every opening, and keeps its number', () => {
    const first = open()
    put(first, 2)
    const second = reopen(first)
    put(second, 1)
    expect(second.epoch).not.toBe(first.epoch)
    expect(numbers(second)).toEqual([`${first.epoch}:1`, `${first.epoch}:2`, `${second.epoch}:1`])
    expect(second.state().epochs).toEqual([
      { epoch: first.epoch, first: 1, last: 2 },
      { epoch: second.epoch, first: 1, last: 1 },
    ])
  })

  it('of several arrivals is kept in one transaction with its own time: all of them or none', () => {
    const outbox = open()
    const together = [0, 5].map((n) => ({ drafts: [observation(null)], at: at(n) }))
    outbox.putAll(together)
    expect(all(outbox).map(({ seq, madeMs }) => [seq, madeMs])).toEqual([
      [1, Math.floor(at(0).wallMs)],
      [2, Math.floor(at(5).wallMs)],
    ])
    const bad = { ...observation(null), type: null } as unknown as Draft
    expect(() => outbox.putAll([...together, { drafts: [bad], at: at(9) }])).toThrow(/NOT NULL/)
    expect(all(outbox)).toHaveLength(2)
    put(outbox, 1)
    expect(all(outbox).map(({ seq }) => seq)).toEqual([1, 2, 3])
  })

  it('of a live reading gets a fresh id, so two equal readings are two', () => {
    const outbox = open()
    const kept = outbox.put([observation(null), observation(null)], at(0))
    expect(new Set(kept.map(({ record }) => ('id' in record ? record.id : ''))).size).toBe(2)
  })

  it('of a memory read again is refused silently and takes no number (FC-32)', () => {
    const outbox = open()
    outbox.put([observation('same')], at(0))
    expect(outbox.put([observation('same'), observation('other')], at(1)).map(({ isNew }) => isNew)).toEqual([
      false,
      true,
    ])
    expect(all(outbox).map(({ seq }) => seq)).toEqual([1, 2])
    expect(reopen(outbox).put([observation('same')], at(2))[0]?.isNew).toBe(false)
  })

  it('of an undated memory read again is refused, after a restart too; of a doubt it says so', () => {
    const undated = (...values: number[]) =>
      values.map((value): Draft => ({ ...observation(null), memory: true, values: { systolic: value, diastolic: 78 } }))
    const kept = (outbox: Outbox, memory: string, ...values: number[]) =>
      outbox.putUndated(memory, undated(...values), at(0)).map(({ record }) => ({
        is: record.type === 'observation' ? record.values.systolic : null,
        doubtful: record.type === 'observation' && record.flags.includes('doubtful-repeat'),
      }))
    const first = open()
    expect(kept(first, 'M1', 121, 122, 123)).toHaveLength(3)
    const second = reopen(first)
    expect(kept(second, 'M1', 121, 122, 123)).toEqual([])
    // Full: it overwrote one value by its equal.
    expect(kept(second, 'M1', 122, 123, 121)).toEqual([
      { is: 122, doubtful: true },
      { is: 123, doubtful: true },
      { is: 121, doubtful: true },
    ])
    expect(kept(second, 'M2', 124, 126)).toHaveLength(2)
    const third = reopen(second)
    expect(kept(third, 'M2', 125, 124, 126)).toEqual([{ is: 125, doubtful: false }])
    expect(all(third)).toHaveLength(9)
  })

  it('that cannot be sent as it is travels as a failure under its own number', () => {
    const outbox = open()
    outbox.put([{ ...observation('broken'), values: { systolic: Number.NaN } } as Draft, observation('sound')], at(0))
    const reasons: string[] = []
    const texts = all(outbox).map((row) => JSON.parse(wireText(row, 'K01', (reason) => reasons.push(reason))))
    expect(texts.map(({ type }) => type)).toEqual(['failure', 'observation'])
    expect(texts[0]).toMatchObject({ of: 'outbox', reason: 'unserialisable' })
    expect(reasons).toHaveLength(1)
  })
})

describe('a stored mark', () => {
  it('covers what it says, and what it lists as missing waits', () => {
    const outbox = open()
    put(outbox, 6)
    expect(outbox.take(mark([{ epoch: outbox.epoch, through: 5, missing: [[2, 3]] }]))).toMatchObject({ covered: 3 })
    expect(all(outbox).map(({ seq }) => seq)).toEqual([2, 3, 6])
    expect(outbox.state().queued).toBe(3)
  })

  it('is the whole truth: what a newer one does not cover waits again', () => {
    const outbox = open()
    put(outbox, 5)
    outbox.take(mark([{ epoch: outbox.epoch, through: 5, missing: [] }]))
    expect(outbox.take(mark([{ epoch: outbox.epoch, through: 2, missing: [[1, 1]] }]))).toMatchObject({ uncovered: 4 })
    expect(all(outbox).map(({ seq }) => seq)).toEqual([1, 3, 4, 5])
  })

  it('that is not newer is ignored, after a restart too', () => {
    const outbox = open()
    put(outbox, 1)
    const old = mark([{ epoch: outbox.epoch, through: 1, missing: [] }])
    const newer = mark([{ epoch: outbox.epoch, through: 0, missing: [] }])
    expect(outbox.take(newer)).not.toBeNull()
    expect(outbox.take(old)).toBeNull()
    expect(reopen(outbox).take(old)).toBeNull()
  })

  it('does not speak of epochs it does not name', () => {
    const first = open()
    put(first, 2)
    first.take(mark([{ epoch: first.epoch, through: 1, missing: [] }]))
    const second = reopen(first)
    put(second, 1)
    second.take(mark([{ epoch: second.epoch, through: 1, missing: [] }]))
    expect(numbers(second)).toEqual([`${first.epoch}:2`])
  })
})

describe('purging', () => {
  const through = (outbox: Outbox, n: number, day: number, missing: [number, number][] = []) =>
    outbox.take(mark([{ epoch: outbox.epoch, through: n, missing }], day))

  it('takes rows only 30 days of the marks’ own time after the first that covered them', () => {
    const outbox = open()
    put(outbox, 3)
    through(outbox, 2, 1)
    through(outbox, 3, 15)
    expect(through(outbox, 3, 30)?.purged).toBe(0)
    expect(through(outbox, 3, 31)?.purged).toBe(2)
    expect(outbox.state().epochs).toEqual([{ epoch: outbox.epoch, first: 3, last: 3 }])
    expect(through(outbox, 3, 45)?.purged).toBe(1)
  })

  it('goes from the front of an epoch only, and never takes a row that waits', () => {
    const outbox = open()
    put(outbox, 4)
    through(outbox, 4, 1, [[2, 2]])
    expect(through(outbox, 4, 60, [[2, 2]])?.purged).toBe(1)
    expect(outbox.state().epochs).toEqual([{ epoch: outbox.epoch, first: 2, last: 4 }])
    expect(all(outbox).map(({ seq }) => seq)).toEqual([2])
  })

  it('counts anew when a mark had taken its word back', () => {
    const outbox = open()
    put(outbox, 1)
    through(outbox, 1, 1)
    through(outbox, 0, 20)
    expect(through(outbox, 1, 40)?.purged).toBe(0)
    expect(through(outbox, 1, 60)?.purged).toBe(0)
    expect(through(outbox, 1, 70)?.purged).toBe(1)
  })
})

describe('what can go wrong with the file', () => {
  it('a second hub on it is turned away with the reason', () => {
    open()
    expect(() => openOutbox(path)).toThrow(/another hub has this outbox open/)
  })

  it('a full disk keeps nothing of a call, says so, and takes rows again when there is room', () => {
    // A limit on file size fails a write as a full disk does, and needs neither root nor a disk of its own.
    const child = join(folder, 'full.mjs')
    writeFileSync(
      child,
      `import { execFileSync } from 'node:child_process'
       import { openOutbox } from '${OUTBOX}'
       const limit = (bytes) => execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=' + bytes + ':unlimited'])
       const outbox = openOutbox(process.argv[2])
       const observation = { ...${JSON.stringify(observation(null))}, raw: '00'.repeat(4000) }
       const now = { wallMs: 1.8e12, uptimeMs: 1, boot: 'b', trusted: true }
       const put = (n) => {
         try { return outbox.put(Array(n).fill(observation), now).length } catch (error) { return error.name }
       }
       const said = [put(1)]
       limit(150_000)
       said.push(put(50), outbox.state().queued, outbox.writable())
       limit('unlimited')
       said.push(outbox.writable(), put(50), outbox.waiting({ opening: 0, seq: 0 }, 100).map(({ seq }) => seq).join())
       process.stdout.write(JSON.stringify(said))`,
    )
    const run = `trap '' XFSZ; exec "$@"` // a process that ignores this signal gets the error instead
    const said = JSON.parse(
      execFileSync('bash', ['-c', run, 'bash', process.execPath, child, path], { encoding: 'utf8' }),
    )
    const order = Array.from({ length: 51 }, (_, i) => i + 1).join()
    expect(said).toEqual([1, 'OutboxFull', 1, expect.any(Boolean), true, 50, order])
  })

  it('a boot whose clock was not trusted is remembered until its clock record is kept', () => {
    const outbox = open()
    const clock = { trusted: false, boot: 'boot-1', uptimeMs: 5, deviceOffsetSeconds: null }
    outbox.put([{ ...observation(null), clock }], { ...at(0), trusted: false })
    const again = reopen(outbox)
    expect(again.untrustedBoots()).toEqual(['boot-1'])
    const instant = '2026-03-02T08:15:00+08:00'
    again.put([{ type: 'clock', id: 'c1', hub: 'K01', boot: 'boot-1', uptimeMs: 9, instant }], at(1))
    expect(again.untrustedBoots()).toEqual([])
  })

  it('a power cut at any moment loses no row that was ticked, and doubles none', { timeout: 60_000 }, async () => {
    const child = join(folder, 'child.mjs')
    writeFileSync(
      child,
      `import { openOutbox } from '${OUTBOX}'
       const outbox = openOutbox(process.argv[2])
       const observation = ${JSON.stringify(observation(null))}
       const now = { wallMs: 1.8e12, uptimeMs: 1, boot: 'b', trusted: true }
       for (;;) {
         const ticked = outbox.put([observation, observation], now).map(({ record }) => record.id)
         await new Promise((resolve) => process.send(ticked, resolve))
       }`,
    )
    const ticked: string[] = []
    for (let round = 0; round < 8; round++) {
      const hub = fork(child, [path])
      hub.on('message', (ids) => ticked.push(...(ids as string[])))
      const gone = new Promise((resolve) => hub.once('exit', resolve))
      await new Promise<void>((resolve) => hub.once('message', () => resolve()))
      await new Promise((resolve) => setTimeout(resolve, round * 7)) // another instant each time
      hub.kill('SIGKILL')
      await gone
    }
    const db = new Database(path, { readonly: true })
    const kept = db
      .prepare<[], { id: string }>('SELECT id FROM rows')
      .all()
      .map(({ id }) => id)
    db.close()
    expect(ticked.length).toBeGreaterThan(16)
    const lost = ticked.filter((id) => !kept.includes(id))
    expect(lost).toEqual([])
    expect(new Set(kept).size).toBe(kept.length)
    expect(new Set(numbers(open())).size).toBe(kept.length)
  })
})
