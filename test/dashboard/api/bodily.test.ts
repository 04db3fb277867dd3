// A scale's weight and an oximeter's saturation, all the way: from the bytes of a device to the doctor's list and the series.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { tell } from '../../../devices/kit/decode.ts'
import { findDriver } from '../../../devices/kit/driver.ts'
import { isReading, type Reading } from '../../../devices/kit/event.ts'
import type { Moment } from '../../../hub/clock.ts'
import { HubRecord, type Observation } from '../../../hub/contract/record.ts'
import { observationOf, Session } from '../../../hub/observe.ts'
import { captureOf } from '../../devices/wire.ts'
import { NOON, openTestClinic, person, type TestClinic, visit, writePlaced } from './clinic.ts'

let clinic: TestClinic
beforeAll(async () => {
  clinic = await openTestClinic()
})
afterAll(() => clinic.end())

it('they reach the list and the series with figure, unit and pulse as sent, and no band is drawn', async () => {
  const opened = await visit(clinic, 'E1', person(1), new Date(NOON - 60_000).toISOString())
  const now: Moment = { wallMs: NOON, uptimeMs: 1000, boot: 'boot-1', trusted: true }
  const stay = { visit: opened.id, person: 'a', subject: opened.subject, openedMs: 0, closedMs: null }
  const records: Observation[] = []
  for (const [id, scene] of [
    ['healthometer-500kl', 0],
    ['nonin-spo2', 1],
  ] as const) {
    const driver = await findDriver(id)
    const [frame] = captureOf(driver).scenes[scene]!.steps
    for (const told of tell(driver, frame!.bytes)) {
      if (!isReading(told.event)) throw new Error('expected readings only')
      const source = { id, driver, place: 'serial:/dev/x' }
      const reading = { ...told, event: told.event as Reading }
      const draft = observationOf(reading, source, new Session(), { stay }, now, { hub: 'E1', zone: 'Asia/Shanghai' })
      records.push(HubRecord.parse({ ...draft, id: `r${records.length}` }) as Observation)
    }
  }
  await clinic.take(opened, ...records)
  await writePlaced(clinic)

  const ding = await clinic.as('ding')
  const resident = (await ding.get('/api/residents')).body.items[0]
  const { items } = (await ding.get(`/api/residents/${resident.id}/observations`)).body
  const shown = items.map(({ kind, values, unit, assessment }: Observation & { assessment: unknown }) => ({
    ...{ kind, values, unit, assessment },
  }))
  expect(shown).toHaveLength(3)
  expect(shown).toEqual(
    expect.arrayContaining([
      { kind: 'body-weight', values: { value: 184.5 }, unit: '[lb_av]', assessment: null },
      { kind: 'body-height', values: { value: 84 }, unit: '[in_i]', assessment: null },
      { kind: 'oxygen-saturation', values: { value: 97, pulse: 73 }, unit: '%', assessment: null },
    ]),
  )
  const { history } = clinic.store
  const range = { fromMs: 0, toMs: NOON + 1 }
  const subjects = [`${opened.subject!.hub}/${opened.subject!.alias}`]
  const [point] = await history({ kind: 'oxygen-saturation', subjects, places: [], range })
  expect(point).toMatchObject({ numbers: { value: 97, pulse: 73 }, unit: '%' })
})
