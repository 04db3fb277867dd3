// What of one kiosk is here, for whoever looks after it: each numbered sequence, how far it came, what lacks and where it is.
import type { Kiosk } from '../../api.ts'
import { useText } from '../../i18n.ts'
import { useSites } from '../../session.tsx'
import { Grid } from '../resident/tables.tsx'
import { damageOf } from './state.ts'

export function Delivery({ kiosk }: { kiosk: Kiosk }) {
  const { hub, site, delivery } = kiosk
  const { t } = useText()
  const { nameOf } = useSites()
  const damage = damageOf(kiosk, t)
  if (delivery.epochs.length === 0 && damage === null) return null
  const title = t('kiosks.delivery', { site: nameOf(site), hub })
  const head = [
    t('column.epoch'),
    t('column.through'),
    t('column.stored'),
    t('column.keptThere'),
    t('column.missing'),
    t('column.gone'),
  ]
  const rows = delivery.epochs.map(({ epoch, through, stored, kept, missing, ranges, gone }) => ({
    key: epoch,
    cells: [
      <span key="e" className="fine code" title={epoch}>
        {epoch.slice(0, 8)}
      </span>,
      through,
      stored,
      kept === null ? t('kiosk.notNamed') : kept.last < kept.first ? '—' : `${kept.first}–${kept.last}`,
      <span key="m">
        {missing}
        {ranges.length > 0 && (
          <span className="fine line">
            {ranges.map(([from, to]) => (from === to ? from : `${from}–${to}`)).join(t('kiosk.comma'))}
          </span>
        )}
      </span>,
      gone,
    ],
  }))
  return (
    <section className="panel" aria-label={title}>
      <div className="pad">
        <h2>{title}</h2>
        <p className="small dim">{t('kiosks.deliveryLead')}</p>
        {damage && (
          <p className="small">
            {damage.map((sentence) => (
              <span key={sentence} className="line">
                {sentence}
              </span>
            ))}
          </p>
        )}
      </div>
      {rows.length > 0 && <Grid head={head} rows={rows} caption={null} />}
    </section>
  )
}
