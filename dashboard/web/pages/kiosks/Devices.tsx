// The instruments of one kiosk: state with its cause, what came from each, what was refused, and how far its clock is off.
import type { Kiosk } from '../../api.ts'
import { type Key, useText } from '../../i18n.ts'
import { Severity } from '../../parts/said.tsx'
import { Nothing } from '../../parts/states.tsx'
import type { Level } from '../../parts/symbols.tsx'
import { useNow, useSites } from '../../session.tsx'
import { drift, recent } from '../../time.ts'
import { Grid } from '../resident/tables.tsx'
import { isAway } from './state.ts'

type Device = NonNullable<Kiosk['status']>['devices'][number]
const LEVEL: Record<Device['state'], Level> = { open: 0, opening: 1, lost: 2, refused: 2 }

export function Devices({ kiosk }: { kiosk: Kiosk }) {
  const { t, has } = useText()
  const now = useNow()
  const { zoneOf, nameOf } = useSites()
  const zone = zoneOf(kiosk.site)
  const { status } = kiosk
  const away = isAway(kiosk) // then these are its last words, no longer its state
  const cause = (code: string) => (has(`device.${code}`) ? t(`device.${code}` as Key) : code)
  const head = [
    t('column.device'),
    t('column.state'),
    t('column.since'),
    t('column.events'),
    t('column.refused'),
    t('column.clock'),
  ]
  const rows = (status?.devices ?? []).map((device) => ({
    key: device.id,
    cells: [
      <span key="n">
        {has(`deviceKind.${device.kind}`) ? t(`deviceKind.${device.kind}` as Key) : device.kind} · {device.vendor}{' '}
        {device.model}
        <span className="fine line">{device.id}</span>
      </span>,
      <span key="s">
        {away ? (
          <span className="dim">{t('device.was', { state: t(`device.${device.state}`) })}</span>
        ) : (
          <Severity level={LEVEL[device.state]} word={t(`device.${device.state}`)} />
        )}
        {device.cause && <span className="fine line">{cause(device.cause)}</span>}
      </span>,
      recent(Date.parse(device.since), zone, now, t),
      device.counts.events,
      t('device.refusedCount', { frames: device.counts.refusedFrames, bytes: device.counts.discardedBytes }),
      device.clockOffsetSeconds === null ? '—' : drift(device.clockOffsetSeconds),
    ],
  }))
  return (
    <section className="panel" aria-label={t('kiosks.devices', { site: nameOf(kiosk.site), hub: kiosk.hub })}>
      <div className="pad over">
        <h2>{t('kiosks.devices', { site: nameOf(kiosk.site), hub: kiosk.hub })}</h2>
        {status && (
          <span className="fine">{t('kiosks.reported', { time: recent(Date.parse(status.at), zone, now, t) })}</span>
        )}
      </div>
      {rows.length === 0 ? <Nothing id="kiosks.noDevices" /> : <Grid head={head} rows={rows} caption={null} />}
    </section>
  )
}
