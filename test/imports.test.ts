// The import rules of the house: who may import whom, and which package has which single door.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')

interface Import {
  file: string
  /** A path from the root, or a package's name. */
  target: string
  own: boolean
  typeOnly: boolean
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const pattern = /^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm
  return [...text.matchAll(pattern)].map((match) => {
    const name = match[2] ?? match[3]!
    const own = name.startsWith('.')
    const target = own
      ? relative(root, resolve(root, dirname(file), name))
      : name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/')
    return { file, target, own, typeOnly: Boolean(match[1]) }
  })
}

const files = ['devices', 'hub', 'dashboard', 'simulators'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|tsx)$/.test(name))
    .map((name) => join(folder, name)),
)
const all = files.flatMap(importsOf)
const inside = (folder: string) => (path: string) => path.startsWith(`${folder}/`)
const shown = (wrong: Import[]) => wrong.map((i) => `${i.file} imports ${i.target}`)

/** The row of the table that a file falls under: the longest folder that holds it. */
const rows: {
  folder: RegExp
  own: (target: string, file: string) => boolean
  packages: (name: string) => boolean
}[] = [
  { folder: /^devices\/kit\//, own: inside('devices/kit'), packages: (p) => p === 'zod' || p.startsWith('node:') },
  { folder: /^devices\//, own: inside('devices/kit'), packages: () => false },
  {
    folder: /^hub\/contract\//,
    own: (t) => inside('hub/contract')(t) || t === 'devices/kit/event.ts',
    packages: (p) => p === 'zod' || p === 'jose',
  },
  {
    folder: /^hub\/clinical\//,
    own: (t) => inside('hub/clinical')(t) || t === 'devices/kit/event.ts',
    packages: (p) => p === 'zod',
  },
  {
    folder: /^hub\/screen\/web\//,
    own: (t) => inside('hub/screen/web')(t) || inside('hub/clinical')(t) || t === 'hub/screen/view.ts',
    packages: (p) => !p.startsWith('node:'),
  },
  { folder: /^hub\/system\//, own: inside('hub/system'), packages: () => true },
  { folder: /^hub\//, own: (t) => inside('hub')(t) || inside('devices/kit')(t), packages: () => true },
  {
    folder: /^dashboard\/server\//,
    own: (t) =>
      inside('dashboard/server')(t) ||
      inside('hub/contract')(t) ||
      inside('hub/clinical')(t) ||
      inside('hub/system')(t) ||
      t === 'devices/kit/event.ts', // the vocabulary that hub/contract is made of
    packages: () => true,
  },
  {
    folder: /^dashboard\/web\//,
    own: (t) => inside('dashboard/web')(t) || inside('hub/clinical')(t) || t === 'dashboard/server/api/schema.ts',
    packages: (p) => !p.startsWith('node:'),
  },
  { folder: /^simulators\//, own: (t) => !t.startsWith('test/'), packages: () => true },
]

describe('imports', () => {
  it('stay within what the house plan lets each folder import', () => {
    const wrong = all.filter((i) => {
      const row = rows.find((r) => r.folder.test(i.file))!
      return i.own ? !row.own(i.target, i.file) : !row.packages(i.target)
    })
    expect(shown(wrong)).toEqual([])
  })

  it('never name a device outside devices: drivers are found by scanning', () => {
    const wrong = all.filter((i) => /^devices\/(?!kit\/)/.test(i.target) && !i.file.startsWith('devices/'))
    expect(shown(wrong)).toEqual([])
  })

  it('take only types from a server into a page', () => {
    const wrong = all.filter(
      (i) => /\/web\//.test(i.file) && /server|screen\/view/.test(i.target) && i.own && !i.typeOnly,
    )
    expect(shown(wrong.filter((i) => !/\/web\//.test(i.target)))).toEqual([])
  })

  const doors: Record<string, RegExp> = {
    serialport: /^hub\/ports\/serial\.ts$/,
    'node-hid': /^hub\/ports\/hid\.ts$/,
    // The doctor only looks whether the broker lets the hub in: a line that sends nothing is no uplink.
    mqtt: /^(hub\/uplink|hub\/doctor\/broker|dashboard\/server\/ingest)\.ts$/,
    influx: /^dashboard\/server\/store\/influx\.ts$/,
    aedes: /^dashboard\/server\/broker\.ts$/,
    'better-sqlite3':
      /^(hub\/(outbox|outbox-file|salvage)|dashboard\/server\/store\/sqlite|dashboard\/server\/registry\/[a-z]+)\.ts$/,
    'prom-client': /^(hub\/system|hub|dashboard\/server)\/metrics\.ts$/,
    jose: /^hub\/contract\/seal\.ts$/,
  }
  for (const [name, door] of Object.entries(doors)) {
    it(`reach the package ${name} only through its door`, () => {
      const wrong = all.filter((i) => i.target === name && !i.typeOnly && !door.test(i.file))
      expect(shown(wrong)).toEqual([])
    })
  }

  it('leave time and process to the programs’ main files', () => {
    const wrong = files
      .filter((file) => !/(^|\/)main\.ts$|\/web\/|^simulators\//.test(file))
      .filter((file) => {
        const code = readFileSync(join(root, file), 'utf8').replace(/\/\/.*$|\/\*[\s\S]*?\*\//gm, '')
        return /\bDate\.now\(|\bnew Date\(\)|\bprocess\.(env|argv|exit|on|cwd|stdout|stderr)\b/.test(code)
      })
    expect(wrong).toEqual([])
  })

  it('begin every file with a line that says what it is for', () => {
    const wrong = files.filter((file) => {
      const [first, second] = readFileSync(join(root, file), 'utf8').split('\n')
      return !/^(\/\/|\/\*)/.test((first?.startsWith('#!') ? second : first) ?? '')
    })
    expect(wrong).toEqual([])
  })
})

it('both pages have the same design tokens', () => {
  const [doctor, visitor] = ['dashboard/web', 'hub/screen/web'].map((page) =>
    readFileSync(join(root, page, 'tokens.css'), 'utf8'),
  )
  expect(visitor).toBe(doctor)
})
