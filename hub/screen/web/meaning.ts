// What a result is called and what to do next: from the band of the published table to the page's words. Pure.
import type { ScreenResult } from '../view.ts'
import type { GlyphName } from './drawings.tsx'
import type { Word } from './words.zh.ts'

export interface Meaning {
  /** Null where the table draws no conclusion: then no severity is shown. */
  severity: number | null
  title: Word
  note: Word | null
  next: { glyph: GlyphName; word: Word }[]
  /** Where on the pressure's scale of five; null: no scale is shown. */
  place: number | null
  /** Set for what must be acted on now: it gets the calm screen instead of the card. */
  urgent: { first: Word | null; calm: Word; signs: Word; call: Word } | null
}

/** No table judges it for one person at one time: the figure, and nothing more. */
const PLAIN: Meaning = {
  severity: null,
  title: 'any.plain',
  note: 'any.plain.note',
  next: [],
  place: null,
  urgent: null,
}

const next = (glyph: GlyphName, word: Word) => ({ glyph, word })
const tellStaff = next('doctor', 'next.tellStaff')
const tellDoctor = next('doctor', 'next.tellDoctor')

type Wording = Omit<Meaning, 'severity' | 'urgent'> & { urgent?: Meaning['urgent'] }

const PRESSURE: Record<string, Wording> = {
  normal: { title: 'bp.normal', note: null, next: [], place: 1 },
  highNormal: {
    title: 'bp.highNormal',
    note: null,
    next: [next('walk', 'next.lessSalt'), next('calendar', 'next.halfYear')],
    place: 2,
  },
  grade1: {
    title: 'bp.raised',
    note: 'bp.raised.note',
    next: [next('calendar', 'next.anotherDay'), tellDoctor],
    place: 3,
  },
  grade3: {
    title: 'bp.severe',
    note: null,
    next: [],
    place: 4,
    urgent: { first: 'bp.severe.first', calm: 'bp.severe.calm', signs: 'bp.severe.signs', call: 'bp.severe.call' },
  },
  low: { title: 'bp.low', note: null, next: [next('seat', 'next.dizzy'), tellStaff], place: 0 },
  veryLow: {
    title: 'bp.veryLow',
    note: null,
    next: [],
    place: 0,
    urgent: {
      first: 'bp.veryLow.first',
      calm: 'bp.veryLow.calm',
      signs: 'bp.veryLow.signs',
      call: 'bp.severe.call',
    },
  },
}

const raised: Wording = {
  title: 'glu.raised',
  note: 'glu.raised.note',
  next: [next('doctor', 'next.recheck')],
  place: null,
}

const GLUCOSE: Record<string, Wording> = {
  usual: { title: 'glu.usual', note: null, next: [], place: null },
  raisedFasting: raised,
  raisedAfterMeal: raised,
  high: raised,
  low: { title: 'glu.low', note: null, next: [tellStaff, next('seat', 'next.quarter')], place: null },
  veryHigh: {
    title: 'glu.veryHigh',
    note: null,
    next: [],
    place: null,
    urgent: {
      first: 'glu.veryHigh.first',
      calm: 'glu.veryHigh.calm',
      signs: 'glu.veryHigh.signs',
      call: 'glu.veryHigh.call',
    },
  },
  veryLow: {
    title: 'glu.veryLow',
    note: null,
    next: [],
    place: null,
    urgent: {
      first: 'glu.veryLow.first',
      calm: 'glu.veryLow.calm',
      signs: 'glu.veryLow.signs',
      call: 'glu.veryHigh.call',
    },
  },
}

const ASK_STAFF: Meaning = {
  severity: null,
  title: 'any.askStaff',
  note: 'any.askStaff.note',
  next: [],
  place: null,
  urgent: null,
}

/** @param earlier the visitor's other results of this visit, oldest first */
export function meaningOf(result: ScreenResult, earlier: readonly ScreenResult[]): Meaning {
  if (result.kind === 'body-weight' || result.kind === 'body-height') return PLAIN
  if (!result.assessment) return ASK_STAFF
  const { band, severity, flags } = result.assessment
  if (band === 'noConclusion') {
    const asked = result.meal !== null && result.meal !== 'unknown'
    return { ...ASK_STAFF, title: 'glu.noContext', note: asked ? 'glu.random.note' : 'glu.noContext.note' }
  }
  const wording = result.kind === 'glucose' ? GLUCOSE[band] : PRESSURE[pressureWording(band, severity)]
  if (!wording) return ASK_STAFF // a band of a newer table than this page
  const still = band === 'grade3' && earlier.some((one) => one.assessment?.band === 'grade3')
  return {
    ...wording,
    severity,
    urgent: wording.urgent ? { ...wording.urgent, ...(still ? { first: null } : {}) } : null,
    title: still ? 'bp.severe.still' : wording.title,
    next: [...before(severity, flags), ...wording.next].slice(0, 2), // little on a page
  }
}

/** What a mark on the reading asks for, before the advice of its band. */
function before(severity: number, flags: readonly string[]): Meaning['next'] {
  if (flags.includes('irregularPulse')) return [next('repeat', 'next.irregular'), next('doctor', 'next.listen')]
  if (flags.some((flag) => ['unconfirmed', 'pulseVerySlow', 'pulseVeryFast'].includes(flag)))
    return [next('repeat', 'next.unusual')]
  return severity === 2 && flags.includes('lowDiastolic') ? [tellDoctor] : []
}

const pressureWording = (band: string, severity: number) =>
  band === 'grade2' ? 'grade1' : band === 'low' && severity === 3 ? 'veryLow' : band
