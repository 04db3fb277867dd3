// A clinic with an invented village in it, served as the real app serves it: what the page's tests and screenshots look at.
import { hear } from '../../../dashboard/server/registry/delivery.ts'
import { addHub } from '../../../dashboard/server/registry/enrol.ts'
import { openIdentity } from '../../../dashboard/server/registry/identity.ts'
import { takeIn } from '../../../dashboard/server/registry/intake.ts'
import type { HubRecord, Observation, Visit } from '../../../hub/contract/record.ts'
import type { Status } from '../../../hub/contract/status.ts'
import { glucose, openTestClinic, person, pressure, type TestClinic, visit, writePlaced } from '../api/clinic.ts'
import { at, card, cuff, EPOCH, kept, MINUTE, MORNING, REFUSED, status } from './machines.ts'

const day = (monthDay: string, time: string) => Date.parse(`2026-${monthDay}T${time}:00+08:00`)

/** Day, time, singles. A rise in November, one visit with a single reading, a gap of 18 days. */
const PRESSURES: [string, string, [number, number][]][] = [
  [
    '08-30',
    '08:12',
    [
      [148, 86],
      [144, 84],
    ],
  ],
  [
    '09-03',
    '08:40',
    [
      [151, 88],
      [145, 86],
    ],
  ],
  ['09-10', '09:02', [[146, 85]]],
  [
    '09-15',
    '08:20',
    [
      [143, 84],
      [140, 82],
    ],
  ],
  [
    '09-21',
    '08:31',
    [
      [147, 86],
      [143, 85],
    ],
  ],
  [
    '09-27',
    '08:05',
    [
      [144, 83],
      [139, 81],
    ],
  ],
  [
    '10-03',
    '09:10',
    [
      [141, 83],
      [138, 80],
    ],
  ],
  [
    '10-09',
    '08:44',
    [
      [139, 82],
      [136, 79],
    ],
  ],
  [
    '10-15',
    '08:28',
    [
      [142, 84],
      [138, 82],
    ],
  ],
  [
    '10-20',
    '08:51',
    [
      [138, 80],
      [136, 78],
    ],
  ],
  [
    '11-08',
    '08:33',
    [
      [146, 85],
      [142, 84],
    ],
  ],
  [
    '11-10',
    '09:06',
    [
      [158, 92],
      [151, 89],
    ],
  ],
  ['11-13', '08:12', [[154, 90]]],
  [
    '11-16',
    '08:00',
    [
      [163, 94],
      [152, 90],
      [155, 91],
    ],
  ],
  [
    '11-18',
    '08:26',
    [
      [160, 92],
      [154, 90],
    ],
  ],
  [
    '11-20',
    '08:18',
    [
      [166, 95],
      [160, 93],
    ],
  ],
  [
    '11-22',
    '08:40',
    [
      [171, 97],
      [164, 94],
    ],
  ],
  [
    '11-25',
    '09:12',
    [
      [186, 112],
      [182, 108],
    ],
  ],
]
type Meal = NonNullable<Observation['context']>['meal']
const GLUCOSES: [string, number | 'above', Meal, 'mg/dL' | 'mmol/L'][] = [
  ['08-31', 7.1, 'fasting', 'mmol/L'],
  ['09-06', 6.8, 'fasting', 'mmol/L'],
  ['09-12', 169, 'postMeal2h', 'mg/dL'],
  ['09-20', 119, 'fasting', 'mg/dL'],
  ['09-28', 160, 'postMeal2h', 'mg/dL'],
  ['10-05', 117, 'fasting', 'mg/dL'],
  ['10-12', 149, 'random', 'mg/dL'],
  ['11-05', 133, 'fasting', 'mg/dL'],
  ['11-09', 209, 'postMeal2h', 'mg/dL'],
  ['11-14', 7.9, 'fasting', 'mmol/L'],
  ['11-18', 176, 'unknown', 'mg/dL'],
  ['11-21', 'above', 'postMeal2h', 'mg/dL'],
  ['11-24', 8.8, 'fasting', 'mmol/L'],
]
const METER = { driver: 'ascensia-contour', vendor: 'Ascensia', model: 'Contour', serial: '7401-1234567' }
const CUFF = { driver: 'and-tm2657', vendor: 'A&D', model: 'TM-2657', serial: null }
const PEOPLE = ['乙', '丙', '戊', '己', '庚', '壬', '癸', '子']

/** @param web folder of the built page @param residents how many come once, beside those with a history */
export async function openVillage(web: string, residents = 60) {
  const began = Date.now()
  const time = { running: false }
  const clinic: TestClinic = await openTestClinic({
    web,
    aliveMs: 1000,
    now: () => (time.running ? MORNING + Date.now() - began : clinic.clock.ms),
  })
  for (const hub of ['K02', 'K03']) await addHub(clinic.registry, { id: hub, site: 'east', passwordHash: '-' }, MORNING)
  const last: Record<string, number> = { E1: 0, K02: 0, K03: 0 }
  /** Kept as ingest keeps it, each hub's rows numbered without a hole, and told to the live line. */
  const into = async (ms: number, record: HubRecord) => {
    clinic.clock.ms = ms
    const seq = (last[record.hub] ?? 0) + 1
    last[record.hub] = seq
    const opened = record.type === 'visit' ? await openIdentity(record.sealed, clinic.keys) : null
    const topic = `kiosk/v1/${record.hub}/records`
    const accepted = [{ hub: record.hub, topic, epoch: EPOCH, seq, record, body: JSON.stringify(record), opened }]
    for (const change of await takeIn(clinic.registry, { accepted, refused: [] }, ms)) clinic.changes.tell(change)
  }
  const comes = async (hub: string, who: ReturnType<typeof person>, ms: number) => {
    const opened = await visit(clinic, hub, who, at(ms - 5 * MINUTE))
    await into(ms - 5 * MINUTE, opened)
    return opened
  }
  const jia = person(7, { name: '测试·甲', birthDate: '1954-03-08' })
  for (const [on, clock, singles] of PRESSURES) {
    const opened = await comes('E1', jia, day(on, clock))
    for (const [i, [systolic, diastolic]] of singles.entries())
      await into(
        day(on, clock) + i * 4 * MINUTE,
        bp('E1', opened, day(on, clock) + i * 4 * MINUTE, systolic, diastolic),
      )
  }
  for (const [on, value, meal, unit] of GLUCOSES) {
    const opened = await comes('E1', jia, day(on, '07:31'))
    await into(day(on, '07:31'), sugar('E1', opened, day(on, '07:31'), value, meal, unit))
  }
  for (const [i, name] of PEOPLE.entries()) {
    const who = person(20 + i, {
      name: `测试·${name}`,
      sex: i % 2 ? 'male' : 'female',
      birthDate: `19${48 + i * 5}-05-06`,
    })
    for (const [j, on] of ['10-28', '11-04', '11-11', '11-19', '11-23', '11-24'].slice(i % 3).entries()) {
      const ms = day(on, `08:${10 + i * 5}`)
      const opened = await comes(i === 3 ? 'K02' : 'E1', who, ms)
      await into(ms, bp(opened.hub, opened, ms, 118 + i * 6 + j * 2, 72 + i * 3 + j))
      await into(ms + 3 * MINUTE, bp(opened.hub, opened, ms + 3 * MINUTE, 116 + i * 6 + j, 71 + i * 3 + j))
      if (j === 2) await into(ms, sugar(opened.hub, opened, ms, 90 + i * 12, 'fasting', 'mg/dL'))
    }
  }
  for (let i = 0; i < residents; i++) {
    const ms = day('11-01', '08:00') + i * 7 * MINUTE
    const opened = await comes('E1', person(100 + i), ms)
    await into(ms, bp('E1', opened, ms, 112 + (i % 40), 70 + (i % 20)))
  }
  // Nobody's: between two visits, and one that waited in a port.
  await into(day('11-25', '09:31'), bp('K03', null, day('11-25', '09:31'), 151, 95, ['unassigned-no-visit']))
  await into(
    day('11-24', '08:22'),
    sugar('E1', null, day('11-24', '08:22'), 99, 'unknown', 'mg/dL', ['unassigned-waiting']),
  )
  clinic.clock.ms = MORNING - 12 * MINUTE
  await takeIn(clinic.registry, { accepted: [], refused: REFUSED }, clinic.clock.ms)
  const say = async (status: Status, ms: number) =>
    clinic.registry.transaction().execute((trx) => hear(trx, status, false, ms))
  await say(status('E1', MORNING, { epochs: kept(last.E1) }), MORNING)
  await say(
    status('K02', day('11-24', '17:20'), { queued: 6, epochs: kept((last.K02 ?? 0) + 4) }),
    day('11-24', '17:20'),
  )
  await say(
    status('K03', MORNING, { queued: 2, epochs: kept(last.K03), devices: [cuff('lost', 'gone'), card()] }),
    MORNING,
  )
  await writePlaced(clinic)
  time.running = true
  await clinic.app.listen({ host: '127.0.0.1', port: 0 })
  const address = clinic.app.server.address()
  if (address === null || typeof address === 'string') throw new Error('the clinic has no port')
  return {
    ...clinic,
    url: `http://127.0.0.1:${address.port}/`,
    jia,
    comes,
    into,
    now: () => MORNING + Date.now() - began,
  }
}
export type Village = Awaited<ReturnType<typeof openVillage>>

export const bp = (
  hub: string,
  of: Visit | null,
  ms: number,
  systolic: number,
  diastolic: number,
  flags: Observation['flags'] = [],
) =>
  pressure(hub, of, at(ms), {
    values: { systolic, diastolic, mean: null, pulse: 70 + (systolic % 17) },
    deviceTime: at(ms).slice(0, 16),
    device: CUFF,
    flags,
  })

const sugar = (
  hub: string,
  of: Visit | null,
  ms: number,
  value: number | 'above',
  meal: Meal,
  unit: 'mg/dL' | 'mmol/L',
  flags: Observation['flags'] = [],
) =>
  glucose(hub, of, at(ms), {
    values: { value: value === 'above' ? null : value },
    range: value === 'above' ? 'above' : null,
    unit,
    context: { meal, origin: 'device' },
    deviceTime: at(ms).slice(0, 16),
    device: METER,
    flags,
  })
