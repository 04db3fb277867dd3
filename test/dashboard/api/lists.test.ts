// Residents and their readings: all of them can be reached, each once, as the device said them; and found, safely.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { glucose, NOON, openTestClinic, person, pressure, type TestClinic, visit, writePlaced } from './clinic.ts'

let clinic: TestClinic
let ding: Awaited<ReturnType<TestClinic['as']>>
const at = (minutes: number) => new Date(NOON - minutes * 60_000).toISOString()

interface Row {
  id: string
}

/** All pages of a list under one anchor; `between` runs after each page. */
async function pages<T extends Row>(
  ask: (
    page: number,
    before?: string,
  ) => Promise<{ body: { items: T[]; next: number | null; before: string; total: number } }>,
  between = async () => {},
) {
  const items: T[] = []
  const totals: number[] = []
  let [page, before]: [number | null, string | undefined] = [1, undefined]
  while (page !== null) {
    const { body }: Awaited<ReturnType<typeof ask>> = await ask(page, before)
    items.push(...body.items)
    totals.push(body.total)
    before = body.before
    page = body.next
    await between()
  }
  return { items, totals }
}

beforeAll(async () => {
  clinic = await openTestClinic()
  ding = await clinic.as('ding')
})
afterAll(() => clinic.end())

const resident = async (q: string) => (await ding.post('/api/residents/search', { q })).body.items[0]

describe('one person with 230 readings over 14 months, 12 of them in one minute', () => {
  const who = person(1)
  const sent: string[] = []
  beforeAll(async () => {
    const opened = await visit(clinic, 'E1', who, at(600_000))
    const times = Array.from({ length: 230 }, (_, i) => at(i < 12 ? 500 : 500 + i * 2600))
    const records = times.map((takenAt, i) =>
      pressure('E1', opened, takenAt, {
        resolution: 'minute',
        values: { systolic: 110 + (i % 60), diastolic: 70, mean: null, pulse: null },
      }),
    )
    sent.push(...records.map((r) => r.id))
    await clinic.take(opened, ...records)
    await writePlaced(clinic)
  })

  it('can be paged through, each once, while two newcomers arrive between all pages', async () => {
    const { id } = await resident(who.number)
    const opened = await visit(clinic, 'E1', who, at(20))
    const { items, totals } = await pages<Row>(
      (page, before) => ding.get(`/api/residents/${id}/observations?page=${page}${before ? `&before=${before}` : ''}`),
      () => clinic.take(opened, pressure('E1', opened, at(1)), pressure('E1', opened, at(500))),
    )
    expect(items.map((i) => i.id).sort()).toEqual([...sent].sort())
    expect(new Set(totals)).toEqual(new Set([230]))
  })

  it('are newest first, and within from (inclusive) and to (exclusive) when asked', async () => {
    const { id } = await resident(who.number)
    const all = (await ding.get(`/api/residents/${id}/observations?kind=blood-pressure`)).body.items
    const times = all.map((o: { takenAt: string }) => Date.parse(o.takenAt))
    expect(times).toEqual([...times].sort((a, b) => b - a))
    const minute = encodeURIComponent('2026-03-01T19:40:00Z')
    const next = encodeURIComponent('2026-03-02T03:41:00+08:00')
    const { body } = await ding.get(`/api/residents/${id}/observations?from=${minute}&to=${next}`)
    expect(body.total).toBe(12 + 5)
    expect((await ding.get(`/api/residents/${id}/observations?kind=glucose`)).body).toMatchObject({
      items: [],
      next: null,
      total: 0,
    })
  })
})

describe('a reading', () => {
  it('is told with the site’s offset, value by value as the device said it, from the series and from the registry alike', async () => {
    const who = person(2)
    const opened = await visit(clinic, 'E1', who, '2026-03-02T00:14:00Z')
    const sent = pressure('E1', opened, '2026-03-02T00:15:00.690Z', { flags: ['irregular-pulse'] })
    const high = glucose('E1', opened, '2026-03-02T00:16:00Z', { values: { value: null }, range: 'above' })
    const low = glucose('E1', opened, '2026-03-02T00:17:00Z', { values: { value: 5.5 }, unit: 'mmol/L' })
    const undated = glucose('E1', opened, null, { memory: true, deviceTime: null, flags: ['device-time-unknown'] })
    const pending = glucose('E1', opened, '2019-01-01T00:00:00Z', {
      clock: { trusted: false, boot: 'lost', uptimeMs: 5, deviceOffsetSeconds: null },
    })
    await clinic.take(opened, sent, high, low, undated, pending)
    const { id } = await resident(who.number)
    const read = async () => (await ding.get(`/api/residents/${id}/observations`)).body.items
    const before = await read()
    await writePlaced(clinic)
    const after = await read()
    expect(after).toEqual(before)
    const told = (one: { id: string }) => after.find((o: Row) => o.id === one.id)
    expect(told(sent)).toMatchObject({
      takenAt: '2026-03-02T08:15:00.690+08:00',
      receivedAt: '2026-03-02T12:00:00.000+08:00',
      deviceTime: '2026-03-02T08:15',
      values: { systolic: 127, diastolic: 76, mean: null, pulse: 78 },
      unit: 'mm[Hg]',
      flags: ['irregular-pulse'],
      device: { vendor: 'A&D', model: 'TM-2657', serial: null },
      assessment: { band: 'highNormal' },
      timePending: false,
    })
    expect(told(high)).toMatchObject({
      values: { value: null },
      range: 'above',
      unit: 'mg/dL',
      assessment: { severity: 3 },
    })
    expect(told(low)).toMatchObject({ values: { value: 5.5 }, unit: 'mmol/L' })
    expect(told(undated)).toMatchObject({ takenAt: null, timePending: false, assessment: null, values: { value: 99 } })
    expect(told(pending)).toMatchObject({ takenAt: null, timePending: true, assessment: null })
    expect((await ding.get(`/api/residents/${id}`)).body).toMatchObject({
      numberMasked: `119999********${who.number.slice(-4)}`,
      counts: { bloodPressure: 1, glucose: 4 },
      firstVisit: '2026-03-02T08:14:00.000+08:00',
      latest: { bloodPressure: { id: sent.id }, glucose: { id: low.id } },
    })
  })

  it('of somebody under 18 that day has no band; the day after the birthday it has', async () => {
    const opened = await visit(clinic, 'E1', person(3, { birthDate: '2008-03-02' }), '2026-03-01T14:00:00Z')
    const before = pressure('E1', opened, '2026-03-01T15:59:00Z') // 23:59 at the site
    const after = pressure('E1', opened, '2026-03-01T16:01:00Z')
    await clinic.take(opened, before, after)
    const { id } = await resident(person(3).number)
    const { items } = (await ding.get(`/api/residents/${id}/observations`)).body
    expect(items.map((o: { id: string; assessment: unknown }) => [o.id, o.assessment !== null])).toEqual([
      [after.id, true],
      [before.id, false],
    ])
  })

  it('that was taken back stays, marked, without a band, and is no one’s latest', async () => {
    const opened = await visit(clinic, 'E1', person(4), at(30))
    const wrong = pressure('E1', opened, at(29))
    await clinic.take(opened, wrong, {
      type: 'retraction',
      id: 'r1',
      hub: 'E1',
      of: wrong.id,
      at: at(28),
      reason: 'test',
    })
    const { id, latest } = await resident(person(4).number)
    expect(latest.bloodPressure).toBeNull()
    const { items } = (await ding.get(`/api/residents/${id}/observations`)).body
    expect(items).toMatchObject([{ id: wrong.id, retracted: true, assessment: null }])
  })
})

describe('120 people', () => {
  beforeAll(async () => {
    const visits = Array.from({ length: 120 }, (_, i) => visit(clinic, 'E1', person(100 + i), at(300 - i)))
    await clinic.take(...(await Promise.all(visits)))
  })

  it('can all be found, each once, though a stranger comes between the pages', async () => {
    let stranger = 400
    const { items, totals } = await pages<Row & { name: string }>(
      (page, before) => ding.get(`/api/residents?page=${page}${before ? `&before=${before}` : ''}`),
      async () => clinic.take(await visit(clinic, 'E1', person(stranger++), at(1))),
    )
    expect(new Set(totals).size).toBe(1)
    expect(items).toHaveLength(totals[0]!)
    expect(new Set(items.map((r) => r.id)).size).toBe(items.length)
    for (let n = 100; n < 220; n++) expect(items.map((r) => r.name)).toContain(`测试·${n}`)
  })

  it('are found by name whatever dot is typed, by the whole number and by its last four', async () => {
    await clinic.take(await visit(clinic, 'E1', person(500, { name: '阿米娜·Ceshi' }), at(5)))
    const { number } = person(500)
    const names = async (q: string) =>
      (await ding.post('/api/residents/search', { q })).body.items.map((r: { name: string }) => r.name)
    for (const q of ['阿米娜·', '阿米娜•ceshi', '米娜・CESHI', ` ${number.toLowerCase()} `, number])
      expect(await names(q)).toEqual(['阿米娜·Ceshi'])
    expect(await names(number.slice(-4))).toContain('阿米娜·Ceshi')
    expect(await names(number.slice(-3))).toEqual([])
    expect(await names(number.slice(0, 10))).toEqual([])
  })

  it.each(["'", '"', '\\', '%', '_%', "' OR 1=1 --", '阿\\米', '*'])(
    'no one is found by %s, and nothing breaks',
    async (q) => {
      const { status, body } = await ding.post('/api/residents/search', { q })
      expect([status, body.items, body.total]).toEqual([200, [], 0])
    },
  )
})

describe('a question nobody should ask', () => {
  it.each([
    '/api/residents?page=0',
    '/api/residents?page=1.5',
    '/api/residents?page=99999999999',
    '/api/residents?page=two',
    '/api/residents?before=%27%20or%201',
    '/api/residents/not-an-id',
    '/api/residents/9b2f4c3e-0000-4000-8000-000000000000/observations?kind=weight',
    '/api/residents/9b2f4c3e-0000-4000-8000-000000000000/observations?from=yesterday',
  ])('%s is refused with what was expected', async (url) => {
    const { status, body } = await ding.get(url)
    expect([status, body.error]).toEqual([400, 'bad-request'])
    expect(body.message.length).toBeGreaterThan(15)
  })

  it('a page beyond the end is empty and says how many there are', async () => {
    const { body } = await ding.get('/api/residents?page=100000')
    expect(body).toMatchObject({ items: [], next: null })
    expect(body.total).toBeGreaterThan(100)
  })

  it('a search of a wrong type is refused without repeating it', async () => {
    const { status, body } = await ding.post('/api/residents/search', { q: { $ne: 'secret' } })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).not.toContain('secret')
  })
})

it('no name, number or search stands in the log or the audit', async () => {
  await ding.post('/api/residents/search', { q: '测试·1' })
  const audit = await clinic.registry.selectFrom('audit').selectAll().execute()
  expect(audit.map((a) => a.action)).toEqual(expect.arrayContaining(['searched', 'record-opened']))
  const kept = JSON.stringify(audit) + clinic.log.join('')
  for (const secret of ['测试', '阿米娜', '1199991950', person(1).number.slice(-6)]) expect(kept).not.toContain(secret)
})
