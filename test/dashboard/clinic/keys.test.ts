// kiosk-clinic keys, as the program it is, with a Mosquitto whose files it keeps.
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashPassword } from '../../../dashboard/server/api/auth.ts'
import { parseConfig } from '../../../dashboard/server/config.ts'
import { tellMosquitto } from '../../../dashboard/server/mosquitto.ts'
import { openRegistry } from '../../../dashboard/server/registry/registry.ts'
import { fits, hashSecret } from '../../../dashboard/server/secret.ts'
import { Enrolment } from '../../../hub/contract/enrolment.ts'
import {
  CLINIC_MAY_READ,
  CLINIC_MAY_WRITE,
  everyHub,
  HUB_MAY_READ,
  HUB_MAY_WRITE,
  topic,
} from '../../../hub/contract/topics.ts'
import { command, SITE, writeConfig } from '../../../simulators/programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'keys-'))
const broker = join(folder, 'broker')
let config: string
let embedded: string

const base = { data: 'data', listen: { port: 0 }, series: { sqlite: true }, sites: [SITE] }
const keysOf =
  (path: string) =>
  (...args: string[]) =>
    command('clinic', ['keys', ...args, '--config', path])
const keys = (...args: string[]) => keysOf(config)(...args)
const add = (id: string, ...more: string[]) =>
  keys('add-hub', id, '--site', SITE.id, '--out', join(folder, `${id}.json`), ...more)
const enrolment = (name: string) => Enrolment.parse(JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')))
const written = (name: string) => readFileSync(join(broker, name), 'utf8')
/** User → its lines in the file of rights. */
const rights = () =>
  Object.fromEntries(
    written('acl')
      .split(/^user /m)
      .slice(1)
      .map((section) => section.trim().split('\n'))
      .map(([user, ...lines]) => [user, lines]),
  )
const accounts = () =>
  Object.fromEntries(
    written('passwords')
      .trim()
      .split('\n')
      .map((line) => line.split(/:(.*)/).slice(0, 2)),
  )
const ofHub = (id: string) => [
  ...HUB_MAY_WRITE.map((name) => `topic write ${topic(id, name)}`),
  ...HUB_MAY_READ.map((name) => `topic read ${topic(id, name)}`),
]

beforeAll(async () => {
  config = await writeConfig(join(folder, 'clinic'), {
    ...base,
    broker: { url: 'mqtts://broker.example:8883', mosquitto: { folder: broker } },
  })
  embedded = await writeConfig(join(folder, 'embedded'), { ...base, broker: { embedded: { port: 1883 } } })
  await keys('broker', '--host', '192.0.2.7', 'other.example')
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('kiosk-clinic keys', () => {
  it('writes a listener for passwords and one for certificates, and a certificate of the broker for every name it has', () => {
    const authority = new X509Certificate(written('ca.crt'))
    const server = new X509Certificate(written('server.crt'))
    expect(server.verify(authority.publicKey) && server.checkIssued(authority)).toBe(true)
    for (const name of ['broker.example', 'other.example']) expect(server.checkHost(name), name).toBeTruthy()
    expect(server.checkIP('192.0.2.7')).toBeTruthy()
    // A kiosk that starts in 1970, or years ahead, learns the time over this line.
    expect(Date.parse(server.validFrom)).toBe(0)
    expect(server.validTo).toContain('9999')
    expect(authority.validTo).toContain('9999')
    expect(server.checkHost('elsewhere.example')).toBeUndefined()
    expect(written('kiosk.conf')).toMatch(/^listener 8883$.*^listener 8884$.*^require_certificate true$/ms)
    expect(written('kiosk.conf')).toMatch(/^allow_anonymous false$/m)
    for (const name of readdirSync(broker)) expect(statSync(join(broker, name)).mode & 0o777, name).toBe(0o640)
    // The authority’s own key never lies where a broker reads.
    expect(readdirSync(broker).sort()).toEqual(['acl', 'ca.crt', 'kiosk.conf', 'passwords', 'server.crt', 'server.key'])
    expect(new X509Certificate(written('server.crt')).checkPrivateKey(createPrivateKey(written('server.key')))).toBe(
      true,
    )
  })

  it('writes the rights that the topic contract has, for the clinic and each hub, and nothing more', async () => {
    await add('K01')
    expect(rights()).toEqual({
      clinic: [
        ...CLINIC_MAY_WRITE.map((name) => `topic write ${everyHub(name)}`),
        ...CLINIC_MAY_READ.map((name) => `topic read ${everyHub(name)}`),
      ],
      K01: ofHub('K01'),
    })
    const { broker: login } = enrolment('K01')
    expect(login).toMatchObject({ url: 'mqtts://broker.example:8883', username: 'K01', protocolVersion: 5 })
    expect(await fits(accounts().K01!, Buffer.from(login.password!))).toBe(true)
    expect(await fits(accounts().K01!, Buffer.from(`${login.password}x`))).toBe(false)
    expect(login.ca).toBe(written('ca.crt'))
  })

  it('gives a hub a certificate of its own in place of a password, at the listener for it', async () => {
    await add('K02', '--certificate')
    const { broker: login } = enrolment('K02')
    expect(login.password).toBeUndefined()
    expect(login.url).toBe('mqtts://broker.example:8884')
    const certificate = new X509Certificate(login.cert!)
    expect(certificate.verify(new X509Certificate(login.ca!).publicKey)).toBe(true)
    expect(certificate.subject).toBe(`CN=${login.username}`)
    expect(certificate.checkPrivateKey(createPrivateKey(login.key!))).toBe(true)
    expect(createPublicKey(login.key!).equals(certificate.publicKey)).toBe(true)
    expect(rights()[login.username]).toEqual(ofHub('K02'))
    expect(rights()).not.toHaveProperty('K02')
    expect(accounts()).not.toHaveProperty('K02')
  })

  it('ends the former secret with a new one, and every right with its revocation; a new one lets it in again', async () => {
    const before = { hash: accounts().K01, name: enrolment('K02').broker.username }
    await keys('rotate', 'K01', '--out', join(folder, 'K01-2.json'))
    await keys('rotate', 'K02', '--out', join(folder, 'K02-2.json'))
    expect(accounts().K01).not.toBe(before.hash)
    expect(await fits(accounts().K01!, Buffer.from(enrolment('K01-2').broker.password!))).toBe(true)
    // Who had a certificate gets one again; the right hangs on its name.
    expect(rights()).not.toHaveProperty([before.name])
    expect(rights()[enrolment('K02-2').broker.username]).toEqual(ofHub('K02'))

    await keys('revoke', 'K01')
    expect(Object.keys(accounts())).toEqual(['clinic'])
    expect(rights()).not.toHaveProperty('K01')
    expect(await keys('list')).toMatch(
      /^K01\ttest-village\tpassword\trevoked 20\S+Z\nK02\ttest-village\tcertificate\tlet in\n$/,
    )
    await keys('rotate', 'K01', '--out', join(folder, 'K01-3.json'))
    expect(rights().K01).toEqual(ofHub('K01'))
  })

  it('leaves files alone that say what they should already', async () => {
    const age = () => ['acl', 'passwords'].map((name) => statSync(join(broker, name)).ino)
    const before = age()
    await keys('broker')
    expect(age()).toEqual(before)
  })

  it('says what it cannot do, and what to do instead', async () => {
    await expect(add('clinic')).rejects.toThrow(/"clinic" is the clinic itself/)
    await expect(add('K01', '--out', join(folder, 'K01-4.json'))).rejects.toThrow(
      /if it is the same kiosk, `keys rotate K01`/,
    )
    await expect(keys('rotate', 'K09', '--out', join(folder, 'K09.json'))).rejects.toThrow(/no hub "K09": `keys list`/)
    await expect(keys('revoke', 'K09')).rejects.toThrow(/no hub "K09"/)
    await expect(keysOf(embedded)('broker')).rejects.toThrow(/expected "broker": \{ "url": …, "mosquitto"/)
    await expect(
      keysOf(embedded)('add-hub', 'K03', '--site', SITE.id, '--certificate', '--out', join(folder, 'K03.json')),
    ).rejects.toThrow(/only a Mosquitto that this clinic keeps/)
    expect(readdirSync(folder).filter((name) => /K0[39]/.test(name))).toEqual([])
  })

  it('names a hub whose password an earlier version kept in a form that Mosquitto cannot check', async () => {
    const registry = await openRegistry(join(folder, 'clinic/data/registry.sqlite'))
    await registry
      .updateTable('hubs')
      .set({ password_hash: await hashPassword('old') })
      .where('id', '=', 'K01')
      .execute()
    await registry.destroy()
    expect(await fits(await hashPassword('old'), Buffer.from('old'))).toBe(true)
    await keys('broker')
    expect(accounts()).not.toHaveProperty('K01')
    await keys('rotate', 'K01', '--out', join(folder, 'K01-5.json'))
    expect(accounts()).toHaveProperty('K01')
  })

  it('with "mosquitto" takes no account of one’s own beside it, and only addresses that Mosquitto listens on', () => {
    const fault = (changed: object) => {
      const read = () => parseConfig(join(folder, 'clinic.json'), JSON.stringify({ ...base, broker: changed }))
      expect(read).toThrow()
      try {
        return String(read())
      } catch (error) {
        return (error as Error).message
      }
    }
    const mosquitto = { folder: 'broker' }
    expect(fault({ url: 'mqtts://b', mosquitto, password: 'x' })).toContain('makes accounts and certificates itself')
    expect(fault({ url: 'wss://b', mosquitto })).toContain('expected mqtts:// or mqtt://')
    expect(fault({ embedded: { port: 1 }, ca: 'x' })).toContain('the other keys belong to "url"')
    expect(fault({ url: 'mqtts://b', cert: 'x' })).toContain('"cert" and "key" belong together')
  })

  it('signals no process when the file of Mosquitto’s process number holds none', () => {
    const pidFile = join(folder, 'pid')
    for (const text of ['', '0', '-1', 'x']) {
      writeFileSync(pidFile, text)
      expect(tellMosquitto({ folder: broker, certificatePort: 1, pidFile })).toContain('holds no process number')
    }
    expect(tellMosquitto({ folder: broker, certificatePort: 1, pidFile: join(folder, 'none') })).toContain('ENOENT')
  })

  it('hashes a secret as mosquitto_passwd does: PBKDF2 with SHA-512, of a salt, in base 64', () => {
    expect(hashSecret('secret', Buffer.alloc(12, 1))).toBe(hashSecret('secret', Buffer.alloc(12, 1)))
    expect(hashSecret('secret')).not.toBe(hashSecret('secret'))
    expect(hashSecret('secret')).toMatch(/^\$7\$101\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==$/)
  })
})
