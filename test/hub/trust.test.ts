// Whether a moment of the hub can be believed, on a real outbox and a clock that somebody sets.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Outbox, openOutbox } from '../../hub/outbox.ts'
import { hubTime } from '../../hub/trust.ts'
import { START_MS } from './kiosk.ts'
import { observation } from './records.ts'

const TEN_YEARS_MS = 3650 * 86_400_000
const log = pino({ level: 'silent' })

let folder: string
let outbox: Outbox
let wallMs: number
const machine = { wallMs: () => wallMs, uptimeMs: () => 1_000_000, boot: 'boot-1' }
const reopen = () => {
  outbox.close()
  outbox = openOutbox(join(folder, 'outbox.sqlite'))
}
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trust-'))
  outbox = openOutbox(join(folder, 'outbox.sqlite'))
  wallMs = START_MS
})
afterEach(() => {
  outbox.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('the hub’s time', () => {
  it('of the moment after a jump is not trusted, though nobody looked between', () => {
    const time = hubTime(machine, outbox, log)
    expect(time.now().trusted).toBe(true)
    wallMs -= 3_600_000
    expect(time.now().trusted).toBe(false)
    expect(outbox.untrustedBoots()).toEqual(['boot-1'])
  })

  it('that was believed ten years ahead owes a clock record as soon as the clinic contradicts', () => {
    wallMs += TEN_YEARS_MS
    const time = hubTime(machine, outbox, log)
    outbox.put([observation(null)], time.now())
    expect(outbox.untrustedBoots()).toEqual([])
    time.hear(START_MS)
    expect(time.now().trusted).toBe(false)
    expect(outbox.untrustedBoots()).toEqual(['boot-1'])
  })

  it('that was believed ten years ahead owes a clock record after a restart with the right clock too', () => {
    wallMs += TEN_YEARS_MS
    outbox.put([observation(null)], hubTime(machine, outbox, log).now())
    reopen()
    wallMs = START_MS
    const time = hubTime(machine, outbox, log)
    expect(time.now().trusted).toBe(false)
    time.hear(START_MS)
    expect(time.now().trusted).toBe(true)
    expect(outbox.untrustedBoots()).toEqual(['boot-1'])
  })

  it('tells once that its trust has changed', () => {
    const time = hubTime(machine, outbox, log)
    expect(time.hasChanged()).toBe(true)
    expect(time.hasChanged()).toBe(false)
  })
})
