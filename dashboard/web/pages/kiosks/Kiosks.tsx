// The kiosks: who is out of contact first, then what each has still to send, what is missing, its clock, and its instruments.
import { Fragment, useState } from 'react'
import type { Kiosk } from '../../api.ts'
import { useText } from '../../i18n.ts'
import { Head } from '../../parts/Head.tsx'
import { Severity } from '../../parts/said.tsx'
import { Nothing, Trouble } from '../../parts/states.tsx'
import { Shape } from '../../parts/symbols.tsx'
import { useKiosks, useQuarantine } from '../../queries.ts'
import { hrefOf } from '../../route.ts'
import { useNow, useSites } from '../../session.tsx'
import { drift, duration, recent } from '../../time.ts'
import { useCause } from '../quarantine/Quarantine.tsx'
import { Delivery } from './Delivery.tsx'
import { Devices } from './Devices.tsx'
import { byNeed, clockOff, isAway, stateOf } from './state.ts'

type Filter = 'away' | 'todo' | null

export function Kiosks() {
  const { t } = useText()
  const { data, error } = useKiosks()
  const [filter, setFilter] = useState<Filter>(null)
  const [chosen, setChosen] = useState<string | null>(null)
  const kiosks = (data ?? []).toSorted(byNeed)
  const away = kiosks.filter(isAway)
  const todo = kiosks.filter((kiosk) => !isAway(kiosk) && stateOf(kiosk).level > 0)
  const shown = filter === 'away' ? away : filter === 'todo' ? todo : kiosks
  const selected =
    shown.find((kiosk) => kiosk.hub === chosen) ?? shown.find((kiosk) => (kiosk.status?.devices.length ?? 0) > 0)
  const chip = (kind: 'away' | 'todo', level: 2 | 3, count: number) => (
    <button
      type="button"
      className="chip"
      aria-pressed={filter === kind}
      onClick={() => setFilter(filter === kind ? null : kind)}
    >
      <Shape level={level} />
      {t(`kiosks.${kind}`)} <b>{count}</b>
    </button>
  )
  return (
    <div className="page two">
      <Head
        title={
          away.length === 0
            ? t('kiosks.title', { count: kiosks.length })
            : t('kiosks.titleAway', { count: kiosks.length, away: away.length })
        }
        under={t('kiosks.lead')}
      >
        {chip('away', 3, away.length)}
        {chip('todo', 2, todo.length)}
      </Head>
      <main className="stack" id="main">
        {!data && error ? <Trouble error={error} /> : null}
        <section className="panel" aria-label={t('nav.kiosks')}>
          {data?.length === 0 && <Nothing id="kiosks.none" />}
          {data && data.length > 0 && shown.length === 0 && <Nothing id="kiosks.noneSuch" />}
          {shown.length > 0 && (
            <div className="scroller">
              <table className="data kiosks">
                <thead>
                  <tr>
                    <th scope="col">{t('column.site')}</th>
                    <th scope="col">{t('column.state')}</th>
                    <th scope="col">{t('column.lastReading')}</th>
                    <th scope="col" className="r">
                      {t('column.queued')}
                    </th>
                    <th scope="col">{t('column.records')}</th>
                    <th scope="col" className="r">
                      {t('column.clock')}
                    </th>
                    <th scope="col" className="r">
                      {t('column.version')}
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((kiosk) => (
                    <Row
                      key={kiosk.hub}
                      kiosk={kiosk}
                      current={kiosk.hub === selected?.hub}
                      onChoose={() => setChosen(kiosk.hub)}
                    />
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </section>
        {selected && <Devices kiosk={selected} />}
        {selected && <Delivery kiosk={selected} />}
      </main>
      <Kept />
    </div>
  )
}

function Row({ kiosk, current, onChoose }: { kiosk: Kiosk; current: boolean; onChoose: () => void }) {
  const { t } = useText()
  const now = useNow()
  const { zoneOf, nameOf } = useSites()
  const zone = zoneOf(kiosk.site)
  const { level, word, advice } = stateOf(kiosk)
  const { status, delivery } = kiosk
  const at = (instant: string) => recent(Date.parse(instant), zone, now, t)
  const off = clockOff(kiosk)
  const queued = status?.queued ?? null
  const grave = level === 3 ? 'grave' : undefined
  const records = [
    delivery.stored > 0 && t('kiosk.stored', { n: delivery.stored }),
    delivery.missing > 0 && t('kiosk.missing', { n: delivery.missing }),
    delivery.gone > 0 && t('kiosk.goneCount', { n: delivery.gone }),
    delivery.conflicts > 0 && t('kiosk.conflicts', { n: delivery.conflicts }),
    delivery.quarantined > 0 && t('kiosk.quarantined', { n: delivery.quarantined }),
  ].filter((part) => part !== false)
  const complete = delivery.stored > 0 && records.length === 1
  return (
    <Fragment>
      <tr className={grave} data-open={advice ? true : undefined}>
        <th scope="row">
          <button type="button" className="link" aria-pressed={current} onClick={onChoose}>
            {nameOf(kiosk.site)}
          </button>
          <span className="fine line">{kiosk.hub}</span>
        </th>
        <td>
          <Severity level={level} word={t(word)} />
          <span className="small dim line">
            {kiosk.lastWord === null
              ? status === null
                ? t('kiosk.noWord')
                : t('kiosk.ownWord', { time: at(status.at) }) // kept by the broker from before: no contact
              : isAway(kiosk)
                ? t('kiosk.since', {
                    time: at(kiosk.lastWord),
                    duration: duration(now - Date.parse(kiosk.lastWord), t),
                  })
                : t('kiosk.lastWord', { time: at(kiosk.lastWord) })}
          </span>
        </td>
        <td data-label={t('column.lastReading')}>
          {kiosk.lastReading === null ? t('kiosk.noReading') : at(kiosk.lastReading)}
        </td>
        <td className="r" data-label={t('column.queued')}>
          {queued === null ? '—' : isAway(kiosk) ? t('kiosk.atLeast', { n: queued }) : queued}
          {status?.oldest && <span className="fine line">{t('kiosk.oldest', { time: at(status.oldest) })}</span>}
        </td>
        <td data-label={t('column.records')}>
          {complete && `${t('kiosk.complete')} · `}
          {records.length === 0 ? '—' : records.join(' · ')}
        </td>
        <td className="r" data-label={t('column.clock')}>
          {off === null
            ? '—'
            : status?.clock.trusted === false
              ? t('kiosk.unsure')
              : off === 0
                ? t('kiosk.right')
                : drift(off)}
        </td>
        <td className="r dim" data-label={t('column.version')}>
          {status?.versions.hub ?? '—'}
        </td>
      </tr>
      {advice && (
        <tr className={grave}>
          <td className="pushed" />
          <td colSpan={6} className="advice">
            {t(advice)}
          </td>
        </tr>
      )}
    </Fragment>
  )
}

/** The quarantine in short, beside the kiosks it came from. */
function Kept() {
  const { t } = useText()
  const cause = useCause()
  const now = useNow()
  const { zoneOf } = useSites()
  const { items, total } = useQuarantine()
  return (
    <aside className="panel pad" aria-label={t('nav.quarantine')}>
      <h2>{t('quarantine.title', { count: total ?? 0 })}</h2>
      <p className="small dim">{t('quarantine.lead')}</p>
      <ul className="kept-short">
        {(items ?? []).slice(0, 5).map((item) => (
          <li key={item.id}>
            <span className="fine">
              {item.hub ?? t('quarantine.noHub')} · {recent(Date.parse(item.receivedAt), zoneOf(''), now, t)}
            </span>
            <span>{cause(item.reason)}</span>
            <a href={hrefOf({ page: 'quarantine', id: item.id })} className="small">
              {t('quarantine.see')}
            </a>
          </li>
        ))}
      </ul>
    </aside>
  )
}
