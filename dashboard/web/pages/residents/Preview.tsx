// The selected resident at a glance, beside the list: the last 30 days of blood pressure and the latest figures.
import { useMemo } from 'react'
import type { ResidentRow } from '../../api.ts'
import { figureOf, mealOf } from '../../figures.ts'
import { pressureGoal } from '../../goals.ts'
import { useText } from '../../i18n.ts'
import { PressureChart } from '../../parts/chart/charts.tsx'
import { Name, Severity, usePerson } from '../../parts/said.tsx'
import { useHistory } from '../../queries.ts'
import { hrefOf } from '../../route.ts'
import { useNow, useSites } from '../../session.tsx'
import { DAY, dayStart, recent, yearsOld } from '../../time.ts'
import { visitsOf } from '../../visits.ts'

const DAYS = 30

export function Preview({ row }: { row: ResidentRow }) {
  const { t } = useText()
  const person = usePerson()
  const now = useNow()
  const { zoneOf, nameOf } = useSites()
  const zone = zoneOf(row.homeSite)
  const pressure = useHistory(row.id, 'blood-pressure', DAYS, zone, now).data
  const glucose = useHistory(row.id, 'glucose', DAYS, zone, now).data
  const visits = useMemo(() => visitsOf(pressure ?? [], row.birthDate, zoneOf), [pressure, row.birthDate, zoneOf])
  const today = dayStart(now, zone)
  const range = useMemo(
    () => ({ fromMs: dayStart(today, zone, DAYS - 1), toMs: dayStart(today + DAY * 1.5, zone) }),
    [today, zone],
  )
  const goal = useMemo(
    () => pressureGoal(row.birthDate === null ? null : yearsOld(row.birthDate, today, zone)),
    [row.birthDate, today, zone],
  )
  const levels = [row.latest.bloodPressure, row.latest.glucose].flatMap((o) => o?.assessment?.severity ?? [])
  const level = levels.toSorted((a, b) => b - a)[0]
  const steps = [...(pressure ?? []), ...(glucose ?? [])]
    .filter((o) => o.takenAt !== null && !o.retracted)
    .sort((a, b) => Date.parse(b.takenAt!) - Date.parse(a.takenAt!))
    .slice(0, 5)
  const last = visits.at(-1)
  const sentence = last
    ? t('chart.preview', { days: DAYS, count: visits.length, last: `${last.systolic}/${last.diastolic}` })
    : t('chart.previewNone', { days: DAYS })
  return (
    <aside className="panel sticky" aria-label={t('residents.selected')}>
      <div className="pad">
        <div className="over">
          <h2>
            <Name of={row} tag="span" />
          </h2>
          {level !== undefined && <Severity level={level} word={t(`severity.${level}`)} />}
          <a href={hrefOf({ page: 'resident', id: row.id })} className="small all">
            {t('residents.open')}
          </a>
        </div>
        <p className="small dim">
          {person(row)} · {nameOf(row.homeSite)}
        </p>
      </div>
      <div className="pad">
        <PressureChart
          visits={visits}
          goal={goal}
          range={range}
          zone={zone}
          sentence={sentence}
          height={190}
          silentSince={null}
          cursor={null}
          onCursor={ignore}
        />
        <p className="fine">{t('chart.previewNote', { days: DAYS })}</p>
      </div>
      <div className="pad">
        <h3>{t('residents.lately')}</h3>
        {steps.length === 0 ? (
          <p className="small dim">{t('residents.nothingLately', { days: DAYS })}</p>
        ) : (
          <ol className="steps">
            {steps.map((o) => {
              const { number, unit } = figureOf(o)
              return (
                <li key={o.id}>
                  <time dateTime={o.takenAt ?? undefined}>
                    {recent(Date.parse(o.takenAt!), zoneOf(o.site), now, t)}
                  </time>
                  <span>
                    <b>{number}</b>{' '}
                    {[unit, mealOf(o, t), o.values.pulse == null ? null : t('visit.pulse', { n: o.values.pulse })]
                      .filter(Boolean)
                      .join(' · ')}
                    <span className="fine"> {o.hub}</span>
                  </span>
                </li>
              )
            })}
          </ol>
        )}
      </div>
    </aside>
  )
}

const ignore = () => undefined
