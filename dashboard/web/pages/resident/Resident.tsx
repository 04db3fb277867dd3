// One resident: who, the latest figures with their age, both charts with their tables, and beside them what they are held against.
import { Button } from '@mantine/core'
import { useMemo } from 'react'
import type { ApiObservation, Resident as ResidentData } from '../../api.ts'
import { bandOf, figureOf, mealOf, ruleOf } from '../../figures.ts'
import { FASTING_GOAL, pressureGoal } from '../../goals.ts'
import { useText } from '../../i18n.ts'
import { Head } from '../../parts/Head.tsx'
import { Age, Latest, Masked, Name, Severity, usePerson } from '../../parts/said.tsx'
import { Trouble } from '../../parts/states.tsx'
import { Icon } from '../../parts/symbols.tsx'
import { useHistory, useKiosks, useResident } from '../../queries.ts'
import { hrefOf } from '../../route.ts'
import { useNow, useSites } from '../../session.tsx'
import { date, recent, stamp, yearsOld } from '../../time.ts'
import { meanOfVisits, visitsOf } from '../../visits.ts'
import { History } from './History.tsx'

export function Resident({ id }: { id: string }) {
  const { data: resident, error } = useResident(id)
  const { t } = useText()
  const person = usePerson()
  const { zoneOf, nameOf } = useSites()
  const now = useNow()
  if (!resident)
    return (
      <div className="page">
        <Head title={t('nav.residents')} back={{ page: 'residents' }} />
        {error && <Trouble error={error} />}
      </div>
    )
  return (
    <div className="page two">
      <Head
        title={<Name of={resident} tag="span" />}
        back={{ page: 'residents' }}
        under={
          <>
            {person(resident)} · {nameOf(resident.homeSite)} · <Masked number={resident.numberMasked} />
          </>
        }
      >
        <Button variant="default" className="desk" leftSection={<Icon name="print" />} onClick={() => print()}>
          {t('resident.print')}
        </Button>
      </Head>
      <main className="stack" id="main">
        <Facts resident={resident} />
        <History key={id} resident={resident} />
        <p className="fine printed">{t('resident.printed', { time: stamp(now, zoneOf(resident.homeSite), now) })}</p>
      </main>
      <Beside resident={resident} />
    </div>
  )
}

/** The strip over the charts. */
function Facts({ resident }: { resident: ResidentData }) {
  const { t } = useText()
  const now = useNow()
  const { zoneOf } = useSites()
  const zone = zoneOf(resident.homeSite)
  const month = useHistory(resident.id, 'blood-pressure', 30, zone, now).data
  const mean = useMemo(
    () => meanOfVisits(visitsOf(month ?? [], resident.birthDate, zoneOf)),
    [month, resident.birthDate, zoneOf],
  )
  const { counts, firstVisit } = resident
  return (
    <dl className="facts">
      <div>
        <dt>{t('resident.latestPressure')}</dt>
        <dd>
          <Latest observation={resident.latest.bloodPressure} withWord={false} />
        </dd>
      </div>
      <div>
        <dt>{t('resident.latestGlucose')}</dt>
        <dd>
          <Latest observation={resident.latest.glucose} withWord={false} />
        </dd>
      </div>
      <div>
        <dt>{t('resident.mean30')}</dt>
        <dd>
          {mean ? (
            <span className="value">
              <b className="num">
                {mean.systolic}/{mean.diastolic}
              </b>{' '}
              <small>mmHg · {t('visit.count', { count: mean.visits })}</small>
            </span>
          ) : (
            <span className="dim">{t('resident.noMean')}</span>
          )}
        </dd>
      </div>
      <div>
        <dt>{t('resident.since')}</dt>
        <dd>
          <span className="value">
            <b className="num">{firstVisit === null ? '—' : date(Date.parse(firstVisit), zone, now)}</b>{' '}
            <small>{t('resident.counts', { bp: counts.bloodPressure, glu: counts.glucose })}</small>
          </span>
        </dd>
      </div>
    </dl>
  )
}

/** Latest findings that want a look, the lines in use, and how current the kiosks behind the data are. */
function Beside({ resident }: { resident: ResidentData }) {
  const { t } = useText()
  const now = useNow()
  const { zoneOf } = useSites()
  const zone = zoneOf(resident.homeSite)
  const kiosks = useKiosks().data
  const years = resident.birthDate === null ? null : yearsOld(resident.birthDate, now, zone)
  const goal = pressureGoal(years)
  const latest = [resident.latest.bloodPressure, resident.latest.glucose].filter((o) => o !== null)
  const hubs = [...new Set(latest.map((o) => o.hub))]
  return (
    <aside className="panel" aria-label={t('resident.beside')}>
      {latest.map((observation) => (
        <Finding key={observation.kind} observation={observation} />
      ))}
      <div className="pad">
        <h3>{t('resident.lines')}</h3>
        <p className="small">
          {goal
            ? t('goal.pressureLine', { sys: goal.systolic, dia: goal.diastolic, whose: t(goal.whose) })
            : t('goal.underAge')}
          <br />
          {t('goal.glucoseLine', { from: FASTING_GOAL.from.toFixed(1), to: FASTING_GOAL.to.toFixed(1) })}
        </p>
      </div>
      <div className="pad">
        <h3>{t('resident.data')}</h3>
        {hubs.map((hub) => {
          const kiosk = kiosks?.find((one) => one.hub === hub)
          const time = kiosk?.lastWord ? recent(Date.parse(kiosk.lastWord), zone, now, t) : '—'
          const away = kiosk !== undefined && kiosk.presence !== 'online'
          return (
            <p key={hub} className="small dim">
              <a href={hrefOf({ page: 'kiosks' })}>{hub}</a>{' '}
              {t(away ? 'kiosk.silentSince' : 'kiosk.inContact', { time })}
            </p>
          )
        })}
        <p className="fine">{t('resident.notLive')}</p>
      </div>
    </aside>
  )
}

function Finding({ observation }: { observation: ApiObservation }) {
  const { t } = useText()
  const { assessment } = observation
  const { number, unit } = figureOf(observation)
  return (
    <div className="pad">
      <div className="over">
        {assessment ? (
          <Severity
            level={assessment.severity}
            word={`${t(`kind.${observation.kind}`)} · ${t(bandOf(assessment.band, observation.kind))}`}
          />
        ) : (
          <b>{t(`kind.${observation.kind}`)}</b>
        )}
        <span className="fine all">
          <Age observation={observation} />
        </span>
      </div>
      <p className="small">
        <b className="num">{number}</b> {[unit, mealOf(observation, t)].filter(Boolean).join(' ')} ·{' '}
        {t('value.oneReading')}
      </p>
      <p className="fine">
        {assessment ? t('value.rule', { rule: ruleOf(assessment), ruleSet: assessment.ruleSet }) : t('value.noRule')}
      </p>
    </div>
  )
}
