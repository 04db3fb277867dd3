// A resident's blood pressure and glucose over a chosen range: as charts on one time axis, or as the tables that say the same.
import { SegmentedControl } from '@mantine/core'
import { useCallback, useMemo, useState } from 'react'
import type { ApiObservation, Resident } from '../../api.ts'
import { pressureGoal } from '../../goals.ts'
import { useText } from '../../i18n.ts'
import { useKeys } from '../../keys.ts'
import { GlucoseChart, PressureChart } from '../../parts/chart/charts.tsx'
import { GlucoseKey, PressureKey } from '../../parts/chart/keys.tsx'
import { useNarrow } from '../../parts/narrow.ts'
import { Nothing, Trouble } from '../../parts/states.tsx'
import { useHistory, useKiosks } from '../../queries.ts'
import { hrefOf } from '../../route.ts'
import { useNow, useSites } from '../../session.tsx'
import { DAY, date, dayStart, foreignZone, yearsOld } from '../../time.ts'
import { meanOfVisits, visitsOf } from '../../visits.ts'
import { GlucoseTable, VisitTable } from './tables.tsx'

const RANGES = [7, 30, 90, 365] as const
/** Under a chart only the latest rows; the table view holds them all. */
const BELOW = 6

export function History({ resident }: { resident: Resident }) {
  const { t } = useText()
  const narrow = useNarrow()
  const { zoneOf, nameOf } = useSites()
  const zone = zoneOf(resident.homeSite)
  const now = useNow()
  const [days, setDays] = useState<number>(narrow ? 30 : 90)
  const [view, setView] = useState<'chart' | 'table'>('chart')
  const [cursor, setCursor] = useState<number | null>(null)
  useKeys(useMemo(() => ({ t: () => setView((shown) => (shown === 'chart' ? 'table' : 'chart')) }), []))
  const pressure = useHistory(resident.id, 'blood-pressure', days, zone, now)
  const glucose = useHistory(resident.id, 'glucose', days, zone, now)
  const visits = useMemo(
    () => visitsOf(pressure.data ?? [], resident.birthDate, zoneOf),
    [pressure.data, resident.birthDate, zoneOf],
  )
  const readings = useMemo(() => (glucose.data ?? []).filter((o) => o.takenAt !== null && !o.retracted), [glucose.data])
  // To the end of today: the axis then stands still while ages run on.
  const today = dayStart(now, zone)
  const range = useMemo(
    () => ({ fromMs: dayStart(today, zone, days - 1), toMs: dayStart(today + DAY * 1.5, zone) }),
    [today, days, zone],
  )
  const silentSince = useSilentSince(pressure.data ?? [])
  const goal = pressureGoal(resident.birthDate === null ? null : yearsOld(resident.birthDate, now, zone))
  const walked = useCallback((at: number | null) => setCursor(at), [])

  const from = date(range.fromMs, zone, now)
  const to = date(now, zone, now)
  const named = foreignZone(zone, now)
  const zoneNote = t('chart.zone', { site: nameOf(resident.homeSite) }) + (named ? ` ${named}` : '')
  const last = visits.at(-1)
  const sentence = last
    ? t('chart.pressureSentence', { from, to, count: visits.length, last: `${last.systolic}/${last.diastolic}` })
    : t('chart.pressureNone', { from, to })
  const mean = meanOfVisits(visits)
  const span = t('chart.span', { days, count: visits.length })
  const glucoseSpan = t('chart.glucoseSpan', { days, count: readings.length })
  const glucoseSentence = t('chart.glucoseSentence', { from, to, count: readings.length })
  const failed = pressure.data ? (glucose.data ? null : glucose.error) : pressure.error
  const shared = { range, zone, cursor, onCursor: walked }
  const all = (
    <a href={hrefOf({ page: 'readings', id: resident.id })} className="small all">
      {t('resident.allReadings')}
    </a>
  )
  return (
    <>
      <section className="panel" aria-label={t('kind.blood-pressure')}>
        <div className="pad">
          <div className="over">
            <h2>
              {t('kind.blood-pressure')} <span className="small dim">mmHg</span>
            </h2>
            <div className="switches">
              <SegmentedControl
                aria-label={t('chart.range')}
                value={String(days)}
                onChange={(value) => setDays(Number(value))}
                data={RANGES.map((n) => ({
                  value: String(n),
                  label: t(n === 365 ? 'chart.year' : 'chart.days', { n }),
                }))}
              />
              <SegmentedControl
                aria-label={t('chart.view')}
                value={view}
                onChange={setView}
                data={[
                  { value: 'chart', label: t('chart.chart') },
                  { value: 'table', label: t('chart.table') },
                ]}
              />
            </div>
          </div>
          {failed && <Trouble error={failed} />}
          {view === 'chart' ? (
            <>
              <PressureChart
                {...shared}
                visits={visits}
                goal={goal}
                sentence={sentence}
                height={narrow ? 220 : 330}
                silentSince={silentSince}
              />
              <PressureKey />
              <p className="fine caption">
                {span}
                {mean && ` · ${t('chart.mean', { figure: `${mean.systolic}/${mean.diastolic}`, count: mean.visits })}`}
                {mean && mean.out > 0 && ` · ${t('chart.out', { count: mean.out })}`}
                {goal && ` · ${t('chart.goal', { sys: goal.systolic, dia: goal.diastolic, whose: t(goal.whose) })}`} ·{' '}
                {zoneNote}
              </p>
              <h2 className="second">
                {t('kind.glucose')} <span className="small dim">mmol/L</span>
              </h2>
              <GlucoseChart {...shared} readings={readings} sentence={glucoseSentence} height={narrow ? 190 : 214} />
              <GlucoseKey />
              <p className="fine caption">{glucoseSpan}</p>
            </>
          ) : null}
        </div>
        {view === 'table' && <VisitTable visits={visits} zone={zone} caption={`${span} · ${zoneNote}`} />}
      </section>
      {view === 'table' ? (
        <section className="panel">
          <div className="pad over">
            <h2>
              {t('kind.glucose')} <span className="small dim">mmol/L</span>
            </h2>
            {all}
          </div>
          <GlucoseTable readings={readings} zone={zone} caption={`${glucoseSpan} · ${zoneNote}`} />
        </section>
      ) : (
        <>
          <section className="panel">
            <div className="pad over">
              <h2>{t('visit.title')}</h2>
              <span className="fine">
                {t('visit.latestOf', { shown: Math.min(BELOW, visits.length), count: visits.length, from, to })}
              </span>
              {all}
            </div>
            {visits.length === 0 && !pressure.isPending ? (
              <Nothing id="visit.none" values={{ days }} />
            ) : (
              <VisitTable visits={visits.slice(-BELOW)} zone={zone} caption={null} />
            )}
          </section>
          <section className="panel">
            <div className="pad over">
              <h2>{t('glucose.title')}</h2>
              <span className="fine">
                {t('glucose.latestOf', { shown: Math.min(BELOW, readings.length), count: readings.length, from, to })}
              </span>
            </div>
            {readings.length === 0 && !glucose.isPending ? (
              <Nothing id="glucose.none" values={{ days }} />
            ) : (
              <GlucoseTable readings={readings.slice(-BELOW)} zone={zone} caption={null} />
            )}
          </section>
        </>
      )}
    </>
  )
}

/** Since when the kiosk of the latest reading is out of contact; null while it speaks. */
function useSilentSince(readings: readonly ApiObservation[]): number | null {
  const kiosks = useKiosks().data
  const hub = readings.at(-1)?.hub
  const kiosk = kiosks?.find((one) => one.hub === hub && (one.presence === 'silent' || one.presence === 'offline'))
  return kiosk?.lastWord ? Date.parse(kiosk.lastWord) : null
}
