// The outbox file gone, cut, overwritten or put back from before: what can be read goes on, the rest is counted and said.
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Outbox } from '../../hub/outbox.ts'
import { openOutbox } from '../../hub/outbox.ts'
import { isDamage, OutboxDamaged } from '../../hub/outbox-file.ts'
import { at } from './kiosk.ts'
import { observation } from './records.ts'

const PAGE = 4096

let folder: string
let path: string
let outbox: Outbox
const opened = new Set<Outbox>()
const open = () => {
  outbox = openOutbox(path)
  opened.add(outbox)
  return outbox
}
const close = () => {
  outbox.close()
  opened.delete(outbox)
}
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'salvage-'))
  path = join(folder, 'outbox.sqlite')
})
afterEach(() => {
  for (const one of opened) one.close()
  opened.clear()
  rmSync(folder, { recursive: true, force: true })
})

const put = (n: number) => {
  for (let i = 0; i < n; i++) outbox.put([observation(`r${outbox.end().seq + 1}-${outbox.epoch.slice(0, 8)}`)], at(i))
}
const numbers = () => outbox.waiting({ opening: 0, seq: 0 }, 100_000).map(({ epoch, seq }) => `${epoch}:${seq}`)
const overwrite = (position: number, bytes: Uint8Array) => {
  const file = openSync(path, 'r+')
  writeSync(file, bytes, 0, bytes.length, position)
}
const markOf = (through: number, rev = 1) => ({
  v: 1 as const,
  rev,
  id: `m${rev}`,
  at: '2026-03-02T08:15:00Z',
  marks: [{ epoch: outbox.epoch, through, missing: [] }],
})

/** As a service manager does: a hub that ends by a damaged file is started again. */
function openAsOften(): Outbox {
  for (let starts = 0; starts < 3; starts++) {
    try {
      open()
      outbox.waiting({ opening: 0, seq: 0 }, 100_000)
      return outbox
    } catch (error) {
      if (!isDamage(error)) throw error
      close()
    }
  }
  throw new Error('the outbox could not be opened')
}

/** What the hub says and what is there must agree. */
function expectCounted(before: readonly string[], cause: string) {
  const { damage } = outbox.state()
  const here = new Set(numbers())
  const gone = before.filter((number) => !here.has(number)).length
  expect(damage).toMatchObject({ cause, destroyed: gone })
  return { gone, kept: before.length - gone, damage: damage! }
}

describe('an outbox file', () => {
  it('that is gone is begun anew, and what waited in it is counted, without what the clinic has', () => {
    open()
    put(30)
    outbox.take(markOf(10))
    put(5)
    close()
    for (const part of ['', '-wal', '-shm']) rmSync(path + part, { force: true })
    open()
    expect(outbox.state()).toMatchObject({
      queued: 0,
      damage: { cause: 'gone', destroyed: 25, salvaged: 0, aside: null },
    })
  })

  it('that is new says nothing of a loss', () => {
    open()
    put(1)
    close()
    open()
    expect(outbox.state().damage).toBeNull()
  })

  it('that was put back from before tells how many rows are missing in it', () => {
    open()
    put(20)
    close()
    copyFileSync(path, `${path}.before`)
    open()
    put(12)
    outbox.take(markOf(5))
    close()
    renameSync(`${path}.before`, path)
    for (const part of ['-wal', '-shm']) rmSync(path + part, { force: true })
    open()
    expect(outbox.state()).toMatchObject({ queued: 20, damage: { cause: 'older', destroyed: 7, salvaged: 20 } })
  })

  it('cut short gives what is left, under its own numbers', () => {
    open()
    put(400)
    close()
    open()
    put(100)
    const before = numbers()
    close()
    truncateSync(path, Math.floor((statSync(path).size * 0.6) / PAGE) * PAGE)
    openAsOften()
    const { gone, kept, damage } = expectCounted(before, 'damaged')
    expect(gone).toBeGreaterThan(0)
    expect(kept).toBeGreaterThan(50)
    expect(existsSync(damage.aside!)).toBe(true)
  })

  it('cut in the middle of its first page is begun anew, and everything that waited is counted', () => {
    open()
    put(50)
    const before = numbers()
    close()
    truncateSync(path, 1000)
    openAsOften()
    expect(expectCounted(before, 'damaged')).toMatchObject({ gone: 50 })
  })

  it('with any one page overwritten loses no more than what lay on it and behind it, and says how much', () => {
    open()
    put(150)
    const before = numbers()
    close()
    const whole = readFileSync(path)
    const tally = readFileSync(`${path}.tally`)
    let kept = 0
    for (let page = 1; page < whole.length / PAGE; page++) {
      for (const name of readdirSync(folder)) rmSync(join(folder, name))
      writeFileSync(path, whole)
      writeFileSync(`${path}.tally`, tally)
      overwrite(
        page * PAGE,
        Uint8Array.from({ length: PAGE }, (_, i) => whole[page * PAGE + i]! ^ 0xff),
      )
      openAsOften()
      const { damage } = outbox.state()
      const here = new Set(numbers())
      const gone = before.filter((number) => !here.has(number)).length
      expect(gone, `page ${page}`).toBe(damage?.destroyed ?? 0)
      kept += before.length - gone
      close()
    }
    open()
    expect(kept / (whole.length / PAGE - 1)).toBeGreaterThan(100)
  })

  it('with one bit of a reading turned is not believed: the reading is counted as lost, not sent changed', () => {
    open()
    put(40)
    const before = numbers()
    close()
    const text = readFileSync(path)
    const place = text.indexOf('"systolic":124', text.length / 2) + '"systolic":12'.length
    overwrite(place, Uint8Array.of(text[place]! ^ 1))
    open()
    expect(() => outbox.waiting({ opening: 0, seq: 0 }, 1000)).toThrow(OutboxDamaged)
    close()
    openAsOften()
    expect(expectCounted(before, 'damaged')).toMatchObject({ gone: 1 })
  })

  it('is mended to the end by the next hub when one dies half-way', () => {
    open()
    put(40)
    const before = numbers()
    close()
    truncateSync(path, 1000)
    openAsOften()
    close()
    // As if it had died before the fresh file took the place of the damaged one.
    const aside = `${path}.aside-1`
    renameSync(path, `${path}.fresh`)
    renameSync(aside, path)
    open()
    expect(expectCounted(before, 'damaged')).toMatchObject({ gone: 40 })
    expect(readdirSync(folder).filter((name) => /fresh|building|damaged$/.test(name))).toEqual([])
  })

  it('is said to be damaged until the report beside it is removed', () => {
    open()
    put(3)
    close()
    rmSync(path)
    open()
    expect(outbox.state().damage).not.toBeNull()
    rmSync(`${path}.damage.json`)
    expect(outbox.state().damage).toBeNull()
  })
})
