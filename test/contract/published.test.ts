// docs/contract is what the code says, stays what older hubs and clinics rely on, and every message of every version is still taken.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import asyncapiSchema from '@asyncapi/specs/schemas/3.0.0-without-$id.json' with { type: 'json' }
import { Ajv } from 'ajv'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Message, readRecords, readReply, readStatus } from '../../dashboard/server/message.ts'
import { Command } from '../../hub/contract/command.ts'
import { LiveMessage } from '../../hub/contract/live.ts'
import type { RecordsMessage } from '../../hub/contract/record.ts'
import { unseal } from '../../hub/contract/seal.ts'
import { StoredMark } from '../../hub/contract/stored.ts'
import { HUB_MAY_READ, HUB_MAY_WRITE, parseTopic, type TopicName, topic, VERSION } from '../../hub/contract/topics.ts'
import { checkDigit } from '../../simulators/people.ts'
import { asyncapi, contractFiles, folderOf, HOME, incompatible, schemas } from './publish.ts'

const here = folderOf(VERSION)
const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'))

test('the committed files are what the code makes (npm run contract writes them)', () => {
  const committed = readdirSync(here).filter((name) => name.endsWith('.json'))
  const made = contractFiles()
  expect(committed.sort()).toEqual(Object.keys(made).sort())
  for (const [name, text] of Object.entries(made)) expect(readFileSync(join(here, name), 'utf8'), name).toBe(text)
})

test('this version takes all that its committed schemas take', () => {
  expect(incompatible(here)).toEqual([])
})

test('the AsyncAPI document is valid by the schema of AsyncAPI itself, and every file it names is there', () => {
  const validate = new Ajv({ strict: false, validateFormats: false, logger: false }).compile(asyncapiSchema)
  expect(validate(asyncapi()), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true)
  expect(validate({ ...asyncapi(), operations: { bad: { action: 'shout' } } })).toBe(false)
  const named = [...JSON.stringify(asyncapi()).matchAll(/"\$ref":"\.\/([^"]+)"/g)].map((match) => match[1]!)
  expect(named.length).toBeGreaterThan(0)
  for (const name of named) expect(existsSync(join(here, name)), name).toBe(true)
})

test('the AsyncAPI document tells each topic of the code once, with who may write it', () => {
  const { channels, operations } = asyncapi() as Record<string, Record<string, { address: string; action: string }>>
  for (const [name, { address }] of Object.entries(channels!))
    expect(parseTopic(address.replace('{hub}', 'K01'))).toEqual({ hub: 'K01', name })
  const acting = (action: string) => Object.keys(operations!).filter((name) => operations![name]!.action === action)
  expect(acting('send').sort()).toEqual([...HUB_MAY_WRITE].sort())
  expect(acting('receive').sort()).toEqual([...HUB_MAY_READ].sort())
})

describe('an incompatible change', () => {
  const edited = (edit: (copy: string) => void): string[] => {
    const home = mkdtempSync(join(tmpdir(), 'contract-'))
    try {
      cpSync(HOME, home, { recursive: true })
      edit(folderOf(VERSION, home))
      return [1, 2].map((version) => incompatible(folderOf(version, home)).join('; '))
    } finally {
      rmSync(home, { recursive: true })
    }
  }
  const rewrite = (file: string, change: (text: string) => string) => (copy: string) =>
    writeFileSync(join(copy, file), change(readFileSync(join(copy, file), 'utf8')))

  test('fails the version it belongs to, and not a next one', () => {
    const wider = rewrite('record.schema.json', (text) => text.replaceAll('"movement"', '"movement","trembling"'))
    expect(edited(wider)).toEqual([expect.stringContaining('"trembling" is no longer taken'), ''])
    expect(edited(rewrite('live.schema.json', (text) => text.replace('"pressure"', '"cuff"')))[0]).toContain(
      'live.cuff: removed',
    )
    expect(edited((copy) => writeFileSync(join(copy, 'retired.schema.json'), '{}'))[0]).toBe('retired: removed')
  })

  test('is also what a new clinic writes and a hub of the same version cannot read', () => {
    const older = rewrite('stored.schema.json', (text) => text.replace('"minimum": 0', '"minimum": 1'))
    expect(edited(older)[0]).toContain('stored, at an older hub')
  })
})

const versions = readdirSync(HOME).filter((name) => /^v\d+$/.test(name))

describe.each(versions)('the example messages of %s', (version) => {
  const examples = join(HOME, version, 'examples')
  const of = (name: TopicName): object[] => json(examples, `${name}.json`)
  const key = json(examples, 'clinic-key.json')
  const keys = { seals: [key], numbers: Buffer.alloc(32) }
  const message = (name: TopicName, payload: object): Message & { hub: string } => ({
    hub: (payload as { hub: string }).hub,
    topic: topic((payload as { hub: string }).hub, name),
    payload: Buffer.from(JSON.stringify(payload)),
    retain: false,
  })
  let taken: Awaited<ReturnType<typeof readRecords>>[]
  beforeAll(async () => {
    taken = await Promise.all(
      of('records').map((payload) => {
        const one = message('records', payload)
        return readRecords(one, one.hub, keys)
      }),
    )
  })

  test('are still taken record by record, none refused, with every identity opened', () => {
    expect(taken.flatMap(({ refused }) => refused)).toEqual([])
    const accepted = taken.flatMap((one) => one.accepted)
    expect(accepted.length).toBe((of('records') as RecordsMessage[]).reduce((n, { records }) => n + records.length, 0))
    const types = new Set(accepted.map(({ record }) => record.type))
    expect([...types]).toEqual(expect.arrayContaining(['observation', 'visit', 'failure']))
    const visits = accepted.flatMap(({ record, opened }) => (record.type === 'visit' ? [{ record, opened }] : []))
    expect(visits.some(({ record }) => record.sealed === null)).toBe(true)
    const sealed = visits.filter(({ record }) => record.sealed !== null)
    expect(sealed.length).toBeGreaterThan(0)
    for (const { opened } of sealed) expect(opened?.identity_state).toBe('open')
  })

  test('hold invented people only', async () => {
    for (const { record } of taken.flatMap((one) => one.accepted)) {
      if (record.type !== 'visit' || record.sealed === null) continue
      const { number } = await unseal(record.sealed, [key])
      expect(number.slice(0, 6)).toBe('119999')
      expect(number.at(-1)).toBe(checkDigit(number.slice(0, 17)))
    }
  })

  test('are still taken in every other topic', () => {
    for (const payload of of('status')) {
      const one = message('status', payload)
      expect(readStatus(one, one.hub)).toEqual(payload)
    }
    for (const payload of of('reply')) {
      const one = message('reply', payload)
      expect(readReply(one, one.hub)).toEqual(payload)
    }
    for (const payload of of('stored')) expect(StoredMark.parse(payload)).toEqual(payload)
    for (const payload of of('command')) expect(Command.parse(payload)).toEqual(payload)
    for (const payload of existsSync(join(examples, 'live.json')) ? of('live') : []) LiveMessage.parse(payload)
  })

  test('fit the published schemas of their version', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false, logger: false })
    const valid = (name: string, value: unknown) => {
      const validate = ajv.compile(json(HOME, version, `${name}.schema.json`))
      expect(validate(value), `${name}: ${JSON.stringify(validate.errors?.slice(0, 3))}`).toBe(true)
    }
    for (const name of ['records', 'status', 'stored', 'command', 'reply'] as const)
      for (const payload of of(name)) valid(name, payload)
    for (const record of (of('records') as RecordsMessage[]).flatMap(({ records }) => records)) valid('record', record)
  })
})

test('every schema of the contract says what it is for', () => {
  for (const [name, { description }] of Object.entries(schemas())) expect(description, name).toMatch(/\S/)
})
