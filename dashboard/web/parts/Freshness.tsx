// How old what is shown has become: fresh, silent for a while, or impossible to refresh, in words and tint, with a way to try again.
import { Button } from '@mantine/core'
import { useText } from '../i18n.ts'
import { SILENT_AFTER_MS } from '../live.ts'
import { useLine, useNow, useSession, useSites } from '../session.tsx'
import { duration, foreignZone, recent } from '../time.ts'
import { useRefusal } from './states.tsx'
import { Icon } from './symbols.tsx'

export function Freshness() {
  const { t } = useText()
  const { live } = useSession()
  const { dataAt, failure } = useLine()
  const now = useNow()
  const { first } = useSites()
  const refusal = useRefusal()
  const zone = first?.zone ?? 'Asia/Shanghai'
  const named = foreignZone(zone, now)
  const time = dataAt === null ? '—' : `${recent(dataAt, zone, now, t)}${named ? ` ${named}` : ''}`
  const silentMs = dataAt === null ? 0 : now - dataAt
  if (failure)
    return (
      <span className="fresh lost" role="status">
        <span>
          {t('fresh.lost', { why: refusal(failure) })} <span className="keep">{t('fresh.dataTo', { time })}</span>
        </span>
        <Button variant="default" size="compact-sm" className="again" onClick={live.open}>
          {t('fresh.retry')}
        </Button>
      </span>
    )
  if (silentMs > SILENT_AFTER_MS * 1.5)
    return (
      <span className="fresh stale" role="status">
        <Icon name="sync" />
        {t('fresh.stale', { time, since: duration(silentMs, t) })}
      </span>
    )
  return (
    <span className="fresh" role="status">
      <span className="ok">
        <Icon name="sync" />
      </span>
      {t('fresh.dataTo', { time })}
    </span>
  )
}
