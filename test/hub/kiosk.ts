// A kiosk for tests of the visit: invented people, drivers with just the properties that count, moments at will.
import type { Driver, Told } from '../../devices/kit/driver.ts'
import type { CardRead, Reading } from '../../devices/kit/event.ts'
import type { Moment } from '../../hub/clock.ts'
import type { Source } from '../../hub/observe.ts'
import type { VisitSettings } from '../../hub/visit.ts'

export const START_MS = Date.parse('2026-03-02T08:15:00+08:00')
export const at = (seconds: number): Moment => ({
  wallMs: START_MS + seconds * 1000,
  uptimeMs: 1_000_000 + seconds * 1000,
  boot: 'boot-1',
  trusted: true,
})

export const settings: VisitSettings = {
  hub: 'K01',
  zone: 'Asia/Shanghai',
  key: new Uint8Array(32).fill(7),
  idleEndMs: 90_000,
  goodbyeMs: 5_000,
  siteSeconds: () => undefined,
}

/** Region 119999 is not in use; the check digit is right. */
export function numberOf(n: number): string {
  const body = `11999919500101${String(n).padStart(3, '0')}`
  const sum = [...body].reduce((total, digit, i) => total + Number(digit) * (2 ** (17 - i) % 11), 0)
  return body + '10X98765432'[sum % 11]
}

export const card = (n: number): CardRead => ({
  kind: 'card',
  document: 'citizen',
  number: numberOf(n),
  name: '测试·甲',
  birthDate: '1950-01-01',
  sex: 'female',
})

const line = {
  transport: { type: 'serial', baud: 9600 },
  check: 'xor',
  evidence: 'from notes',
  vendor: 'Test',
  models: ['Model 1'],
  cutFrame: () => 'noise',
  parse: () => ({ kind: 'none' }),
  events: () => [],
  async *read() {},
} as const satisfies Partial<Driver>

export const cuff: Source = {
  id: 'cuff',
  place: 'serial:/dev/cuff',
  driver: {
    ...line,
    id: 'test-cuff',
    kind: 'blood-pressure',
    memory: false,
    commands: { start: Uint8Array.of(1), stop: Uint8Array.of(2) },
    measuringSeconds: { min: 20, max: 180 },
  },
}
export const meter: Source = {
  id: 'meter',
  place: 'serial:/dev/meter',
  driver: { ...line, id: 'test-meter', kind: 'glucose', memory: true },
}

export const pressure = (systolic: number, more: Partial<Told> = {}): Told & { event: Reading } => ({
  raw: Uint8Array.of(systolic),
  ...more,
  event: {
    kind: 'blood-pressure',
    systolic,
    diastolic: 30,
    mean: null,
    pulse: 70,
    unit: 'mm[Hg]',
    deviceTime: '2026-03-02T08:15',
    flags: [],
  },
})

export const glucose = (value: number, deviceTime: string | null): Told & { event: Reading } => ({
  raw: Uint8Array.of(1),
  event: { kind: 'glucose', value, unit: 'mg/dL', range: null, context: 'unknown', deviceTime },
})
