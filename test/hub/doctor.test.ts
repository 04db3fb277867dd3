// What the doctor finds out by itself: the disk under a folder, and how much of an outbox a mark covers.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { makeAuthority } from '../../dashboard/server/authority.ts'
import type { StoredMark } from '../../hub/contract/stored.ts'
import { certificateFindings } from '../../hub/doctor/certificates.ts'
import { deviceOf } from '../../hub/doctor/disk.ts'
import { openOutbox } from '../../hub/outbox.ts'
import { glance, isHeld } from '../../hub/outbox-file.ts'
import { lasting } from './certificate.ts'
import { at } from './kiosk.ts'
import { observation } from './records.ts'

const folder = mkdtempSync(join(tmpdir(), 'doctor-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('the disk under a folder is that of the longest mount point above it, of two at one point the later', () => {
  const mounts = [
    '21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw',
    '30 21 8:2 / /var rw shared:1 - ext4 /dev/sda2 rw',
    '31 21 8:9 / /var/lib/kiosk rw - ext4 /dev/sda9 rw',
    '32 30 254:0 / /var/lib/kiosk-hub rw - ext4 /dev/mapper/old rw',
    '33 30 254:3 / /var/lib/kiosk-hub rw - ext4 /dev/mapper/data rw',
    '34 21 8:4 / /mnt/a\\040b rw - ext4 /dev/sda4 rw',
  ].join('\n')
  expect(deviceOf(mounts, '/var/lib/kiosk-hub/data')).toEqual({ number: '254:3', source: '/dev/mapper/data' })
  expect(deviceOf(mounts, '/var/lib/kiosk-hubs')).toEqual({ number: '8:2', source: '/dev/sda2' })
  expect(deviceOf(mounts, '/mnt/a b')).toEqual({ number: '8:4', source: '/dev/sda4' })
  expect(deviceOf(mounts, '/srv')).toEqual({ number: '8:1', source: '/dev/sda1' })
  expect(deviceOf('', '/srv')).toBeNull()
})

it('a mark’s rows are counted without those it misses and those of epochs it does not know', () => {
  const path = join(folder, 'counted.sqlite')
  const outbox = openOutbox(path)
  for (let i = 0; i < 10; i++) outbox.put([observation(null)], at(i))
  const mark = (epoch: string): StoredMark => {
    const marks = [{ epoch, through: 8, missing: [[2, 3]] as [number, number][] }]
    return { v: 1, rev: 1, id: 'a mark', at: '2026-03-02T08:00:00+08:00', marks }
  }
  expect(glance(path, mark('another'))).toMatchObject({ rows: 10, waiting: 10, covered: 0 })
  expect(glance(path, mark(outbox.epoch))).toMatchObject({ rows: 10, waiting: 10, covered: 6 })
  outbox.take(mark(outbox.epoch))
  expect(glance(path, mark(outbox.epoch))).toMatchObject({ rows: 10, waiting: 4, covered: 6 })
  outbox.close()
})

it('whether an outbox is open is asked without being noticed', () => {
  const path = join(folder, 'outbox.sqlite')
  expect(isHeld(path)).toBe(false)
  expect(glance(path, null)).toBeNull()
  const outbox = openOutbox(path)
  expect(isHeld(path)).toBe(true)
  expect(glance(path, null)).toEqual({ rows: 0, waiting: 0, oldestMs: null, covered: 0 })
  outbox.close()
  expect(isHeld(path)).toBe(false)
})

it('a certificate is good, soon to end, ended or not yet begun; the clinic’s own have no end', async () => {
  const states = (ca: string, ...days: string[]) =>
    days.map((day) => certificateFindings({ url: 'mqtts://broker', username: 'K01', ca }, Date.parse(day))[0]?.state)
  const certificate = await lasting('2026-01-01', '2036-01-01')
  const days = ['2026-03-02', '2035-12-01', '2036-01-02', '1970-01-01']
  expect(states(certificate, ...days)).toEqual(['ok', 'look', 'broken', 'broken'])
  expect(states((await makeAuthority()).certificate, ...days)).toEqual(['ok', 'ok', 'ok', 'ok'])
  expect(states('-----BEGIN X-----\nno', '2026-03-02')).toEqual(['broken'])
})
