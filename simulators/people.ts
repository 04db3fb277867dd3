// Plainly invented people and what the devices say about them: the same seed gives the same people, visits and values.
import { seeded } from './random.ts'

/** Fits the card reader's `card` command. Division 119999 is nobody's; the check digit is right (GB 11643). */
export interface Person {
  document: 'citizen'
  number: string
  name: string
  /** ISO date. */
  birthDate: string
  sex: 'male' | 'female'
  address: string
}

/** Fits a cuff's `measure`: mm[Hg], beats a minute, seconds. */
export interface PlannedBloodPressure {
  systolic: number
  diastolic: number
  mean: number
  pulse: number
  irregularBeats: number
  movement: number
}

/** Fits a meter's `store`. */
export interface PlannedGlucose {
  value: number | 'HI' | 'LO'
  unit: 'mg/dL'
}

/** One person's time at the kiosk. */
export interface PlannedVisit {
  /** Null: a guest, who lays no card. */
  person: Person | null
  /** Result codes of measurements that fail first, in a TM-2657's words. */
  failures: string[]
  bloodPressure: PlannedBloodPressure
  glucose: PlannedGlucose | null
}

const DIVISION = '119999'
const STEMS = [...'甲乙丙丁戊己庚辛壬癸']
const BRANCHES = [...'子丑寅卯辰巳午未申酉戌亥']
const GIVEN = [...'安平宁康乐和顺福禄寿']
const FAILURES = ['E44', 'E11', 'E43', 'E24']

const DAY_MS = 86_400_000
/** Most visitors were born 1936–1976, some 1976–2006. */
const ELDER = { from: Date.UTC(1936, 0, 1), days: 14_600 }
const YOUNGER = { from: Date.UTC(1976, 0, 1), days: 10_950 }
/** Prime to both spans, so that no two people of one span share a birthday before the span is used up, nor a number. */
const STRIDE = 7919

/** The check digit of the first 17 digits of a citizen number, GB 11643-1999. */
export function checkDigit(first17: string): string {
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
  const sum = weights.reduce((total, weight, i) => total + weight * Number(first17[i]), 0)
  return '10X98765432'[sum % 11]!
}

const seedOf = (seed: number, n: number) => Math.imul(seed, 0x9e3779b1) ^ Math.imul(n + 1, 0x85ebca6b)

/** The n-th person (from 0) of a seed; names differ for 1200 of them, numbers for 10,950. */
export function person(seed: number, n: number): Person {
  const random = seeded(seedOf(seed, n))
  const span = random() < 0.85 ? ELDER : YOUNGER
  const day = (n * STRIDE + Math.floor(seeded(seed)() * span.days)) % span.days
  const birthDate = new Date(span.from + day * DAY_MS).toISOString().slice(0, 10)
  const male = random() < 0.5
  const sequence = 2 * Math.floor(random() * 499) + (male ? 1 : 2) // odd: male
  const first17 = `${DIVISION}${birthDate.replaceAll('-', '')}${String(sequence).padStart(3, '0')}`
  const given = Math.floor(n / 120) % GIVEN.length
  const name = `测试·${STEMS[n % 10]}${BRANCHES[Math.floor(n / 10) % 12]}${n < 120 ? '' : GIVEN[given]}`
  const address = `虚构省示例县样例村${1 + Math.floor(random() * 9)}组`
  return {
    document: 'citizen',
    number: first17 + checkDigit(first17),
    name,
    birthDate,
    sex: male ? 'male' : 'female',
    address,
  }
}

/** Visits without end: each card holder once, with a good blood pressure; guests, failures, HI and LO come among them. */
export function* plannedVisits(seed: number): Generator<PlannedVisit> {
  const shift = Math.floor(seeded(seed)() * 1000)
  for (let n = 0; ; n += 1) {
    const random = seeded(seedOf(seed, n) ^ 0x5bd1e995)
    // By turns rather than by chance, so that a short demo too has seen each of them.
    const turn = n + shift
    const failures = turn % 5 === 2 ? [FAILURES[Math.floor(random() * FAILURES.length)]!] : []
    const glucose = plannedGlucose(random, turn)
    yield { person: person(seed, n), failures, bloodPressure: plannedBloodPressure(random), glucose }
    if (turn % 7 === 3) {
      yield { person: null, failures: [], bloodPressure: plannedBloodPressure(random), glucose: null }
    }
  }
}

/** About normally distributed round `mean`, within [low, high]. */
function around(random: () => number, mean: number, spread: number, low: number, high: number): number {
  const normal = random() + random() + random() + random() - 2
  return Math.round(Math.min(high, Math.max(low, mean + normal * spread * Math.sqrt(3))))
}

function plannedBloodPressure(random: () => number): PlannedBloodPressure {
  const systolic = around(random, 138, 20, 94, 204)
  const diastolic = Math.min(systolic - 22, around(random, systolic * 0.45 + 20, 7, 48, 122))
  return {
    systolic,
    diastolic,
    mean: Math.round((systolic + 2 * diastolic) / 3),
    pulse: around(random, 73, 11, 48, 118),
    irregularBeats: random() < 0.08 ? 1 + Math.floor(random() * 4) : 0,
    movement: random() < 0.1 ? 1 : 0,
  }
}

function plannedGlucose(random: () => number, turn: number): PlannedGlucose | null {
  const value = around(random, 112, 30, 58, 290)
  const measures = random() < 0.5
  if (turn % 17 === 4) return { value: 'HI', unit: 'mg/dL' }
  if (turn % 19 === 9) return { value: 'LO', unit: 'mg/dL' }
  return measures ? { value, unit: 'mg/dL' } : null
}
