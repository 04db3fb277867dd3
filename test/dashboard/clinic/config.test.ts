// The clinic's configuration: what it refuses, and how plainly.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError, parseConfig, readConfig } from '../../../dashboard/server/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'clinic-config-'))
afterAll(() => rmSync(folder, { recursive: true }))
const path = join(folder, 'clinic.json')

const good = {
  data: 'data',
  listen: { port: 0 },
  broker: { embedded: { port: 0 } },
  series: { sqlite: true },
  sites: [{ id: 'village', name: { zh: '测试村', en: 'Test village' }, zone: 'Asia/Shanghai' }],
}
const parsed = (changed: object) => parseConfig(path, JSON.stringify({ ...good, ...changed }))
const fault = (changed: object) => {
  try {
    parsed(changed)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message
  }
  throw new Error('it was taken')
}

describe('the configuration', () => {
  it('counts relative paths from its own folder and listens on loopback unless told otherwise', () => {
    const config = parsed({})
    expect(config.data).toBe(join(folder, 'data'))
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 0 })
    expect(config.broker).toEqual({ embedded: { host: '127.0.0.1', port: 0 } })
  })

  it('lists every fault in one message, each with its key', () => {
    const message = fault({ listen: { port: 'eighty' }, series: {}, presenceSeconds: -1 })
    expect(message).toContain('3 faults')
    expect(message).toContain('listen.port')
    expect(message).toContain('series: expected either "sqlite": true or "influx"')
    expect(message).toContain('presenceSeconds')
  })

  it('names the key that a mistyped one was meant to be, however deep it lies', () => {
    expect(fault({ brokr: {} })).toContain('brokr: no such key; did you mean "broker"?')
    expect(fault({ broker: { embeded: { port: 1 } } })).toContain(
      'broker.embeded: no such key; did you mean "embedded"?',
    )
    const sites = [{ ...good.sites[0], zonne: 'UTC' }]
    expect(fault({ sites })).toContain('sites.0.zonne: no such key; did you mean "zone"?')
    expect(fault({ series: { influx: { host: 'h', port: 1, database: 'd', xyz: 1 } } })).toContain(
      'expected one of host, port',
    )
  })

  it('refuses a broker that is both embedded and elsewhere, a zone that is none, and two sites of one id', () => {
    expect(fault({ broker: { embedded: { port: 1 }, url: 'mqtt://b' } })).toContain('either "embedded" or "url"')
    expect(fault({ sites: [{ ...good.sites[0], zone: 'Asia/Shangri-La' }] })).toContain('not a time zone')
    expect(fault({ sites: [good.sites[0], good.sites[0]] })).toContain('two sites have one id')
  })

  it('keeps everything for ever unless told otherwise, and takes no time so short that it must be a slip', () => {
    expect(parsed({}).retention).toEqual({})
    expect(parsed({ retention: { quarantineDays: 90 } }).retention).toEqual({ quarantineDays: 90 })
    expect(fault({ retention: { quarantineDays: 3, auditDays: 30 } })).toMatch(
      /quarantineDays.*>=31\n.*auditDays.*>=365/,
    )
    expect(fault({ retention: { auditDay: 400 } })).toContain('did you mean "auditDays"?')
  })

  it('takes a password from a file of its own, without the line end', () => {
    writeFileSync(join(folder, 'secret'), 'long secret\n')
    const config = parsed({ broker: { url: 'mqtts://broker:8883', username: 'clinic', passwordFile: 'secret' } })
    expect(config.broker).toMatchObject({ url: 'mqtts://broker:8883', username: 'clinic', password: 'long secret' })
    expect(fault({ broker: { url: 'mqtt://b', passwordFile: 'nowhere' } })).toContain('cannot read the password')
  })

  it('says that a file is missing or no JSON', () => {
    expect(() => readConfig(join(folder, 'none.json'))).toThrow(/cannot read the configuration .*ENOENT/)
    expect(() => parseConfig(path, '{ "data": ')).toThrow(/is no JSON/)
  })
})
