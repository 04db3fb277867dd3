// The charts' twins: every figure with its unit, context, severity, device and source, newest first.
import type { ReactNode } from 'react'
import type { ApiObservation } from '../../api.ts'
import { bandOf, figureOf, mealBy, pressure, saidBy } from '../../figures.ts'
import { type Key, useText } from '../../i18n.ts'
import { Severity } from '../../parts/said.tsx'
import { useNow } from '../../session.tsx'
import { stamp } from '../../time.ts'
import { counts, type PressureVisit } from '../../visits.ts'

/** A table that becomes cards on a phone: each cell then carries its column's name. */
export function Grid({
  head,
  rows,
  caption,
}: {
  head: readonly string[]
  rows: readonly Cells[]
  caption: string | null
}) {
  return (
    <div className="scroller">
      <table className="data">
        {caption && <caption className="fine">{caption}</caption>}
        <thead>
          <tr>
            {head.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells }) => (
            <tr key={key}>
              {cells.map((cell, i) => (
                <td key={`${key} ${head[i]}`} data-label={head[i]}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

export interface Cells {
  key: string
  cells: readonly ReactNode[]
}

/** Said in the tooltip only: they follow from the two figures that stand there. */
const QUIET: ReadonlySet<string> = new Set(['isolatedSystolic', 'isolatedDiastolic', 'widePulsePressure'])

/** Flags that a doctor should read beside a value. */
export function Flags({ flags }: { flags: readonly string[] }) {
  const { t, has } = useText()
  const told = [...new Set(flags)].filter((flag) => !QUIET.has(flag))
  const known = told.map((flag) => `flag.${flag}`).filter((key): key is Key => has(key))
  return known.map((key) => (
    <span key={key} className="tag">
      {t(key)}
    </span>
  ))
}

export function VisitTable({
  visits,
  zone,
  caption,
}: {
  visits: readonly PressureVisit[]
  zone: string
  caption: string | null
}) {
  const { t } = useText()
  const now = useNow()
  const head = [
    t('column.time'),
    t('column.mean'),
    t('column.severity'),
    t('column.singles'),
    t('column.pulse'),
    t('column.source'),
  ]
  const rows = visits.toReversed().map((visit) => {
    const first = visit.readings[0]!
    const flags = [...visit.readings.flatMap((r) => [...r.flags, ...(r.assessment?.flags ?? [])])]
    return {
      key: visit.key,
      cells: [
        stamp(visit.at, zone, now),
        <span key="v" className="nowrap">
          <b className="num">{pressure(visit.systolic, visit.diastolic)}</b> <span className="fine">mmHg</span>
        </span>,
        <span key="s" className="cluster">
          {visit.assessment ? (
            <Severity level={visit.assessment.severity} word={t(bandOf(visit.assessment.band, 'blood-pressure'))} />
          ) : (
            <span className="dim">{t('band.none')}</span>
          )}
          {!counts(visit) && <span className="tag">{t(visit.valid === 0 ? 'visit.doubtful' : 'visit.single')}</span>}
          <Flags flags={flags} />
        </span>,
        visit.readings.length > 1 ? (
          <span key="1" className="wide">
            {visit.readings.map((r) => pressure(r.values.systolic, r.values.diastolic)).join(' · ')}
          </span>
        ) : (
          '—'
        ),
        <span key="p" className="nowrap">
          {visit.pulse === null ? '—' : t('visit.pulseUnit', { n: visit.pulse })}
        </span>,
        <Source key="d" reading={first} />,
      ],
    }
  })
  return <Grid head={head} rows={rows} caption={caption} />
}

export function GlucoseTable({
  readings,
  zone,
  caption,
}: {
  readings: readonly ApiObservation[]
  zone: string
  caption: string | null
}) {
  const { t } = useText()
  const now = useNow()
  const head = [
    t('column.time'),
    t('column.glucose'),
    t('column.severity'),
    t('column.context'),
    t('column.deviceSaid'),
    t('column.source'),
  ]
  const rows = readings.toReversed().map((reading) => ({
    key: reading.id,
    cells: [
      stamp(Date.parse(reading.takenAt!), zone, now),
      <Figure key="v" reading={reading} />,
      <Banded key="s" reading={reading} />,
      mealBy(reading, t),
      saidBy(reading, t),
      <Source key="d" reading={reading} />,
    ],
  }))
  return <Grid head={head} rows={rows} caption={caption} />
}

export function Figure({ reading }: { reading: ApiObservation }) {
  const { number, unit } = figureOf(reading)
  return (
    <span className="nowrap">
      <b className="num">{number}</b> {unit && <span className="fine">{unit}</span>}
    </span>
  )
}

export function Banded({ reading }: { reading: ApiObservation }) {
  const { t } = useText()
  const { assessment } = reading
  return (
    <span className="cluster">
      {reading.retracted ? (
        <span className="tag">{t('flag.retracted')}</span>
      ) : assessment ? (
        <Severity level={assessment.severity} word={t(bandOf(assessment.band, reading.kind))} />
      ) : (
        <span className="dim">{t('band.none')}</span>
      )}
      <Flags flags={[...reading.flags, ...(assessment?.flags ?? [])]} />
    </span>
  )
}

/** Kiosk, maker, model and serial number; and who gave the reading to this person, if somebody did. */
export function Source({ reading }: { reading: ApiObservation }) {
  const { t } = useText()
  const { device, assigned } = reading
  return (
    <span className="source">
      {reading.hub} · {device.vendor} {device.model}
      {device.serial && <span className="fine nowrap"> {device.serial}</span>}
      {assigned && (
        <span className="fine line">{t('source.assigned', { by: assigned.by, reason: assigned.reason })}</span>
      )}
    </span>
  )
}
