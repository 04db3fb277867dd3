// The page's own files, its policy with a nonce for each answer, and the headers of everything.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestClinic, type TestClinic } from './clinic.ts'

const web = mkdtempSync(join(tmpdir(), 'clinic-web-'))
let clinic: TestClinic
beforeAll(async () => {
  mkdirSync(join(web, 'assets'))
  writeFileSync(join(web, 'index.html'), '<meta name="csp-nonce" content="__NONCE__"><div id="root"></div>')
  writeFileSync(join(web, 'assets', 'main-1a2b.js'), 'export {}')
  writeFileSync(join(web, 'mark.svg'), '<svg/>')
  clinic = await openTestClinic({ web })
})
afterAll(async () => {
  await clinic.end()
  rmSync(web, { recursive: true })
})

describe('the page', () => {
  it.each(['/', '/index.html', '/residents/7', '/?x=1'])('is answered at %s with a nonce of its own', async (url) => {
    const [one, two] = [await clinic.app.inject(url), await clinic.app.inject(url)]
    expect(one.statusCode).toBe(200)
    expect(one.headers['content-type']).toContain('text/html')
    const nonce = /content="([^"]+)"/.exec(one.body)?.[1]
    expect(nonce).not.toBe('__NONCE__')
    expect(one.headers['content-security-policy']).toContain(`style-src 'self' 'nonce-${nonce}'`)
    expect(one.headers['content-security-policy']).toContain("script-src 'self';")
    expect(two.body).not.toBe(one.body)
    expect(one.headers['cache-control']).toBe('no-store')
  })

  it('keeps files that are named by their content, and asks again for the others', async () => {
    const script = await clinic.app.inject('/assets/main-1a2b.js')
    expect(script.headers['cache-control']).toContain('immutable')
    expect(script.headers['content-type']).toContain('javascript')
    expect((await clinic.app.inject('/mark.svg')).headers['cache-control']).toBe('no-cache')
  })

  it('has nothing at a file name that is not there, nor outside its folder', async () => {
    expect((await clinic.app.inject('/assets/none.js')).statusCode).toBe(404)
    expect((await clinic.app.inject('/..%2f..%2fetc%2fpasswd.txt')).statusCode).toBe(404)
    expect((await clinic.app.inject({ method: 'POST', url: '/', payload: {} })).json().error).toBe('not-found')
  })
})

describe('every answer', () => {
  it.each(['/', '/health', '/api/kiosks', '/assets/main-1a2b.js'])(
    'of %s forbids frames, sniffing and referrers',
    async (url) => {
      const { headers } = await clinic.app.inject(url)
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
      expect(headers['x-content-type-options']).toBe('nosniff')
      expect(headers['referrer-policy']).toBe('no-referrer')
    },
  )

  it('of the API is kept by no cache', async () => {
    expect((await clinic.app.inject('/api/kiosks')).headers['cache-control']).toBe('no-store')
  })
})
