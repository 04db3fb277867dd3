// Every single reading of one resident, all years, with all that is known of where it came from.
import { mealBy, saidBy } from '../../figures.ts'
import { useText } from '../../i18n.ts'
import { Head } from '../../parts/Head.tsx'
import { Name } from '../../parts/said.tsx'
import { More, Nothing, Trouble } from '../../parts/states.tsx'
import { useReadings, useResident } from '../../queries.ts'
import { useNow, useSites } from '../../session.tsx'
import { foreignZone, stamp } from '../../time.ts'
import { Banded, Figure, Grid, Source } from './tables.tsx'

export function Readings({ id }: { id: string }) {
  const { t } = useText()
  const resident = useResident(id).data
  const list = useReadings(id)
  const now = useNow()
  const { zoneOf, nameOf } = useSites()
  const head = [
    t('column.time'),
    t('column.kind'),
    t('column.value'),
    t('column.severity'),
    t('column.context'),
    t('column.deviceSaid'),
    t('column.deviceTime'),
    t('column.received'),
    t('column.source'),
  ]
  const zone = zoneOf(resident?.homeSite ?? '')
  const rows = (list.items ?? []).map((reading) => ({
    key: reading.id,
    cells: [
      reading.timePending
        ? t('time.pending')
        : reading.takenAt === null
          ? t('time.undated')
          : stamp(Date.parse(reading.takenAt), zoneOf(reading.site), now),
      t(`kind.${reading.kind}`),
      <Figure key="v" reading={reading} />,
      <Banded key="b" reading={reading} />,
      mealBy(reading, t),
      saidBy(reading, t) + (reading.values.pulse == null ? '' : ` · ${t('visit.pulse', { n: reading.values.pulse })}`),
      reading.deviceTime?.replace('T', ' ') ?? '—',
      stamp(Date.parse(reading.receivedAt), zoneOf(reading.site), now),
      <Source key="s" reading={reading} />,
    ],
  }))
  const caption =
    t('chart.zone', { site: nameOf(resident?.homeSite ?? '') }) +
    (foreignZone(zone, now) ? ` ${foreignZone(zone, now)}` : '')
  return (
    <div className="page">
      <Head
        title={t('resident.allTitle')}
        back={{ page: 'resident', id }}
        under={
          resident && (
            <>
              <Name of={resident} tag="span" /> · {t('list.shown', { total: list.total ?? 0, shown: rows.length })}
            </>
          )
        }
      />
      <main className="panel" id="main">
        {!list.items && list.error ? <Trouble error={list.error} /> : null}
        {list.items?.length === 0 ? (
          <Nothing id="resident.noReadings" />
        ) : (
          <Grid head={head} rows={rows} caption={caption} />
        )}
        <More list={list} />
      </main>
    </div>
  )
}
