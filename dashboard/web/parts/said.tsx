// The small parts that carry the rules of how data are shown: each asks for the word, unit or age it must not be drawn without.
import type { ReactNode } from 'react'
import type { ApiObservation, ResidentRow } from '../api.ts'
import { type Figure, figureOf, mealOf, urgencyOf } from '../figures.ts'
import { type Key, useText } from '../i18n.ts'
import { useKiosks } from '../queries.ts'
import { useNow, useSites } from '../session.tsx'
import { age, yearsOld } from '../time.ts'
import { type Level, Shape } from './symbols.tsx'

/** How soon to act: shape and word together, always. */
export function Severity({ level, word }: { level: Level; word: ReactNode }) {
  return (
    <span className={`sev s${level}`}>
      <Shape level={level} />
      <span>{word}</span>
    </span>
  )
}

/** A number with its unit and how old it is. HI and LO are words and have no unit. */
export function Value({ figure, note, age: old }: { figure: Figure; note: string | null; age: ReactNode }) {
  return (
    <span className="value">
      <b className="num">{figure.number}</b>{' '}
      <small>
        {[figure.unit, note].filter(Boolean).join(' ')} · {old}
      </small>
    </span>
  )
}

/** The latest reading of a kind: value, unit, context, severity, age, and whether a newer one may be stuck in a silent kiosk. */
export function Latest({ observation, withWord }: { observation: ApiObservation | null; withWord: boolean }) {
  const { t } = useText()
  const silent = useSilent()
  if (observation === null) return <span className="dim">{t('value.none')}</span>
  const { assessment } = observation
  return (
    <>
      {assessment && !withWord && (
        <span className="shape">
          <Shape level={assessment.severity} />
          <span className="unseen">{t(urgencyOf(assessment))}</span>
        </span>
      )}
      <Value figure={figureOf(observation)} note={mealOf(observation, t)} age={<Age observation={observation} />} />
      {assessment && withWord && <Severity level={assessment.severity} word={t(urgencyOf(assessment))} />}
      {silent(observation.hub) && <span className="tag s1">{t('value.maybeNewer', { hub: observation.hub })}</span>}
    </>
  )
}

/** Hubs that are out of contact: what they measured since may be missing here. */
function useSilent(): (hub: string) => boolean {
  const kiosks = useKiosks().data
  return (hub) => {
    const presence = kiosks?.find((kiosk) => kiosk.hub === hub)?.presence
    return presence === 'silent' || presence === 'offline'
  }
}

/** Age of a reading in words; what has no date says so. */
export function Age({ observation }: { observation: ApiObservation }) {
  const { t } = useText()
  const now = useNow()
  const { zoneOf } = useSites()
  if (observation.timePending) return <>{t('time.pending')}</>
  if (observation.takenAt === null) return <>{t('time.undated')}</>
  return (
    <time dateTime={observation.takenAt}>{age(Date.parse(observation.takenAt), zoneOf(observation.site), now, t)}</time>
  )
}

/** A resident's name: Chinese glyphs also inside the English page, and a word when the card could not be read whole. */
export function Name({ of, tag: Tag = 'b' }: { of: { name: string; nameIncomplete?: boolean }; tag?: 'b' | 'span' }) {
  const { t } = useText()
  return (
    <>
      <Tag lang="zh-CN">{of.name}</Tag>
      {of.nameIncomplete && <span className="tag s1">{t('person.nameIncomplete')}</span>}
    </>
  )
}

/** Sex and age: `女 · 72 岁`. */
export function usePerson(): (resident: ResidentRow) => string {
  const { t } = useText()
  const now = useNow()
  const { zoneOf } = useSites()
  return (resident) => {
    const years = resident.birthDate === null ? null : yearsOld(resident.birthDate, now, zoneOf(resident.homeSite))
    const sex = t(`sex.${resident.sex}` as Key)
    return years === null ? `${sex} · ${t('person.ageUnknown')}` : t('person.sexAge', { sex, years })
  }
}

/** A document number as the API masked it; the whole never reaches this page. */
export function Masked({ number }: { number: string }) {
  return <span className="masked">{number}</span>
}
