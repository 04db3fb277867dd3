// Who sees whom, and how a reading without an owner is given to somebody.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Observation } from '../../../hub/contract/record.ts'
import { openTestClinic, person, pressure, type TestClinic, visit } from './clinic.ts'

let clinic: TestClinic
type User = Awaited<ReturnType<TestClinic['as']>>
let [ding, wu, root, county]: User[] = []
const [eastern, western] = [person(1), person(2)]
let guestAtEast: Observation
let easternAtWest: Observation
const ids: Record<string, string> = {}

beforeAll(async () => {
  clinic = await openTestClinic()
  ;[ding, wu, root, county] = await Promise.all(['ding', 'wu', 'root', 'county'].map((name) => clinic.as(name)))
  const first = await visit(clinic, 'E1', eastern, '2026-03-02T00:10:00Z')
  await clinic.take(first, pressure('E1', first, '2026-03-02T00:11:00Z'))
  const home = await visit(clinic, 'W1', western, '2026-03-02T00:10:00Z')
  await clinic.take(home, pressure('W1', home, '2026-03-02T00:11:00Z'))
  const guest = await visit(clinic, 'E1', null, '2026-03-02T00:20:00Z')
  guestAtEast = pressure('E1', guest, '2026-03-02T00:21:00Z')
  await clinic.take(guest, guestAtEast)
  const away = await visit(clinic, 'W1', eastern, '2026-03-02T01:00:00Z')
  easternAtWest = pressure('W1', away, '2026-03-02T01:01:00Z')
  await clinic.take(away, easternAtWest)
  const stranger = await visit(clinic, 'E1', western, '2026-03-02T00:30:00Z')
  await clinic.take(stranger)
  for (const row of await clinic.registry.selectFrom('residents').selectAll().execute()) ids[row.number] = row.id
})
afterAll(() => clinic.end())

const names = (list: { body: { items: { name?: string; resident?: { name: string } | null }[] } }) =>
  list.body.items.map((item) => item.name ?? item.resident?.name ?? null)

describe('a doctor', () => {
  it('lists, finds and opens the residents at home at the own sites, and no others', async () => {
    expect(names(await ding!.get('/api/residents'))).toEqual([eastern.name])
    expect(names(await wu!.get('/api/residents'))).toEqual([western.name])
    expect(names(await ding!.post('/api/residents/search', { q: western.number }))).toEqual([])
    expect((await ding!.get(`/api/residents/${ids[eastern.number]}`)).status).toBe(200)
    for (const path of ['', '/observations']) {
      const [foreign, nobody] = [ids[western.number], '9b2f4c3e-0000-4000-8000-000000000000']
      const answers = [foreign, nobody].map((id) => ding!.get(`/api/residents/${id}${path}`))
      const [one, two] = await Promise.all(answers)
      expect(one).toEqual(two) // no hint whether the person exists
      expect(one?.status).toBe(404)
    }
  })

  it('sees all readings of an own resident wherever they were taken, and all of the own kiosks', async () => {
    const { items } = (await ding!.get(`/api/residents/${ids[eastern.number]}/observations`)).body
    expect(items.map((o: Observation) => o.hub)).toEqual(['W1', 'E1'])
    expect(names(await ding!.get('/api/observations/recent'))).toEqual([eastern.name, null, eastern.name])
    expect(names(await wu!.get('/api/observations/recent'))).toEqual([eastern.name, western.name])
  })

  it('sees the kiosks and the readings without an owner of the own sites only', async () => {
    const hubs = async (user: User) => (await user.get('/api/kiosks')).body.items.map((k: { hub: string }) => k.hub)
    expect([await hubs(ding!), await hubs(wu!)]).toEqual([['E1'], ['W1']])
    expect((await ding!.get('/api/unassigned')).body).toMatchObject({ total: 1, items: [{ id: guestAtEast.id }] })
    expect((await wu!.get('/api/unassigned')).body.total).toBe(0)
  })
})

describe('an admin or the county', () => {
  const paths = ['/api/residents', '/api/observations/recent', '/api/unassigned']
  it.each(paths)('is refused %s in so many words: no identities', async (path) => {
    for (const user of [root!, county!]) {
      const { status, body } = await user.get(path)
      expect([status, body.error]).toEqual([403, 'not-allowed'])
    }
  })

  it('cannot search, open or assign either', async () => {
    expect((await root!.post('/api/residents/search', { q: eastern.name })).status).toBe(403)
    expect((await root!.get(`/api/residents/${ids[eastern.number]}`)).status).toBe(403)
    const given = { resident: ids[eastern.number], reason: 'x' }
    expect((await root!.post(`/api/unassigned/${guestAtEast.id}`, given)).status).toBe(403)
  })

  it('sees every kiosk', async () => {
    for (const user of [root!, county!]) expect((await user.get('/api/kiosks')).body.total).toBe(2)
  })
})

describe('a reading without an owner', () => {
  const give = (user: User, resident: string | undefined, reason = '他在村医旁边测的') =>
    user.post(`/api/unassigned/${guestAtEast.id}`, { resident, reason })

  it('comes with who stood at that kiosk before and after, numbers masked', async () => {
    const [item] = (await ding!.get('/api/unassigned')).body.items
    expect(item.candidates).toEqual([
      {
        resident: {
          id: ids[eastern.number],
          name: eastern.name,
          numberMasked: expect.stringMatching(/^119999\*{8}\w{4}$/),
        },
        visitOpenedAt: '2026-03-02T08:10:00.000+08:00',
        when: 'before',
      },
      expect.objectContaining({ when: 'after', resident: expect.objectContaining({ name: western.name }) }),
    ])
  })

  it('is given with a reason, to somebody who is seen, by somebody who sees it', async () => {
    expect((await give(ding!, ids[eastern.number], '   ')).status).toBe(400)
    expect((await give(ding!, undefined)).status).toBe(400)
    expect((await give(ding!, '9b2f4c3e-0000-4000-8000-000000000000')).status).toBe(404)
    expect((await give(wu!, ids[western.number])).status).toBe(404)
    expect((await ding!.post('/api/unassigned/no-such', { resident: ids[eastern.number], reason: 'x' })).status).toBe(
      404,
    )
  })

  it('goes to a candidate who is at home elsewhere, once, audited; another cannot have it then', async () => {
    const first = await give(ding!, ids[western.number])
    expect([first.status, first.body.resident.name, first.body.assigned.by]).toEqual([200, western.name, 'ding'])
    expect((await give(ding!, ids[western.number])).status).toBe(200)
    expect((await give(ding!, ids[eastern.number])).body.error).toBe('already-assigned')
    const audit = await clinic.registry.selectFrom('audit').selectAll().where('action', '=', 'assign').execute()
    expect(audit).toMatchObject([{ user: 'ding', target: guestAtEast.id }])
    expect((await ding!.get('/api/unassigned')).body.total).toBe(0)
    const { items } = (await wu!.get(`/api/residents/${ids[western.number]}/observations`)).body
    expect(items).toContainEqual(
      expect.objectContaining({
        id: guestAtEast.id,
        assigned: expect.objectContaining({ by: 'ding', reason: '他在村医旁边测的' }),
      }),
    )
  })

  it('that is somebody’s by their card is not to be given away', async () => {
    const given = { resident: ids[western.number], reason: 'x' }
    const own = { resident: ids[eastern.number], reason: 'x' }
    expect((await ding!.post(`/api/unassigned/${easternAtWest.id}`, own)).status).toBe(200)
    for (const user of [ding!, wu!])
      expect((await user.post(`/api/unassigned/${easternAtWest.id}`, given)).body.error).toBe('already-assigned')
  })
})
