// What a chart's tooltip and a screen reader say of one mark: the same facts in the same order as the table.
import { useCallback } from 'react'
import type { ApiObservation } from '../../api.ts'
import { bandOf, figureOf, mealBy, pressure, ruleOf, saidBy, sourceOf } from '../../figures.ts'
import { type Key, useText } from '../../i18n.ts'
import { useNow } from '../../session.tsx'
import { foreignZone, stamp } from '../../time.ts'
import { counts, type PressureVisit } from '../../visits.ts'
import type { Stop } from './plot.tsx'

type Words = Pick<Stop, 'words' | 'shown'>

const lines = (parts: readonly (string | null)[]): Words => {
  const said = parts.filter((part) => part !== null)
  return {
    words: said.join('; '),
    shown: said.map((part, i) => (i === 0 ? <b key={part}>{part}</b> : <span key={part}>{part}</span>)),
  }
}

/** The day's year matters only when it is another one, and days do not change the words of a mark. */
function useStamp(zone: string) {
  const now = useNow()
  const year = new Date(now).getUTCFullYear()
  const named = foreignZone(zone, now)
  return useCallback(
    (at: number) => `${stamp(at, zone, Date.UTC(year, 6))}${named ? ` ${named}` : ''}`,
    [zone, year, named],
  )
}

function useFlags() {
  const { t, has } = useText()
  return useCallback(
    (flags: readonly string[]) => {
      const known = [...new Set(flags)].map((flag) => `flag.${flag}`).filter((key): key is Key => has(key))
      return known.length === 0 ? null : known.map((key) => t(key)).join(' · ')
    },
    [t, has],
  )
}

export function useVisitWords(zone: string): (visit: PressureVisit) => Words {
  const { t } = useText()
  const at = useStamp(zone)
  const flags = useFlags()
  return useCallback(
    (visit) => {
      const figure = `${pressure(visit.systolic, visit.diastolic)} mmHg`
      const first = visit.readings[0]!
      const { assessment } = visit
      return lines([
        `${at(visit.at)} · ${counts(visit) ? t('visit.meanOf', { figure, count: visit.valid }) : `${figure} · ${t('visit.single')}`}`,
        visit.readings.length > 1
          ? t('visit.singles', {
              list: visit.readings.map((r) => pressure(r.values.systolic, r.values.diastolic)).join(' · '),
            })
          : null,
        visit.pulse === null ? null : t('visit.pulse', { n: visit.pulse }),
        sourceOf(first),
        assessment &&
          `${t(`severity.${assessment.severity}`)} · ${t(bandOf(assessment.band, 'blood-pressure'))} · ${ruleOf(assessment)} · ${assessment.ruleSet}`,
        flags([
          ...(assessment?.flags ?? []),
          ...visit.readings.flatMap((r) => [...r.flags, ...(r.assessment?.flags ?? [])]),
        ]),
      ])
    },
    [t, at, flags],
  )
}

export function useGlucoseWords(zone: string): (reading: ApiObservation) => Words {
  const { t } = useText()
  const at = useStamp(zone)
  const flags = useFlags()
  return useCallback(
    (reading) => {
      const { number, unit } = figureOf(reading)
      const { assessment } = reading
      return lines([
        `${at(Date.parse(reading.takenAt!))} · ${unit === null ? saidBy(reading, t) : `${number} ${unit}`} · ${mealBy(reading, t)}`,
        unit !== null && reading.unit !== unit ? t('value.saidBy', { figure: saidBy(reading, t) }) : null,
        sourceOf(reading),
        assessment &&
          `${t(`severity.${assessment.severity}`)} · ${t(bandOf(assessment.band, 'glucose'))} · ${ruleOf(assessment)} · ${assessment.ruleSet}`,
        flags([...reading.flags, ...(assessment?.flags ?? [])]),
      ])
    },
    [t, at, flags],
  )
}
