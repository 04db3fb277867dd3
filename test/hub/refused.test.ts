// What devices sent and could not be read, as support finds it.
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { findDriver } from '../../devices/kit/driver.ts'
import { keepRefused, refusedIn } from '../../hub/refused.ts'

const source = { id: 'meter', driver: await findDriver('ascensia-contour'), place: 'serial:/dev/ttyUSB0' }
const at = { wallMs: Date.parse('2026-03-02T00:15:00Z'), uptimeMs: 1, boot: 'b', trusted: true }

let data: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'refused-'))
})
afterEach(() => rmSync(data, { recursive: true }))

it('is there after a restart, in order, for this user alone; a line cut short hides no other', () => {
  expect(refusedIn(data)).toEqual([])
  keepRefused(data, 'Asia/Shanghai')(source, at, Uint8Array.of(1, 2))
  appendFileSync(join(data, 'refused.jsonl'), '{"at":"2026\n')
  keepRefused(data, 'Asia/Shanghai')(source, at, Uint8Array.of(3))
  expect(refusedIn(data)).toEqual([
    { at: '2026-03-02T08:15:00+08:00', device: 'meter', driver: 'ascensia-contour', bytes: '0102' },
    { at: '2026-03-02T08:15:00+08:00', device: 'meter', driver: 'ascensia-contour', bytes: '03' },
  ])
  expect(statSync(join(data, 'refused.jsonl')).mode & 0o777).toBe(0o600)
})

it('a device that sends nothing but nonsense fills no disk, and the newest stays', () => {
  const keep = keepRefused(data, 'Asia/Shanghai')
  for (let n = 0; n < 2000; n++) keep(source, at, new Uint8Array(512).fill(n % 251))
  const bytes = readdirSync(data).reduce((sum, file) => sum + statSync(join(data, file)).size, 0)
  expect(bytes).toBeLessThanOrEqual(512 * 1024)
  expect(refusedIn(data).at(-1)?.bytes).toMatch(new RegExp(`^${(1999 % 251).toString(16).padStart(2, '0')}`, 'i'))
})
