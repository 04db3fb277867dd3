// The live line, over a real connection: what arrives is seen, what was missed is sent, and it ends with the session.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../servers.ts'
import { openTestClinic, person, pressure, type TestClinic, visit } from './clinic.ts'

let clinic: TestClinic
let url: string
const ALIVE_MS = 150
beforeAll(async () => {
  clinic = await openTestClinic({ aliveMs: ALIVE_MS, now: Date.now })
  url = await clinic.app.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(() => clinic.end())

interface Event {
  event: string
  id: number
  data: { id?: string; hub?: string; resident?: { name: string } | string | null }
}

async function follow(cookie: string, lastEventId?: string) {
  const gone = new AbortController()
  const headers = { cookie, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) }
  const answer = await fetch(`${url}/api/live`, { headers, signal: gone.signal })
  const events: Event[] = []
  const line = {
    answer,
    events,
    ended: false,
    close: () => gone.abort(),
    of: (event: string) => events.filter((e) => e.event === event),
  }
  const read = async () => {
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true })
      const parts = text.split('\n\n')
      text = parts.pop() ?? ''
      for (const part of parts) {
        const [, event, id, data] = /^event: (.+)\nid: (\d+)\ndata: (.+)$/.exec(part) ?? []
        events.push({ event: event!, id: Number(id), data: JSON.parse(data!) })
      }
    }
  }
  read().then(
    () => (line.ended = true),
    () => (line.ended = true), // closed by us
  )
  await until('the first word of the line', () => line.of('alive').length > 0)
  return line
}

const now = () => new Date().toISOString()
const at = async (hub: string, who: ReturnType<typeof person> | null) => {
  const opened = await visit(clinic, hub, who, now())
  const reading = pressure(hub, opened, now())
  await clinic.take(opened, reading)
  return reading
}

describe('a live line', () => {
  it('tells a new reading at once with whose it is, and nothing of other sites', async () => {
    const { cookie } = await clinic.as('ding')
    const line = await follow(cookie)
    expect(line.answer.headers.get('content-type')).toBe('text/event-stream')
    expect(line.answer.headers.get('cache-control')).toBe('no-store')
    await at('W1', person(2))
    const reading = await at('E1', person(1))
    await until('the reading', () => line.of('observation').length > 0)
    expect(line.of('observation').map((e) => [e.data.id, e.data.resident])).toEqual([
      [reading.id, { id: expect.any(String), name: '测试·1' }],
    ])
    line.close()
  })

  it('resumes after the last reading received, each once', async () => {
    const { cookie } = await clinic.as('ding')
    const before = await follow(cookie)
    const last = await at('E1', person(3))
    await until('the reading', () => before.of('observation').some((e) => e.data.id === last.id))
    const from = before.of('observation').at(-1)!.id
    before.close()
    const opened = await visit(clinic, 'E1', person(3), now())
    const missed = Array.from({ length: 250 }, () => pressure('E1', opened, now()))
    await clinic.take(opened, ...missed)
    const line = await follow(cookie, String(from))
    expect(line.of('observation').map((e) => e.data.id)).toEqual(missed.map((r) => r.id))
    line.close()
  })

  it('tells of a backlog only what was just taken, and that there is more to fetch', async () => {
    const { cookie } = await clinic.as('ding')
    const line = await follow(cookie)
    const opened = await visit(clinic, 'E1', person(7), now())
    clinic.clock.ms = Date.now()
    const early = new Date(clinic.clock.ms - 3_600_000).toISOString()
    const old = Array.from({ length: 600 }, () => pressure('E1', opened, early))
    const live = pressure('E1', opened, now())
    await clinic.take(opened, ...old.slice(0, 300), live, ...old.slice(300))
    await until('word of it', () => line.of('many').length > 0 && line.of('observation').length > 0)
    const next = await at('E1', person(7))
    await until('the next reading', () => line.of('observation').some((e) => e.data.id === next.id))
    expect(line.of('observation').map((e) => e.data.id)).toEqual([live.id, next.id])
    line.close()
  })

  it('begins now when it is given a number from before a restore, and refuses what is no number', async () => {
    const { cookie } = await clinic.as('ding')
    const line = await follow(cookie, '999999999')
    const reading = await at('E1', person(4))
    await until('the reading', () => line.of('observation').length === 1)
    expect(line.of('observation')[0]?.data.id).toBe(reading.id)
    line.close()
    const refused = await fetch(`${url}/api/live`, { headers: { cookie, 'last-event-id': 'x; drop' } })
    expect([refused.status, (await refused.json()).error]).toEqual([400, 'bad-request'])
  })

  it('tells again a reading whose owner becomes known, and one that is given to somebody', async () => {
    const ding = await clinic.as('ding')
    const line = await follow(ding.cookie)
    const opened = await visit(clinic, 'E1', person(5), now())
    const [early, guest] = [pressure('E1', opened, now()), pressure('E1', null, now())]
    await clinic.take(early, guest)
    await until('both', () => line.of('observation').length === 2)
    expect(line.of('observation').map((e) => e.data.resident)).toEqual([null, null])
    await clinic.take(opened)
    await until('its owner', () => line.of('observation').length === 3)
    const [, , again] = line.of('observation')
    expect([again?.data.id, again?.data.resident]).toEqual([early.id, expect.objectContaining({ name: '测试·5' })])
    const resident = (again!.data.resident as unknown as { id: string }).id
    await ding.post(`/api/unassigned/${guest.id}`, { resident, reason: 'test' })
    await until('the giving', () => line.of('assigned').length === 1)
    expect(line.of('assigned')[0]?.data).toEqual({ id: guest.id, resident })
    line.close()
  })

  it('tells a doctor of the own kiosks, an admin of all and of messages that are no kiosk’s, and no admin of readings', async () => {
    const [ding, root] = [await clinic.as('ding'), await clinic.as('root')]
    const [doctor, admin] = [await follow(ding.cookie), await follow(root.cookie)]
    for (const hub of ['W1', 'E1']) clinic.changes.tell({ kind: 'kiosk', hub })
    clinic.changes.tell({ kind: 'quarantine', hub: null })
    await at('E1', person(6))
    await until('all of it', () => doctor.of('observation').length > 0 && admin.of('quarantine').length > 0)
    expect(doctor.of('kiosk').map((e) => e.data.hub)).toEqual(['E1'])
    expect(doctor.of('quarantine')).toEqual([])
    expect(admin.of('kiosk').map((e) => e.data.hub)).toEqual(['W1', 'E1'])
    expect(admin.of('observation')).toEqual([])
    for (const line of [doctor, admin]) line.close()
  })

  it('says that it lives, again and again, with the clinic’s time', async () => {
    const line = await follow((await clinic.as('ding')).cookie)
    await until('three signs of life', () => line.of('alive').length >= 3)
    expect(line.of('alive')[0]?.data).toEqual({ at: expect.stringMatching(/\+08:00$/) })
    line.close()
  })

  it('ends when its session does', async () => {
    const { cookie } = await clinic.as('ding')
    const line = await follow(cookie)
    await clinic.app.inject({ method: 'DELETE', url: '/api/session', headers: { cookie } })
    await until('the end', () => line.ended)
  })
})
