// The screen's server: a view whole at each change, clear refusals, and no other page may look or act.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { screen } from '../../../hub/screen/server.ts'
import type { View } from '../../../hub/screen/view.ts'
import { base, SCENES, scripted } from './scenes.ts'

let folder: string
let stop: AbortController
let source: ReturnType<typeof scripted>
let logged: string[]
let url: string
let closed: Promise<void>
const log = { info: (text: string) => logged.push(text), warn: (text: string) => logged.push(text) }
const metrics = { text: async () => 'figures\n', contentType: 'text/plain', token: null }
const options = () => ({
  host: '127.0.0.1',
  port: 0,
  log,
  metrics,
  webRoot: folder,
  aside: 'http://127.0.0.1:9000/panel?x=1',
})

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'screen-'))
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>page</title>')
  stop = new AbortController()
  source = scripted(base)
  logged = []
  ;({ url, closed } = await screen(source, options(), stop.signal))
})

afterEach(async () => {
  stop.abort()
  await closed
  rmSync(folder, { recursive: true, force: true })
})

/** fetch forbids setting Host and Origin; this does not. */
const open = (path: string, headers: Record<string, string> = {}, body?: string) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST'
    request(new URL(path, url), { method, headers }, (answer) => resolve(answer.setEncoding('utf8')))
      .on('error', reject)
      .end(body)
  })

async function ask(path: string, headers: Record<string, string> = {}, body?: string) {
  const answer = await open(path, headers, body)
  let text = ''
  for await (const chunk of answer) text += chunk
  return { status: answer.statusCode, headers: answer.headers, text }
}

const json = { 'content-type': 'application/json' }
const act = (body: string, headers: Record<string, string> = {}) => ask('api/act', { ...json, ...headers }, body)

/** Views as they arrive, until the stream ends. */
async function* views(): AsyncGenerator<View> {
  let text = ''
  for await (const chunk of await open('api/view')) {
    text += chunk
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end))
      text = text.slice(end + 2)
      if (data) yield JSON.parse(data[1]!)
    }
  }
}

test('a reader gets the view at once and whole again at each change, and a new reader starts with the newest', async () => {
  const first = views()
  expect((await first.next()).value).toEqual(base)
  source.show(SCENES.measuring!)
  expect((await first.next()).value).toEqual(SCENES.measuring)
  await first.return(undefined)
  await expect.poll(() => source.watchers()).toBe(0)
  source.show(SCENES.result!)
  const again = views()
  expect((await again.next()).value).toEqual(SCENES.result)
  await again.return(undefined)
})

test('a reader that is behind gets the newest view when it has caught up, and not all those between', async () => {
  const slow = await open('api/view')
  for (let n = 0; n < 20_000; n++) source.show({ ...base, queued: n })
  let text = ''
  for await (const chunk of slow) {
    text += chunk
    if (text.includes('"queued":19999,')) break
  }
  expect(text.split('data: ').length).toBeLessThan(2_000)
})

test('an action of the page reaches the hub', async () => {
  const own = new URL(url).origin
  expect((await act('{"do":"guest"}', { origin: own })).status).toBe(204)
  expect((await act('{"do":"start","device":"cuff"}')).status).toBe(204)
  expect(source.done).toEqual([{ do: 'guest' }, { do: 'start', device: 'cuff' }])
})

test('another page can neither act nor look, by its origin or by a name of its own for this address', async () => {
  const rebound = { host: 'kiosk.attacker.example' }
  for (const answer of [
    await act('{"do":"leave"}', { origin: 'https://attacker.example' }),
    await act('{"do":"leave"}', { origin: 'null' }),
    await act('{"do":"leave"}', { origin: url.replace(/:\d+\/$/, ':1') }),
    await act('{"do":"leave"}', rebound),
    await act('{"do":"leave"}', { ...rebound, origin: 'http://kiosk.attacker.example' }),
    await ask('api/view', rebound),
    await ask('api/view', { origin: 'https://attacker.example' }),
    await ask('', rebound),
  ]) {
    expect(answer.status).toBe(403)
    expect(JSON.parse(answer.text)).toEqual({ error: 'forbidden', message: expect.any(String) })
  }
  expect(source.done).toEqual([])
})

test.each([
  ['{"do":"fly"}', 400, 'bad-action', /expected \{ "do": "guest"/],
  ['{"do":"start"}', 400, 'bad-action', /device/],
  ['[]', 400, 'bad-action', /expected/],
  ['{"do":', 400, 'bad-request', /JSON/i],
  [`{"do":"${'x'.repeat(5000)}"}`, 413, 'bad-request', /large/],
])('%s is refused with a clear error', async (body, status, error, message) => {
  const answer = await act(body)
  expect(answer.status).toBe(status)
  expect(JSON.parse(answer.text)).toEqual({ error, message: expect.stringMatching(message) })
  expect(source.done).toEqual([])
})

test('a form of another page cannot post an action: only JSON is taken', async () => {
  const answer = await ask('api/act', { 'content-type': 'text/plain' }, '{"do":"leave"}')
  expect(answer.status).toBe(415)
})

test('what is not possible now is answered so, and logged once with the hub’s own reason', async () => {
  expect((await act('{"do":"start","device":"scales"}')).status).toBe(409)
  expect(logged.slice(1)).toEqual(['visitor\'s page: cannot start now: no instrument "scales" can be started'])
})

test('every answer carries a strict policy and is kept nowhere; only the configured page may be framed', async () => {
  for (const path of ['', 'api/nothing', 'nothing.js']) {
    const { headers } = await ask(path)
    expect(headers['content-security-policy']).toBe(
      "default-src 'self'; frame-src http://127.0.0.1:9000; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
    expect(headers['cache-control']).toBe('no-store')
    expect(headers['x-content-type-options']).toBe('nosniff')
  }
  const stream = await open('api/view')
  expect(stream.headers['cache-control']).toBe('no-store')
  stream.destroy()
})

test('nothing of a visit is logged', async () => {
  source.show(SCENES.result!)
  const reader = views()
  await reader.next()
  await act('{"do":"leave"}')
  await reader.return(undefined)
  expect(logged).toEqual([`visitor's page at ${url}`])
})

test('the signal ends open streams too, and the port is free again', async () => {
  const reader = views()
  await reader.next()
  stop.abort()
  await closed
  await expect(reader.next()).rejects.toThrow()
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(Number(new URL(url).port), '127.0.0.1', resolve))
  await new Promise((resolve) => taken.close(resolve))
})

test('a port in use and a page that is not built are said in one line', async () => {
  const port = Number(new URL(url).port)
  await expect(screen(source, { ...options(), port }, stop.signal)).rejects.toThrow(
    `cannot listen on 127.0.0.1:${port}`,
  )
  await expect(screen(source, { ...options(), webRoot: '/nowhere' }, stop.signal)).rejects.toThrow('is not built')
})
