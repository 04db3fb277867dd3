// Day, week and month figures over HTTP, of one resident and of a whole site: cut by the site's calendar and no other
// (FC-44), and right again once something late, taken back, given away or erased has touched them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eraseForGood } from '../../../dashboard/server/erase.ts'
import type { Observation, Visit } from '../../../hub/contract/record.ts'
import { glucose, NOON, openTestClinic, person, pressure, type TestClinic, visit, writePlaced } from './clinic.ts'

let clinic: TestClinic
type User = Awaited<ReturnType<TestClinic['as']>>
let [ding, wu, root, county]: User[] = []
let [first, second, atWest]: Visit[] = []
const idOf = async (n: number) =>
  (await clinic.registry
    .selectFrom('residents')
    .select('id')
    .where('number', '=', person(n).number)
    .executeTakeFirst())!.id
const zone = process.env.TZ
beforeAll(async () => {
  process.env.TZ = 'America/Los_Angeles' // of no site: nobody's days may be cut by it
  clinic = await openTestClinic()
  clinic.clock.ms = NOON + 40 * 86_400_000
  ;[ding, wu, root, county] = await Promise.all(['ding', 'wu', 'root', 'county'].map((name) => clinic.as(name)))
  first = await visit(clinic, 'E1', person(1), '2026-03-01T00:00:00Z')
  second = await visit(clinic, 'E1', person(2), '2026-03-01T00:10:00Z')
  atWest = await visit(clinic, 'W1', person(3), '2026-03-01T00:00:00Z')
  await clinic.take(first, second, atWest)
})
afterAll(async () => {
  await clinic.end()
  if (zone === undefined) delete process.env.TZ
  else process.env.TZ = zone
})

const read = (who: Visit | null, local: string, systolic: number, hub = 'E1') =>
  pressure(hub, who, new Date(`${local}+08:00`).toISOString(), {
    values: { systolic, diastolic: 76, mean: null, pulse: null },
  })
const take = async (...records: Parameters<TestClinic['take']>) => {
  await clinic.take(...records)
  await writePlaced(clinic)
}
const MARCH = 'kind=blood-pressure&from=2026-03-01&to=2026-03-05'
const ofSite = async (query: string, user = ding!, site = 'east') =>
  (await user.get(`/api/figures?site=${site}&${query}`)).body
const ofPerson = async (n: number, query: string) =>
  (await ding!.get(`/api/residents/${await idOf(n)}/figures?${query}`)).body
/** Each period with its readings and the mean and newest of the upper pressure. */
const days = ({
  items,
}: {
  items: { from: string; readings: number; figures: Record<string, Record<string, number>> }[]
}) => items.map(({ from, readings, figures }) => [from, readings, figures.systolic?.mean, figures.systolic?.latest])

describe('figures', () => {
  let early: Observation
  it('begin each day at midnight of the site: list, count and mean agree (FC-44)', async () => {
    early = read(first!, '2026-03-02T07:50', 120)
    await take(early, read(first!, '2026-03-02T08:10', 130), read(first!, '2026-03-02T23:55', 140))
    await take(read(first!, '2026-03-03T00:05', 150))
    const expected = [
      ['2026-03-02', 3, 130, 140],
      ['2026-03-03', 1, 150, 150],
    ]
    const own = await ofPerson(1, `${MARCH}&by=day`)
    expect([own.zone, days(own)]).toEqual(['Asia/Shanghai', expected])
    expect(days(await ofSite(`${MARCH}&by=day`))).toEqual(expected)
    const [from, to] = ['2026-03-02T00:00:00%2B08:00', '2026-03-03T00:00:00%2B08:00']
    const list = await ding!.get(`/api/residents/${await idOf(1)}/observations?from=${from}&to=${to}`)
    expect(list.body.total).toBe(3)
    expect(list.body.items[0].takenAt).toBe('2026-03-02T23:55:00.000+08:00')
  })

  it('add up all residents at home at the site, by day, week and month, and nobody from elsewhere', async () => {
    await take(
      read(second!, '2026-03-02T09:00', 170),
      read(atWest!, '2026-03-02T09:00', 99, 'W1'),
      read(null, '2026-03-02T09:01', 98),
    )
    expect(days(await ofSite(`${MARCH}&by=day`))).toEqual([
      ['2026-03-02', 4, 140, 140],
      ['2026-03-03', 1, 150, 150],
    ])
    // 1 March 2026 is a Sunday: its week began in February, and holds none of these.
    expect(days(await ofSite(`${MARCH}&by=week`))).toEqual([['2026-03-02', 5, 142, 150]])
    expect(days(await ofSite(`${MARCH}&by=month`))).toEqual([['2026-03-01', 5, 142, 150]])
    const { items } = await ofSite(`${MARCH}&by=month`)
    expect(items[0]).toMatchObject({ to: '2026-04-01', unit: 'mm[Hg]', above: 0, below: 0 })
    expect(items[0].figures).toEqual({
      systolic: { count: 5, mean: 142, min: 120, max: 170, latest: 150 },
      diastolic: { count: 5, mean: 76, min: 76, max: 76, latest: 76 },
    })
    expect(days(await ofSite(`${MARCH}&by=day`, wu!, 'west'))).toEqual([['2026-03-02', 1, 99, 99]])
  })

  it('keep units apart, and count HI and LO without a number', async () => {
    const at = '2026-03-02T01:00:00Z'
    await take(
      glucose('E1', first!, at),
      glucose('E1', second!, at, { values: { value: 5.5 }, unit: 'mmol/L' }),
      glucose('E1', second!, at, { values: { value: null }, unit: 'mmol/L', range: 'above' }),
      glucose('E1', second!, null),
    )
    const { items } = await ofSite('kind=glucose&by=day&from=2026-03-01&to=2026-03-05')
    const value = (v: number) => ({ value: { count: 1, mean: v, min: v, max: v, latest: v } })
    expect(items).toEqual([
      { from: '2026-03-02', to: '2026-03-03', unit: 'mg/dL', readings: 1, above: 0, below: 0, figures: value(99) },
      { from: '2026-03-02', to: '2026-03-03', unit: 'mmol/L', readings: 2, above: 1, below: 0, figures: value(5.5) },
    ])
  })

  it('are right again when a reading comes late, and when it is taken back, before or after it', async () => {
    const late = read(first!, '2026-03-04T12:00', 180)
    const never = read(first!, '2026-03-04T12:30', 250)
    const back = (of: Observation) =>
      ({
        type: 'retraction',
        id: `back-${of.id}`,
        hub: 'E1',
        of: of.id,
        at: '2026-03-05T00:00:00Z',
        reason: 'test',
      }) as const
    await take(back(never))
    await take(late, never)
    for (const told of [await ofPerson(1, `${MARCH}&by=day`), await ofSite(`${MARCH}&by=day`)])
      expect(days(told).at(-1)).toEqual(['2026-03-04', 1, 180, 180])
    await take(back(late))
    for (const told of [await ofPerson(1, `${MARCH}&by=day`), await ofSite(`${MARCH}&by=day`)])
      expect(days(told).map(([day]) => day)).toEqual(['2026-03-02', '2026-03-03'])
  })

  it('go with a reading to whom a doctor gave it, once, at whichever site', async () => {
    const { items } = (await ding!.get('/api/unassigned')).body
    const given = { resident: await idOf(2), reason: '本人当面确认' }
    expect((await ding!.post(`/api/unassigned/${items[0].id}`, given)).status).toBe(200)
    expect(days(await ofPerson(2, `${MARCH}&by=day`))).toEqual([['2026-03-02', 2, 134, 98]])
    expect(days(await ofSite(`${MARCH}&by=day`))[0]).toEqual(['2026-03-02', 5, 131.6, 140])
    // The next one, taken by an unknown card, is given to somebody of the west, and then the card turns out to be a resident's here.
    const sealed = await visit(clinic, 'E1', person(2), '2026-03-03T02:00:00Z')
    const unknown = { ...sealed, subject: { hub: 'E1', alias: 'f'.repeat(64) } }
    const orphan = read(unknown, '2026-03-03T10:00', 77)
    await take(orphan)
    const toWest = { observation: orphan.id, resident: await idOf(3), user: 'wu', at_ms: NOON, reason: 'test' }
    await clinic.registry.insertInto('assignments').values(toWest).execute()
    expect(days(await ofSite(`${MARCH}&by=day`, wu!, 'west'))).toEqual([
      ['2026-03-02', 1, 99, 99],
      ['2026-03-03', 1, 77, 77],
    ])
    await take(unknown)
    expect(days(await ofSite(`${MARCH}&by=day`))[1]).toEqual(['2026-03-03', 1, 150, 150])
    expect(days(await ofSite(`${MARCH}&by=day`, wu!, 'west'))[1]).toEqual(['2026-03-03', 1, 77, 77])
    expect(days(await ofPerson(2, `${MARCH}&by=day`)).map(([day]) => day)).toEqual(['2026-03-02'])
  })

  it('hold nothing of a resident who was erased', async () => {
    await eraseForGood(clinic.registry, clinic.store, await idOf(1), clinic.clock.ms)
    expect(days(await ofSite(`${MARCH}&by=day`))).toEqual([['2026-03-02', 2, 134, 98]])
    await take(early) // the hub sends it again
    expect(days(await ofSite(`${MARCH}&by=day`))).toEqual([['2026-03-02', 2, 134, 98]])
  })

  it('are told of own residents and own sites only, and to nobody who may see no people', async () => {
    const west = await idOf(3)
    for (const [user, url, status] of [
      [ding, `/api/residents/${west}/figures?${MARCH}&by=day`, 404],
      [ding, `/api/figures?site=west&${MARCH}&by=day`, 404],
      [ding, `/api/figures?site=nowhere&${MARCH}&by=day`, 404],
      [root, `/api/figures?site=east&${MARCH}&by=day`, 403],
      [county, `/api/figures?site=east&${MARCH}&by=day`, 403],
      [root, `/api/residents/${west}/figures?${MARCH}&by=day`, 403],
    ] as const) {
      expect((await user!.get(url)).status, url).toBe(status)
    }
    expect((await clinic.app.inject(`/api/figures?site=east&${MARCH}&by=day`)).statusCode).toBe(401)
  })

  it.each([
    'kind=blood-pressure&by=day&from=2026-03-05&to=2026-03-01',
    'kind=blood-pressure&by=day&from=2020-01-01&to=2026-03-01',
    'kind=blood-pressure&by=hour&from=2026-03-01&to=2026-03-05',
    'kind=weight&by=day&from=2026-03-01&to=2026-03-05',
    'kind=blood-pressure&by=day&from=2026-02-30&to=2026-03-05',
    'kind=blood-pressure&by=day&from=yesterday',
  ])('asked for by %s are refused with what was expected', async (query) => {
    for (const url of [`/api/figures?site=east&${query}`, `/api/residents/${await idOf(2)}/figures?${query}`]) {
      const { status, body } = await ding!.get(url)
      expect([status, body.error], url).toEqual([400, 'bad-request'])
      expect(body.message.length).toBeGreaterThan(15)
    }
  })
})
