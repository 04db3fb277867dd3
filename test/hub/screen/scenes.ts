// Views a hub could send, one for each thing the visitor's page must be able to show. The people in them are invented.
import { assess } from '../../../hub/clinical/bands.ts'
import type { Action, ScreenResult, ScreenSource, View } from '../../../hub/screen/view.ts'

type Visit = NonNullable<View['visit']>
type Device = View['devices'][number]

export const reader: Device = { id: 'reader', kind: 'identity', state: 'open', cause: null, canStart: false }
export const cuff: Device = { id: 'cuff', kind: 'blood-pressure', state: 'open', cause: null, canStart: true }
export const meter: Device = { id: 'meter', kind: 'glucose', state: 'open', cause: null, canStart: false }

export const base: View = {
  site: { zh: '测试村健康小屋', en: 'Test Village health cabin' },
  zone: 'Asia/Shanghai',
  online: true,
  queued: 0,
  notice: null,
  aside: null,
  full: false,
  damaged: false,
  devices: [reader, cuff, meter],
  visit: null,
  cardFailure: false,
}

export const visit = (more: Partial<Visit> = {}): Visit => ({
  id: 'visit-1',
  band: 1,
  who: { name: '测＊·甲', number: '119999********0099' },
  openedAt: '2026-11-25T09:08:00+08:00',
  step: 'ready',
  device: null,
  pressure: null,
  results: [],
  failure: null,
  endsAt: null,
  ...more,
})

export const pressure = (systolic: number, diastolic: number, more: Partial<ScreenResult> = {}): ScreenResult => {
  const values = { systolic, diastolic, mean: null, pulse: 72 }
  const input = { kind: 'blood-pressure', values, unit: 'mm[Hg]', range: null, meal: null } as const
  const takenAt = '2026-11-25T09:12:00+08:00'
  return { ...input, takenAt, assessment: assess(input), yours: true, ...more }
}

export const glucose = (
  value: number | null,
  unit: 'mg/dL' | 'mmol/L',
  meal: 'fasting' | 'postMeal2h' | 'random' | null,
  more: Partial<ScreenResult> = {},
): ScreenResult => {
  const range = more.range ?? null
  const input = { kind: 'glucose', values: { value }, unit, range, meal } as const
  const takenAt = '2026-11-24T17:02:00+08:00'
  return { ...input, takenAt, assessment: assess(input), yours: true, ...more }
}

const during = (more: Partial<Visit>, view: Partial<View> = {}): View => ({ ...base, ...view, visit: visit(more) })
const results = (...all: ScreenResult[]) => during({ step: 'result', results: all })
const notice = {
  zh: '演示：等待时间调短了，人和数值都是编的',
  en: 'Demo: waiting times are short, people and values are invented',
}

/** `choose` names the kind to touch on the choosing screen first. */
export const SCENES: Record<string, View> = {
  welcome: base,
  'welcome-demo': { ...base, notice },
  'welcome-offline': {
    ...base,
    online: false,
    queued: 12,
    devices: [reader, { ...cuff, state: 'lost', cause: 'gone' }, meter],
  },
  'welcome-no-reader': { ...base, devices: [{ ...reader, state: 'lost', cause: 'gone' }, cuff, meter] },
  'card-failure': { ...base, cardFailure: true },
  full: { ...base, full: true },
  damaged: { ...base, damaged: true },
  choose: during({}),
  'choose-lost': during({ band: 2 }, { devices: [reader, cuff, { ...meter, state: 'lost', cause: 'gone' }] }),
  fit: during({ band: 3 }, { devices: [reader, cuff], notice }),
  'fit-by-hand': during({ band: 3, who: null }, { devices: [reader, { ...cuff, canStart: false }] }),
  plug: during({ band: 4 }, { devices: [reader, meter] }),
  lost: during({}, { devices: [reader, { ...cuff, state: 'lost', cause: 'gone' }] }),
  measuring: during({ step: 'measuring', device: 'cuff', pressure: 128 }),
  'measuring-untold': during(
    { step: 'measuring', device: 'cuff', who: null, band: 5 },
    { devices: [reader, { ...cuff, canStart: false }], notice },
  ),
  'reading-meter': during({ step: 'measuring', device: 'meter' }),
  result: results(pressure(150, 90), pressure(146, 88)),
  'result-normal': results(pressure(118, 76)),
  'result-slightly-high': during({ step: 'result', results: [pressure(134, 84)], band: 2 }, { notice }),
  'result-low': results(pressure(88, 56)),
  'result-uneven': results(
    pressure(146, 88, { assessment: { band: 'grade1', severity: 2, flags: ['irregularPulse'] } }),
  ),
  'result-offline': during({ step: 'result', results: [pressure(128, 82)] }, { online: false, queued: 1, notice }),
  'result-not-yours': results(pressure(162, 101, { yours: false })),
  severe: results(pressure(186, 112)),
  'severe-still': during(
    { step: 'result', results: [pressure(186, 112), pressure(182, 108)] },
    { notice, online: false },
  ),
  'severe-low': results(pressure(76, 48)),
  glucose: results(glucose(99, 'mg/dL', 'fasting')),
  'glucose-raised': results(glucose(8.8, 'mmol/L', 'fasting')),
  'glucose-unknown': results(glucose(6.5, 'mmol/L', null, { takenAt: null })),
  'glucose-low': results(glucose(3.7, 'mmol/L', null)),
  'glucose-hi': results(glucose(null, 'mg/dL', null, { range: 'above' })),
  'glucose-lo': results(glucose(null, 'mmol/L', null, { range: 'below' })),
  'failure-movement': during({ step: 'failure', failure: { of: 'blood-pressure', code: 'E44', reason: 'movement' } }),
  'failure-cuff': during(
    { step: 'failure', failure: { of: 'blood-pressure', code: 'E2', reason: 'cuff' } },
    { notice },
  ),
  'failure-glucose': during({ step: 'failure', failure: { of: 'glucose', code: '7', reason: 'unknown' } }),
  idle: during({ step: 'result', results: [pressure(146, 88)], endsAt: new Date(Date.now() + 120_000).toISOString() }),
  goodbye: during({ step: 'goodbye', results: [pressure(146, 88)] }),
  'goodbye-guest-offline': during({ step: 'goodbye', who: null, results: [pressure(146, 88)] }, { online: false }),
  'goodbye-nothing': during({ step: 'goodbye', who: null }),
}

/** A source that shows what it is told and remembers what was done. */
export function scripted(first: View): ScreenSource & { show(view: View): void; done: Action[]; watchers(): number } {
  let view = first
  const watching = new Set<() => void>()
  const done: Action[] = []
  return {
    view: () => view,
    subscribe(changed) {
      watching.add(changed)
      return () => watching.delete(changed)
    },
    async act(action) {
      if (action.do === 'start' && action.device !== 'cuff')
        throw new Error(`no instrument "${action.device}" can be started`)
      done.push(action)
    },
    show(next) {
      view = next
      for (const changed of watching) changed()
    },
    done,
    watchers: () => watching.size,
  }
}
