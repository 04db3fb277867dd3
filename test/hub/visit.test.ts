// A visit's life and whose readings are whose, case by case; what the page then shows.
import { describe, expect, it } from 'vitest'
import type { Observation } from '../../hub/contract/record.ts'
import { type Draft, Session, type Source } from '../../hub/observe.ts'
import { maskedName, maskedNumber, personOf } from '../../hub/person.ts'
import { keptOnDisk, viewOf } from '../../hub/show.ts'
import * as visits from '../../hub/visit.ts'
import { at, card, cuff, glucose, meter, numberOf, pressure, settings } from './kiosk.ts'

const sources = new Map([cuff, meter].map((source) => [source.id, source]))
const around = {
  site: { zh: '测试村', en: 'Test Village' },
  zone: settings.zone,
  online: true,
  queued: 0,
  notice: null,
  aside: null,
  full: false,
  damaged: false,
  devices: [],
  idleWarnMs: 45_000,
  idleEndMs: settings.idleEndMs,
}

/** A desk that remembers its state and its records. */
function desk() {
  let state = visits.firstState()
  let ids = 0
  const newId = () => `visit-${ids++}`
  const records: Draft[] = []
  const take = (outcome: visits.Outcome, seconds: number) => {
    state = outcome.state
    for (const draft of outcome.drafts) {
      records.push(draft)
      if (draft.type === 'observation' || draft.type === 'failure')
        state = keptOnDisk(state, { ...draft, id: `id-${records.length}` } as Observation, at(seconds), settings.zone)
    }
    return outcome
  }
  return {
    records,
    visits: () => records.filter(({ type }) => type === 'visit').length,
    view: (seconds: number) => viewOf(state, at(seconds), around),
    lay: (n: number, seconds: number, number = numberOf(n)) =>
      take(visits.layCard(state, { ...card(n), number }, at(seconds), settings, newId), seconds),
    act: (action: Parameters<typeof visits.act>[1], seconds: number) =>
      take(visits.act(state, action, at(seconds), settings, newId, sources), seconds),
    hear: (
      told: Parameters<typeof visits.reading>[1],
      seconds: number,
      source: Source = cuff,
      session = new Session(),
      waited = false,
    ) => {
      const { drafts } = take(visits.reading(state, told, source, session, at(seconds), settings, waited), seconds)
      return drafts[0] as Observation | undefined
    },
    pass: (seconds: number) => {
      state = visits.pass(state, at(seconds), settings)
    },
  }
}

describe('a reading', () => {
  it('belongs to the open visit that opened long enough before it, when nobody else was there', () => {
    const { lay, hear } = desk()
    lay(0, 0)
    const own = hear(pressure(120), 60)
    expect(own).toMatchObject({ visit: 'visit-0', subject: { hub: 'K01' }, flags: [] })
    expect(own?.takenAt).toBe('2026-03-02T08:16:00+08:00')
  })

  it('of a late card’s owner is nobody’s: a card claims nothing that came before it', () => {
    const { lay, hear } = desk()
    expect(hear(pressure(120), 0)).toMatchObject({ visit: null, subject: null, flags: ['unassigned-no-visit'] })
    lay(0, 1)
    expect(hear(pressure(121), 10)).toMatchObject({ visit: null, flags: ['unassigned-before-visit'] })
  })

  it('is nobody’s when somebody else was there within the measuring time', () => {
    const { lay, hear } = desk()
    lay(0, 0)
    lay(1, 100)
    expect(hear(pressure(120), 150)).toMatchObject({ subject: null, flags: ['unassigned-other-visit'] })
    expect(hear(pressure(121), 281)).toMatchObject({ visit: 'visit-1', flags: [] })
  })

  it('is the starter’s when the hub started it, though somebody came and went before', () => {
    const { lay, act, hear } = desk()
    lay(0, 0)
    act({ do: 'leave' }, 100)
    lay(1, 300)
    expect(act({ do: 'start', device: 'cuff' }, 301).command).toEqual({ device: 'cuff', send: 'start' })
    lay(2, 330) // another card while the cuff is on: the running result stays with its own visit
    expect(hear(pressure(120), 340)).toMatchObject({ visit: 'visit-1' })
  })

  it('that tells its own duration needs no guess of it', () => {
    const { lay, hear } = desk()
    lay(0, 0)
    lay(1, 100)
    expect(hear(pressure(120, { measuredSeconds: 35 }), 139)).toMatchObject({ visit: 'visit-1', flags: [] })
    expect(hear(pressure(121, { measuredSeconds: 38 }), 140)).toMatchObject({ flags: ['unassigned-other-visit'] })
    expect(hear(pressure(122, { measuredSeconds: 45 }), 140)).toMatchObject({ flags: ['unassigned-before-visit'] })
  })

  it('of a guest has a visit and no subject', () => {
    const { act, hear } = desk()
    act({ do: 'guest' }, 0)
    act({ do: 'guest' }, 1) // harmless when repeated
    expect(hear(pressure(120), 60)).toMatchObject({ visit: 'visit-0', subject: null, flags: [] })
  })

  it('with another subject id than the visitor’s is nobody’s; with the visitor’s own it stays theirs', () => {
    const { lay, hear } = desk()
    lay(0, 0)
    expect(hear(pressure(120, { subject: numberOf(1) }), 60)).toMatchObject({
      subject: null,
      flags: ['unassigned-subject'],
    })
    expect(hear(pressure(121, { subject: numberOf(0) }), 61)).toMatchObject({ visit: 'visit-0', flags: [] })
  })

  it('that waited in the port is nobody’s, whoever stands there (FC-30)', () => {
    const { lay, hear, view } = desk()
    lay(0, 0)
    expect(hear(pressure(151), 60, cuff, new Session(), true)).toMatchObject({
      subject: null,
      flags: ['unassigned-waiting'],
    })
    expect(view(60).visit?.results).toEqual([])
  })

  it('repeated by a device that had no answer is one; from any other device two equal ones are two', () => {
    const repeating: Source = { ...cuff, driver: { ...cuff.driver, resendsWithinMs: 5000 } }
    const { lay, hear } = desk()
    lay(0, 0)
    expect(hear(pressure(120), 60, repeating)).toBeDefined()
    expect(hear(pressure(120), 63, repeating)).toBeUndefined()
    expect(hear(pressure(120), 70, repeating)).toBeDefined()
    expect(hear(pressure(120), 70.1)).toBeDefined()
    expect(hear(pressure(120), 70.2)).toBeDefined()
  })

  it('after a restart is nobody’s while a visitor from before may still be measuring', async () => {
    const { pastStays } = await import('../../hub/owner.ts')
    const before = {
      type: 'visit',
      id: 'old',
      hub: 'K01',
      openedAt: '2026-03-02T08:14:00+08:00',
      sealed: null,
    } as const
    const clock = { trusted: true, boot: 'boot-1', uptimeMs: at(-60).uptimeMs, deviceOffsetSeconds: null }
    const past = pastStays([{ ...before, subject: null, clock }], at(0))
    const { state } = visits.layCard(visits.firstState(past), card(0), at(2), settings, () => 'new')
    const flags = (seconds: number) => {
      const { drafts } = visits.reading(state, pressure(120), cuff, new Session(), at(seconds), settings)
      return (drafts[0] as Observation).flags
    }
    expect(flags(100)).toEqual(['unassigned-other-visit'])
    expect(flags(181)).toEqual([])
  })
})

describe('a record from a meter’s memory', () => {
  const session = (clock: string | null, seconds: number) => {
    const it = new Session()
    it.learn({ kind: 'device', model: null, serial: 'S1', clock }, at(seconds))
    return it
  }

  it('belongs to the visit when by the meter’s own clock it was made within it', () => {
    const { lay, hear } = desk()
    lay(0, 0)
    const slow = session('2026-03-02T08:07:00', 120) // ten minutes behind 08:17:00
    expect(hear(glucose(99, '2026-03-02T08:06:00'), 121, meter, slow)).toMatchObject({
      visit: 'visit-0',
      takenAt: '2026-03-02T08:16:00+08:00',
      flags: ['device-clock-offset'],
      clock: { deviceOffsetSeconds: -600 },
    })
    expect(hear(glucose(98, '2026-03-02T08:04:59'), 121, meter, slow)).toMatchObject({ visit: null })
  })

  it('to the minute must lie inside the visit with its whole minute', () => {
    const { lay, hear } = desk()
    lay(0, 30)
    const exact = session('2026-03-02T08:19:00', 240)
    expect(hear(glucose(99, '2026-03-02T08:15'), 241, meter, exact)).toMatchObject({ visit: null })
    expect(hear(glucose(99, '2026-03-02T08:16'), 241, meter, exact)).toMatchObject({ visit: 'visit-0' })
  })

  it('of a meter whose clock was not read is nobody’s, and its time is flagged', () => {
    const { lay, hear } = desk()
    lay(0, 0)
    expect(hear(glucose(99, '2026-03-02T08:16'), 121, meter, session(null, 120))).toMatchObject({
      visit: null,
      takenAt: '2026-03-02T08:16:00+08:00',
      flags: ['unassigned-before-visit', 'device-clock-unread'],
    })
  })

  it('without a date stays undated and never gets today’s; a live one gets its receipt, flagged (FC-12)', () => {
    const { lay, hear } = desk()
    lay(0, 0)
    const old = visits.reading(visits.firstState(), glucose(99, null), meter, session(null, 60), at(60), settings)
    expect(old.drafts).toMatchObject([{ id: null, takenAt: null, deviceTime: null }])
    const live = pressure(120)
    const undated = hear({ ...live, event: { ...live.event, deviceTime: null } as typeof live.event }, 61)
    expect(undated).toMatchObject({ takenAt: '2026-03-02T08:16:01+08:00', flags: ['device-time-unknown'] })
  })

  it('read again has the same id, here or elsewhere in the memory or the world; equal ones are counted (FC-32)', () => {
    const read = (hub: string, values: number[]) => {
      const talk = session('2026-03-02T08:17:00', 120)
      return values.map((value) => {
        const told = { ...glucose(value, '2026-03-02T08:06'), raw: Uint8Array.of(values.length) }
        const { drafts } = visits.reading(visits.firstState(), told, meter, talk, at(121), { ...settings, hub })
        return drafts[0]!.id
      })
    }
    const first = read('K01', [99, 100, 99])
    expect(new Set(first).size).toBe(3)
    expect(read('K02', [101, 99, 100, 99]).slice(1)).toEqual(first)
    expect(first[0]).toMatch(/^[0-9a-f]{64}$/)
  })
})

describe('a card', () => {
  it('that lies on the reader and is reported again and again is one visit; put down again later it is another (FC-18)', () => {
    const { lay, visits: count } = desk()
    for (let i = 0; i < 60; i++) lay(0, i * 0.5)
    expect(count()).toBe(1)
    lay(0, 180)
    expect(count()).toBe(2)
  })

  it('keeps its visit while only “no card” is heard, and the result at second 25 is its owner’s (FC-18)', () => {
    const { lay, hear, pass } = desk()
    lay(0, 0)
    for (let s = 1; s < 25; s++) pass(s)
    expect(hear(pressure(120), 25)).toMatchObject({ visit: 'visit-0' })
  })

  it('with x, X or full-width Ｘ is one person; with a wrong check digit it is not read (FC-20)', () => {
    const alias = (number: string) => personOf({ ...card(0), number }, settings.key)?.alias
    const right = alias('11999919500101009X')
    expect(right).toMatch(/^[0-9a-f]{64}$/)
    expect(alias('11999919500101009x')).toBe(right)
    expect(alias('11999919500101009Ｘ')).toBe(right)
    expect(alias('119999195001010030')).toBeDefined()
    expect(alias('11999919500101003X')).toBeUndefined()
  })

  it('of another kind with the same digits is another person, and another hub has other aliases', () => {
    const foreigner = { ...card(0), document: 'foreigner-2017' as const, number: 'ABC000000000000' }
    const alias = (key: number, of = foreigner) => personOf(of, new Uint8Array(32).fill(key))?.alias
    expect(alias(1)).not.toBe(alias(2))
  })

  it('ends the visit of another, gets another band than the last two, and the page shows no whole name or number', () => {
    const { lay, view } = desk()
    const bands: (number | undefined)[] = []
    for (let i = 0; i < 20; i++) {
      lay(i % 3, i * 10)
      bands.push(view(i * 10).visit?.band)
    }
    for (let i = 2; i < bands.length; i++) expect([bands[i - 1], bands[i - 2]]).not.toContain(bands[i])
    expect(view(200).visit?.who).toEqual({ name: '测＊·甲', number: `119999********${numberOf(1).slice(-4)}` })
    expect(JSON.stringify(view(200))).not.toContain(numberOf(1))
  })

  it('is masked whatever its length', () => {
    expect([maskedName('测试'), maskedName('测'), maskedName('测试甲乙')]).toEqual(['测＊', '＊', '测＊＊乙'])
    expect([maskedNumber('E00000000'), maskedNumber('12')]).toEqual(['E******00', '**'])
  })
})

describe('the page', () => {
  it('warns an idle visitor and lets them go, but never while measuring', () => {
    const { lay, act, pass, view } = desk()
    lay(0, 0)
    expect(view(44).visit?.endsAt).toBeNull()
    expect(view(45).visit?.endsAt).toBe('2026-03-02T08:16:30+08:00')
    act({ do: 'stay' }, 46)
    pass(100)
    expect(view(100).visit?.step).toBe('ready')
    act({ do: 'start', device: 'cuff' }, 101)
    pass(230)
    expect(view(230).visit?.step).toBe('measuring')
    pass(292) // the cuff never answered
    expect(view(292).visit?.step).toBe('ready')
    pass(383)
    expect(view(383).visit).toMatchObject({ step: 'goodbye', who: null, results: [] })
    pass(389)
    expect(view(389).visit).toBeNull()
  })

  it('shows that an unassigned reading came, but not its figures', () => {
    const { lay, hear, view } = desk()
    lay(0, 0)
    lay(1, 50)
    hear(pressure(151), 90)
    const [result] = view(90).visit!.results
    expect(result).toMatchObject({ yours: false, values: { systolic: null }, assessment: null })
  })

  it('stops a running cuff when its visitor leaves', () => {
    const { lay, act } = desk()
    lay(0, 0)
    act({ do: 'start', device: 'cuff' }, 1)
    expect(act({ do: 'leave' }, 5).command).toEqual({ device: 'cuff', send: 'stop' })
  })
})
