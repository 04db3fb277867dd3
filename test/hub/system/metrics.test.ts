// GET /metrics of both programs: what is counted in a real house, and who may read it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mayRead } from '../../../hub/system/metrics.ts'
import { openTestClinic } from '../../dashboard/api/clinic.ts'
import { type House, HUB, house } from '../../journeys/house.ts'
import { until } from '../../servers.ts'
import { startClinic, startHub } from './alone.ts'

/** `name{labels}` → value. */
async function figures(url: string): Promise<Record<string, number>> {
  const answer = await fetch(new URL('metrics', url))
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  const lines = (await answer.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

describe('in a house with one cuff', () => {
  let there: House
  beforeAll(async () => {
    there = await house({ parts: 'embedded', devices: { cuff: 'and-tm2657' } })
  })
  afterAll(() => there.close())
  const hub = () => figures(there.hub.ready.url)
  const clinic = () => figures(there.clinic.ready.url)

  it('a reading is accepted by the hub, accepted by the clinic, written to the series, and kept by nobody any more', async () => {
    const { cuff } = there.devices
    await cuff!.say({ measure: { systolic: 127, diastolic: 76, pulse: 78 }, after: 10 })
    await until(
      'the reading to be in the series',
      async () => (await clinic()).kiosk_clinic_readings_written_total === 1,
    )
    await until('the mark', async () => (await hub()).kiosk_hub_records_written_total === 1)
    expect(await hub()).toMatchObject({
      'kiosk_hub_records_accepted_total{type="observation"}': 1,
      kiosk_hub_records_kept: 0,
      kiosk_hub_oldest_kept_age_seconds: 0,
      kiosk_hub_broker_up: 1,
      kiosk_hub_disk_full: 0,
      'kiosk_hub_device_up{device="cuff"}': 1,
      'kiosk_hub_device_events_total{device="cuff"}': 1,
    })
    expect(await clinic()).toMatchObject({
      [`kiosk_clinic_records_accepted_total{hub="${HUB}"}`]: 1,
      [`kiosk_clinic_records_rejected_total{hub="${HUB}"}`]: 0,
      kiosk_clinic_readings_kept: 0,
      'kiosk_clinic_part_up{part="registry"}': 1,
      'kiosk_clinic_part_up{part="series"}': 1,
      'kiosk_clinic_part_up{part="broker"}': 1,
      [`kiosk_clinic_hub_up{hub="${HUB}"}`]: 1,
      [`kiosk_clinic_hub_records_stored{hub="${HUB}"}`]: 1,
      [`kiosk_clinic_hub_records_missing{hub="${HUB}"}`]: 0,
    })
  })

  it('with the clinic gone, the hub keeps', async () => {
    await there.clinic.kill()
    await there.devices.cuff!.say({ measure: { systolic: 127, diastolic: 76, pulse: 78 }, after: 10 })
    await until('the hub to keep one', async () => (await hub()).kiosk_hub_records_kept === 1)
    await until('the line to be down', async () => (await hub()).kiosk_hub_broker_up === 0)
    await until('it to have an age', async () => (await hub()).kiosk_hub_oldest_kept_age_seconds! > 0)
  })

  it('a frame with a flipped bit is rejected, and counted', async () => {
    const rejected = 'kiosk_hub_device_frames_rejected_total{device="cuff"}'
    expect((await hub())[rejected]).toBe(0)
    await there.devices.cuff!.say({ fault: { flip: 200, times: 1 } })
    await there.devices.cuff!.say({ measure: { systolic: 127, diastolic: 76, pulse: 78 }, after: 10 })
    await until('it to be counted', async () => (await hub())[rejected] === 1)
  })
})

describe('who may read', () => {
  const from = (remoteAddress: string, headers: Record<string, string> = {}) =>
    ({ headers, socket: { remoteAddress } }) as Parameters<typeof mayRead>[0]

  it('without a token this machine alone, and nobody whose words a proxy passes on', () => {
    for (const near of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '127.8.8.8'])
      expect(mayRead(from(near), null), near).toBe(true)
    for (const far of ['192.168.1.5', '::ffff:10.0.0.1', 'fe80::1', '::2', ''])
      expect(mayRead(from(far), null), far).toBe(false)
    expect(mayRead(from('127.0.0.1', { 'x-forwarded-for': '10.0.0.1' }), null)).toBe(false)
    expect(mayRead(from('127.0.0.1', { forwarded: 'for=10.0.0.1' }), null)).toBe(false)
  })

  it('with a token whoever has it, and not even this machine without', () => {
    const token = 'a long metrics token'
    expect(mayRead(from('10.0.0.1', { authorization: `Bearer ${token}` }), token)).toBe(true)
    for (const wrong of ['', token, `Bearer ${token}x`, 'Bearer '])
      expect(mayRead(from('127.0.0.1', { authorization: wrong }), token), wrong).toBe(false)
  })

  it('nobody at a clinic behind a proxy that has no token, for there everybody comes from this machine', async () => {
    const clinic = await openTestClinic({ origin: 'https://clinic.example' })
    const answer = await clinic.app.inject({ url: '/metrics' })
    expect(answer.statusCode).toBe(401)
    expect(answer.json()).toMatchObject({ error: 'not-signed-in', message: expect.stringContaining('metricsToken') })
    await clinic.end()
  })

  it.each([
    ['hub', startHub],
    ['clinic', startClinic],
  ])(
    'of a %s whose configuration holds a token only who sends it, and the token stands in no log',
    async (_, begin) => {
      const folder = mkdtempSync(join(tmpdir(), 'metrics-'))
      const metricsToken = 'sixteen letters or more'
      const logs: string[] = []
      const program = await begin(
        folder,
        { metricsToken },
        { log: (chunk) => logs.push(Buffer.from(chunk).toString()) },
      )
      const ask = (authorization?: string) =>
        fetch(new URL('metrics', program.ready.url), authorization === undefined ? {} : { headers: { authorization } })
      for (const wrong of [undefined, '', metricsToken, 'Bearer', `Bearer ${metricsToken}.`])
        expect((await ask(wrong)).status, wrong).toBe(401)
      const right = await ask(`Bearer ${metricsToken}`)
      expect([right.status, await right.text()]).toEqual([200, expect.stringContaining('# TYPE kiosk_')])
      await program.stop()
      expect(logs.join('')).not.toContain(metricsToken)
      rmSync(folder, { recursive: true })
    },
  )

  it.each([
    ['hub', startHub],
    ['clinic', startClinic],
  ])('is no question of a %s whose token is short: it does not start, and does not show it', async (_, begin) => {
    const folder = mkdtempSync(join(tmpdir(), 'metrics-'))
    const refused = await begin(folder, { metricsToken: 'short' }).then(
      () => 'it started',
      (error: Error) => error.message,
    )
    expect(refused).toMatch(/metricsToken: .*16/)
    expect(refused).not.toContain('short')
    rmSync(folder, { recursive: true })
  })
})
