// `npm start`: twenty visitors, and the doctor's API says of each exactly what the simulated devices said on the wire.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { ApiObservation } from '../../dashboard/server/api/schema.ts'
import { BloodPressure, Glucose } from '../../devices/kit/event.ts'
import { person } from '../../simulators/people.ts'
import { until } from '../servers.ts'
import { type ClinicApi, observationsOf, search, signIn, unassigned } from './clinic-api.ts'

const VISITORS = 20
const SEED = 7

const Ready = z.strictObject({
  ready: z.literal(true),
  clinic: z.url(),
  kiosk: z.url(),
  user: z.string(),
  password: z.string(),
})
/** One line of the simulators' own account: which visitor (null: a guest), and what the wire carried. */
const Told = z.object({ visitor: z.number().nullable(), said: z.array(z.looseObject({ kind: z.string() })) })

let data: string
let npm: ChildProcess
let stdout: string[]
let ready: z.infer<typeof Ready>
let api: ClinicApi

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'spine-'))
  const args = [
    'start',
    '-s',
    '--',
    '--json',
    '--visitors',
    `${VISITORS}`,
    '--seed',
    `${SEED}`,
    '--port',
    '0',
    '--data',
    data,
  ]
  npm = spawn('npm', args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  stdout = []
  const first = new Promise<string>((resolve, reject) => {
    npm.once('exit', (code) => reject(new Error(`npm start ended (exit ${code})`)))
    createInterface({ input: npm.stdout! }).on('line', (line) => {
      stdout.push(line)
      resolve(line)
    })
  })
  ready = Ready.parse(JSON.parse(await first))
  api = await signIn(ready.clinic.replace(/\/$/, ''), ready.user, ready.password)
}, 120_000)

afterAll(() => {
  if (npm.exitCode === null && npm.signalCode === null) process.kill(-npm.pid!, 'SIGKILL')
  rmSync(data, { recursive: true, force: true })
})

const told = () =>
  readFileSync(join(data, 'said.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => Told.parse(JSON.parse(line)))

/** What both sides can say of a reading: kind, every figure, unit, range, the device's own time. */
const asSaid = (event: object) => {
  const reading = z.union([BloodPressure, Glucose]).parse(event)
  const values =
    reading.kind === 'glucose'
      ? { value: reading.value }
      : { systolic: reading.systolic, diastolic: reading.diastolic, mean: reading.mean, pulse: reading.pulse }
  const range = reading.kind === 'glucose' ? reading.range : null
  return JSON.stringify([reading.kind, values, reading.unit, range, reading.deviceTime])
}
const asShown = ({ kind, values, unit, range, deviceTime }: ApiObservation) => {
  const { value, systolic, diastolic, mean, pulse } = values
  const figures =
    kind === 'glucose' ? { value: value ?? null } : { systolic, diastolic, mean: mean ?? null, pulse: pulse ?? null }
  return JSON.stringify([kind, figures, unit, range, deviceTime])
}
const isReading = ({ kind }: { kind: string }) => kind === 'blood-pressure' || kind === 'glucose'
const saidBy = (visitor: number | null) =>
  told()
    .filter((line) => line.visitor === visitor)
    .flatMap((line) => line.said.filter(isReading))
    .map(asSaid)
    .sort()

describe('npm start with twenty visitors', () => {
  it('shows each of them with exactly the readings their devices said, value by value and unit by unit', {
    timeout: 150_000,
  }, async () => {
    const found = await until(
      'twenty residents with a blood pressure each',
      async () => {
        const people = await Promise.all(
          Array.from({ length: VISITORS }, (_, n) => search(api, person(SEED, n).number)),
        )
        const all = people.map(([resident]) => resident)
        return all.every((resident) => resident?.latest.bloodPressure) ? all.map((resident) => resident!) : null
      },
      120_000,
    )
    expect(new Set(found.map(({ id }) => id)).size).toBe(VISITORS)
    for (const [n, resident] of found.entries()) {
      await until(
        `visitor ${n}'s readings to be as said`,
        async () => (await observationsOf(api, resident.id)).length === saidBy(n).length,
        20_000,
      )
      const shown = await observationsOf(api, resident.id)
      expect(shown.map(asShown).sort(), `visitor ${n}`).toEqual(saidBy(n))
      expect(shown.every(({ takenAt }) => takenAt?.endsWith('+08:00'))).toBe(true)
    }
  })

  it('shows what guests measured under unassigned, and nothing else there', async () => {
    expect(saidBy(null).length).toBeGreaterThan(0)
    const shown = await until(
      'the guests’ readings',
      async () => {
        const all = await unassigned(api)
        return all.length === saidBy(null).length ? all : null
      },
      20_000,
    )
    expect(shown.map(asShown).sort()).toEqual(saidBy(null))
  })

  it('says on stdout one ready line and nothing else', () => {
    expect(stdout).toHaveLength(1)
  })

  it('leaves no process, no terminal and no open port when Ctrl-C ends it', { timeout: 20_000 }, async () => {
    const gone = new Promise((resolve) => npm.once('exit', resolve))
    process.kill(-npm.pid!, 'SIGINT') // a terminal's Ctrl-C goes to the whole process group
    await gone
    await until('every process of the group to be gone', () => groupOf(npm.pid!).length === 0, 10_000)
    expect(readdirSync(join(data, 'ports'))).toEqual([])
    for (const url of [ready.clinic, ready.kiosk]) expect(await open(Number(new URL(url).port))).toBe(false)
  })
})

it('ends with the npm that started it, though npm’s shell hands no signal on', { timeout: 60_000 }, async () => {
  const npm = spawn('npm', ['start', '-s', '--', '--json', '--visitors', '0', '--port', '0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  await once(npm.stdout, 'data')
  npm.kill('SIGTERM')
  await until('every process of the group to be gone', () => groupOf(npm.pid!).length === 0, 10_000)
})

/** Ids of the processes in a group, from /proc. */
const groupOf = (group: number) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [, , pgrp] = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /, '')
          .split(' ')
        return Number(pgrp) === group
      } catch {
        return false // it ended while we looked
      }
    })

const open = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
