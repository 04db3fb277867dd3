// Signing in and out, what is closed without a session, and what other web sites cannot do.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestClinic, PASSWORD, type TestClinic } from './clinic.ts'

let clinic: TestClinic
beforeAll(async () => {
  clinic = await openTestClinic()
})
afterAll(() => clinic.end())

const audits = async (action: string) =>
  clinic.registry.selectFrom('audit').selectAll().where('action', '=', action).execute()

describe('a session', () => {
  it('begins with the right password, in a cookie that scripts and other sites do not get', async () => {
    const { answer } = await clinic.signIn('ding')
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({
      user: 'ding',
      role: 'doctor',
      sites: [{ id: 'east', zone: 'Asia/Shanghai' }],
    })
    expect(answer.cookies[0]).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/', maxAge: 12 * 3600 })
    expect(answer.cookies[0]?.secure).toBeUndefined()
    expect(await audits('sign-in')).toContainEqual(expect.objectContaining({ user: 'ding', detail: 'from 127.0.0.1' }))
  })

  it('says who one is until it is ended, and nothing afterwards', async () => {
    const ding = await clinic.as('ding')
    expect((await ding.get('/api/session')).body.user).toBe('ding')
    const left = await clinic.app.inject({ method: 'DELETE', url: '/api/session', headers: { cookie: ding.cookie } })
    expect([left.statusCode, left.body]).toEqual([204, ''])
    expect((await ding.get('/api/session')).status).toBe(401)
    expect(await audits('sign-out')).toHaveLength(1)
  })

  it('ends by itself after a working day', async () => {
    const ding = await clinic.as('ding')
    clinic.clock.ms += 12 * 3_600_000
    expect((await ding.get('/api/kiosks')).body.error).toBe('not-signed-in')
  })

  it('is kept in the registry by a hash only', async () => {
    const { cookie } = await clinic.as('ding')
    const rows = JSON.stringify(await clinic.registry.selectFrom('sessions').selectAll().execute())
    expect(rows).not.toContain(cookie.split('=')[1])
  })
})

describe('without a session', () => {
  const routes = [
    ['GET', '/api/session'],
    ['DELETE', '/api/session'],
    ['GET', '/api/residents'],
    ['POST', '/api/residents/search'],
    ['GET', '/api/residents/9b2f4c3e-0000-4000-8000-000000000000'],
    ['GET', '/api/residents/9b2f4c3e-0000-4000-8000-000000000000/observations'],
    ['GET', '/api/observations/recent'],
    ['GET', '/api/unassigned'],
    ['POST', '/api/unassigned/x'],
    ['GET', '/api/quarantine'],
    ['GET', '/api/kiosks'],
    ['GET', '/api/live'],
    ['GET', '/api/no-such-thing'],
    ['GET', '/%61pi/residents'],
  ] as const
  it.each(routes)('%s %s answers 401', async (method, url) => {
    const answer = await clinic.app.inject({ method, url, ...(method === 'POST' && { payload: {} }) })
    expect(answer.statusCode).toBe(401)
    expect(answer.json()).toEqual({ error: 'not-signed-in', message: expect.any(String) })
  })

  it('a made-up cookie is no session', async () => {
    const headers = { cookie: 'kiosk-session=AAAA' }
    expect((await clinic.app.inject({ url: '/api/kiosks', headers })).statusCode).toBe(401)
  })

  it('health and the API’s description are open', async () => {
    const health = await clinic.app.inject('/health')
    expect(health.json()).toMatchObject({ status: 'ok', registry: 'ok', series: 'ok', broker: 'ok', waiting: 0 })
    const described = (await clinic.app.inject('/api/openapi.json')).json()
    expect(Object.keys(described.paths)).toEqual(
      expect.arrayContaining(['/api/residents/search', '/api/residents/{id}/observations', '/api/live', '/health']),
    )
    expect(described.paths['/api/unassigned/{id}'].post.requestBody).toBeDefined()
  })
})

describe('wrong passwords', () => {
  const attempt = (user: string, password: string, remoteAddress: string) =>
    clinic.app.inject({ method: 'POST', url: '/api/session', payload: { user, password }, remoteAddress })

  it('are answered alike for a user and for nobody', async () => {
    const [known, unknown] = [await attempt('wu', 'wrong', '127.0.0.9'), await attempt('nobody', 'wrong', '127.0.0.9')]
    expect([known.statusCode, known.json()]).toEqual([unknown.statusCode, unknown.json()])
    expect(known.json().error).toBe('wrong-credentials')
  })

  it('ten times stop even the right one, from wherever it comes, and say for how long', async () => {
    for (let i = 0; i < 10; i++) expect((await attempt('county', 'wrong', `127.0.1.${i}`)).statusCode).toBe(401)
    const answer = await attempt('county', PASSWORD, '127.0.2.1')
    expect(answer.statusCode).toBe(429)
    expect(answer.json().error).toBe('too-many-tries')
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(800)
  })

  it('ten from one address stop that address for every name, known or not, and no other address', async () => {
    for (let i = 0; i < 10; i++) expect((await attempt(`nobody${i}`, 'wrong', '127.0.3.1')).statusCode).toBe(401)
    expect((await attempt('ding', PASSWORD, '127.0.3.1')).statusCode).toBe(429)
    expect((await attempt('ding', PASSWORD, '127.0.3.2')).statusCode).toBe(200)
  })

  it('many at once are counted before any is tried', async () => {
    const all = await Promise.all(Array.from({ length: 15 }, () => attempt('root', 'wrong', '127.0.4.1')))
    expect(all.filter((a) => a.statusCode === 429)).toHaveLength(5)
  })

  it('are audited without what was typed for a name that is nobody’s', async () => {
    await attempt('my secret typed into the wrong field', 'x', '127.0.5.1')
    const failed = await audits('sign-in-failed')
    expect(failed).toContainEqual(expect.objectContaining({ user: '-', detail: 'from 127.0.5.1' }))
    expect(JSON.stringify([failed, clinic.log])).not.toContain('my secret')
  })
})

describe('a write', () => {
  const write = (headers: Record<string, string>) =>
    clinic.app.inject({ method: 'POST', url: '/api/session', headers, payload: { user: 'ding', password: PASSWORD } })

  it('started by another web site is refused', async () => {
    expect((await write({ 'sec-fetch-site': 'cross-site' })).json().error).toBe('cross-site')
    expect((await write({ 'sec-fetch-site': 'same-site' })).statusCode).toBe(403)
    expect((await write({ origin: 'https://evil.example' })).statusCode).toBe(403)
    expect((await write({ 'sec-fetch-site': 'same-origin' })).statusCode).toBe(200)
    expect((await write({ origin: 'http://localhost:80', host: 'localhost:80' })).statusCode).toBe(200)
  })

  it('that is no JSON, broken JSON, of a wrong shape or too large gets a clear error and is not logged', async () => {
    const send = async (type: string, payload: string) => {
      const answer = await clinic.app.inject({
        method: 'POST',
        url: '/api/session',
        headers: { 'content-type': type },
        payload,
      })
      return [answer.statusCode, answer.json().error, answer.json().message]
    }
    expect(await send('text/plain', 'user')).toEqual([415, 'json-only', expect.stringContaining('application/json')])
    expect(await send('application/json', '{"user": ')).toEqual([400, 'bad-request', 'The body is no JSON.'])
    expect(await send('application/json', '{"user": 7}')).toEqual([
      400,
      'bad-request',
      expect.stringMatching(/user.*string.*password/),
    ])
    expect(await send('application/json', JSON.stringify({ user: 'x'.repeat(20_000) }))).toEqual([
      413,
      'too-large',
      expect.any(String),
    ])
  })
})
