// `npm start` when it cannot start: one clear line on stderr, exit 1, nothing left behind.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { nodeTooOld } from '../../simulators/build.mjs'

const folder = mkdtempSync(join(tmpdir(), 'start-'))
afterAll(() => rmSync(folder, { recursive: true }))

const npmStart = (...args: string[]) =>
  new Promise<{ code: number | null; lines: string[] }>((resolve) => {
    let words = ''
    const npm = spawn('npm', ['start', '-s', '--', ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    npm.stderr.on('data', (chunk) => {
      words += chunk
    })
    npm.once('exit', (code) => resolve({ code, lines: words.trim().split('\n') }))
  })

describe('npm start', () => {
  it('says which port is in use', { timeout: 60_000 }, async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const { code, lines } = await npmStart('--port', String(port), '--data', join(folder, 'data'))
    other.close()
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(`127.0.0.1:${port} is in use`)
    expect(code).toBe(1)
    expect(readdirSync(join(folder, 'data', 'ports'))).toEqual([])
  })

  it('says which folder cannot hold its data', { timeout: 60_000 }, async () => {
    const file = join(folder, 'a-file')
    writeFileSync(file, '')
    const { code, lines } = await npmStart('--data', join(file, 'data'))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(`cannot keep the demo's data in ${join(file, 'data')}`)
    expect(code).toBe(1)
  })

  it('says what is wrong with an option', { timeout: 60_000 }, async () => {
    const { code, lines } = await npmStart('--visitors', 'many')
    expect(lines.join(' ')).toMatch(/--visitors.*many.*expected a whole number/)
    expect(code).toBe(1)
  })

  it('says which Node it needs when this one is too old', () => {
    expect(nodeTooOld('18.20.4')).toMatch(/Node 20\.19 or newer is needed, this is 18\.20\.4/)
    expect(nodeTooOld('20.18.9')).not.toBeNull()
    expect(nodeTooOld('20.19.0')).toBeNull()
    expect(nodeTooOld('22.0.0')).toBeNull()
  })
})
