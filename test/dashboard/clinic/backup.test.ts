// Backup and restore as the commands they are: made while a clinic takes readings in, restored elsewhere, whole or not at all.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openKeys } from '../../../dashboard/server/keys.ts'
import { command, SITE, writeConfig } from '../../../simulators/programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'backup-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (...names: string[]) => join(folder, ...names)
const backup = async (data: string, out: string) =>
  (await command('clinic', ['backup', '--data', data, '--out', out])).trim()
const restore = (from: string, data: string) => command('clinic', ['restore', '--from', from, '--data', data])

let clinic: string
let made: string
beforeAll(async () => {
  clinic = at('clinic')
  const config = await writeConfig(clinic, {
    data: clinic,
    listen: { port: 0 },
    broker: { embedded: { port: 0 } },
    series: { sqlite: true },
    sites: [SITE],
  })
  await command(
    'clinic',
    ['user', 'add', 'ding', '--role', 'doctor', '--site', SITE.id, '--config', config],
    'a good password',
  )
  mkdirSync(at('made'))
  made = await backup(clinic, at('made'))
})

describe('a backup', () => {
  it('is one file for its owner’s eyes only, named by its time in a folder, or as asked; and leaves nothing beside it', async () => {
    expect(made).toMatch(/made\/kiosk-clinic-\d{8}T\d{6}Z\.backup$/)
    expect(statSync(made).mode & 0o777).toBe(0o600)
    expect(readdirSync(at('made'))).toHaveLength(1)
    expect(await backup(clinic, at('named'))).toBe(at('named'))
  })

  it('is not written over another one, and says when there is no clinic', async () => {
    const before = readFileSync(made)
    await expect(backup(clinic, made)).rejects.toThrow(/is there already: it is not written over/)
    expect(readFileSync(made)).toEqual(before)
    await expect(backup(at('nothing'), at('x'))).rejects.toThrow(/there is no clinic in .*nothing/)
    expect(existsSync(at('x'))).toBe(false)
  })

  it('is found by the folder of a demo as well', async () => {
    mkdirSync(at('demo'))
    execFileSync('cp', ['-r', clinic, at('demo', 'clinic')])
    await restore(await backup(at('demo'), at('of-demo')), at('demo-restored'))
    expect(existsSync(at('demo-restored', 'registry.sqlite'))).toBe(true)
    mkdirSync(at('moved', 'hub'), { recursive: true })
    await restore(at('of-demo'), at('moved'))
    expect(existsSync(at('moved', 'clinic', 'registry.sqlite'))).toBe(true)
  })

  it('holds every sealing key there ever was, and lets nobody stay signed in', async () => {
    const keys = join(clinic, 'keys')
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
    writeFileSync(join(keys, 'seal-0002-later.json'), JSON.stringify({ ...pair, kid: 'later' }), { mode: 0o600 })
    const registry = new Database(join(clinic, 'registry.sqlite'))
    registry.prepare(`insert into sessions values ('hash', 'user', 0, 9e15)`).run()
    registry.close()
    await restore(await backup(clinic, at('two-keys')), at('two-keys-restored'))
    const back = openKeys(at('two-keys-restored', 'keys'), true)
    expect(back.seals).toEqual(openKeys(keys, true).seals)
    expect(back.seals).toHaveLength(2)
    expect(statSync(at('two-keys-restored', 'keys', 'number.key')).mode & 0o777).toBe(0o600)
    const restored = new Database(at('two-keys-restored', 'registry.sqlite'))
    expect(restored.prepare('select count(*) from sessions').pluck().get()).toBe(0)
    expect(restored.prepare(`select detail from audit where action = 'restored'`).pluck().all()).toHaveLength(1)
    expect(restored.prepare(`select name from sqlite_schema where name like 'backup%'`).all()).toEqual([])
    restored.close()
    expect(statSync(at('two-keys-restored', 'registry.sqlite')).mode & 0o777).toBe(0o600)
  })
})

describe('restore', () => {
  it('never goes over a clinic, nor over other keys', async () => {
    await expect(restore(made, clinic)).rejects.toThrow(/registry\.sqlite is there already: move it away first/)
    openKeys(at('stranger', 'keys'), false)
    const before = readFileSync(at('stranger', 'keys', 'number.key'))
    await expect(restore(made, at('stranger'))).rejects.toThrow(/number\.key is there already and is another key/)
    expect(readFileSync(at('stranger', 'keys', 'number.key'))).toEqual(before)
    expect(existsSync(at('stranger', 'registry.sqlite'))).toBe(false)
  })

  it('puts a lost registry beside keys that are still there, and can be begun anew', async () => {
    mkdirSync(at('half'))
    execFileSync('cp', ['-r', join(clinic, 'keys'), at('half', 'keys')])
    await restore(made, at('half'))
    expect(readdirSync(at('half')).sort()).toEqual(['erased.sqlite', 'keys', 'registry.sqlite'])
  })

  const damaged: [string, (whole: Buffer) => Buffer, RegExp][] = [
    ['cut short', (whole) => whole.subarray(0, whole.length - 20), /damaged or no backup.*unexpected end of file/],
    ['with a flipped bit', (whole) => flipped(whole, whole.length >> 1), /damaged/],
    ['with a torn table in a sound packing', (whole) => gzipSync(flipped(gunzipSync(whole), 4096)), /damaged/],
    ['of something else', () => Buffer.from('a letter'), /damaged or no backup of a clinic/],
    ['of a database that is no clinic', () => gzipSync(emptyDatabase()), /no backup of a clinic/],
    ['that a newer program made', (whole) => newer(whole), /written by a newer kiosk-clinic \(its tables: 999-later\)/],
    ['that lost records', (whole) => without(whole), /damaged: 0 records are in it/],
  ]
  it.each(damaged)('refuses a backup %s, in one line, and leaves nothing', async (name, harm, words) => {
    const file = at(`harmed ${name}`)
    writeFileSync(file, harm(readFileSync(made)))
    const error = await restore(file, at(`from ${name}`)).catch((reason: Error) => reason.message)
    expect(error).toMatch(words)
    expect(String(error).split('\n')).toHaveLength(1)
    expect(readdirSync(at(`from ${name}`))).toEqual([])
  })

  it('says when the backup is not there', async () => {
    await expect(restore(at('no such'), at('y'))).rejects.toThrow(/no such does not exist/)
  })
})

const flipped = (bytes: Buffer, n: number) => Buffer.from(bytes.map((byte, i) => (i === n ? byte ^ 0x10 : byte)))

function changed(whole: Buffer, sql: string) {
  const file = at('changing')
  writeFileSync(file, gunzipSync(whole))
  const db = new Database(file)
  db.exec(sql)
  db.close()
  return gzipSync(readFileSync(file))
}
const newer = (whole: Buffer) => changed(whole, `insert into kysely_migration values ('999-later', '2030-01-01')`)
const without = (whole: Buffer) => changed(whole, `update backup_about set json = json_set(json, '$.records', 3)`)
function emptyDatabase() {
  const db = new Database(at('empty'))
  db.exec('create table t (x)')
  db.close()
  return readFileSync(at('empty'))
}
