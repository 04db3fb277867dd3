// Whose reading it is, on real programs: a late card claims nothing, two visitors never share, a guest's is nobody's yet.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningDevice } from '../../simulators/device.ts'
import { type Person, person } from '../../simulators/people.ts'
import { until } from '../servers.ts'
import { type ClinicApi, observationsOf, search, unassigned } from './clinic-api.ts'
import { type House, house } from './house.ts'

for (const parts of ['embedded', 'servers'] as const) {
  describe(
    parts === 'embedded'
      ? 'with the embedded broker and SQLite'
      : 'with Mosquitto and InfluxDB, by configuration alone',
    () => {
      let there: House
      let api: ClinicApi
      let reader: RunningDevice
      let cuff: RunningDevice
      const [ann, ben, cid] = [person(3, 0), person(3, 1), person(3, 2)] as [Person, Person, Person]

      beforeAll(async () => {
        there = await house({
          parts,
          devices: { reader: 'sdt-samv', cuff: 'and-tm2657' },
          measuringSeconds: { min: 0.5, max: 1 },
        })
        reader = there.devices.reader!
        cuff = there.devices.cuff!
        api = await there.api()
        await there.screen.until('both devices', (view) => view.devices.every(({ state }) => state === 'open'), 20_000)
      }, 60_000)
      afterAll(() => there.close())

      const measure = (systolic: number, after = 0) =>
        cuff.say({ measure: { systolic, diastolic: 80, pulse: 70, seconds: 1 }, after })
      const lay = async (who: Person) => {
        await reader.say({ card: null })
        await reader.say({ card: who })
        const masked = who.number.slice(-4)
        await there.screen.until('the visit', (view) => view.visit?.who?.number.endsWith(masked) ?? false, 10_000)
      }
      const shown = (systolic: number) =>
        there.screen.until(`${systolic}`, (view) => view.visit?.results.at(-1)?.values.systolic === systolic, 10_000)
      const systolics = async (who: Person) => {
        const [resident] = await search(api, who.number)
        return resident ? (await observationsOf(api, resident.id)).map(({ values }) => values.systolic).sort() : []
      }
      const nobodys = async () => (await unassigned(api)).map(({ values }) => values.systolic).sort()

      it('a card laid after a reading does not get it', async () => {
        await measure(131)
        await lay(ann)
        await measure(121, 1200)
        await shown(121)
        await until(
          'both readings',
          async () => (await nobodys()).includes(131) && (await systolics(ann)).includes(121),
        )
        expect(await systolics(ann)).toEqual([121])
      })

      it('two visitors one after the other never share a reading, and what could be either’s is nobody’s', async () => {
        await lay(ben)
        await measure(132, 100) // too early to be Ben's, and Ann had just been there
        await measure(122, 1300)
        await shown(122)
        await lay(cid)
        await measure(123, 1300)
        await shown(123)
        await until('all readings', async () => (await systolics(cid)).length === 1 && (await nobodys()).includes(132))
        expect(await systolics(ann)).toEqual([121])
        expect(await systolics(ben)).toEqual([122])
        expect(await systolics(cid)).toEqual([123])
      })

      it('a guest’s reading stands under unassigned until a named person gives it to somebody', async () => {
        await there.screen.press({ do: 'leave' })
        await there.screen.until('nobody there', (view) => view.visit === null, 10_000)
        await there.screen.press({ do: 'guest' })
        await there.screen.until('a guest', (view) => view.visit?.who === null && view.visit.step !== 'goodbye', 10_000)
        await measure(133, 1300)
        await shown(133)
        const reading = await until('the guest’s reading', async () =>
          (await unassigned(api)).find(({ values }) => values.systolic === 133),
        )
        expect(await nobodys()).toEqual([131, 132, 133])

        const [resident] = await search(api, cid.number)
        const given = await api.post(`/api/unassigned/${reading.id}`, {
          resident: resident!.id,
          reason: 'staff stood beside',
        })
        expect(given.status).toBeLessThan(300)
        expect(await systolics(cid)).toEqual([123, 133])
        expect(await nobodys()).toEqual([131, 132])
        const [, assigned] = (await observationsOf(api, resident!.id)).sort(
          (a, b) => a.values.systolic! - b.values.systolic!,
        )
        expect(assigned?.assigned).toMatchObject({ by: 'doctor', reason: 'staff stood beside' })
      })
    },
  )
}
