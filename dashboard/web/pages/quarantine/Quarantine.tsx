// What came in and cannot be used: why, from where, and the whole of it as it came.
import type { QuarantineItem } from '../../api.ts'
import { type Key, useText } from '../../i18n.ts'
import { useFirst } from '../../parts/first.ts'
import { Head } from '../../parts/Head.tsx'
import { useNarrow } from '../../parts/narrow.ts'
import { More, Nothing, Trouble } from '../../parts/states.tsx'
import { useQuarantine } from '../../queries.ts'
import { hrefOf } from '../../route.ts'
import { useNow, useSites } from '../../session.tsx'
import { recent } from '../../time.ts'

export function Quarantine({ id }: { id: string | null }) {
  const { t } = useText()
  const narrow = useNarrow()
  const list = useQuarantine()
  const items = list.items ?? []
  const first = useFirst(list.items)
  const chosen = id ?? (narrow ? null : first)
  const selected = items.find((item) => item.id === chosen) ?? null
  if (narrow && id !== null)
    return (
      <div className="page">
        <Head title={t('quarantine.one')} back={{ page: 'quarantine', id: null }} />
        {selected && <Whole item={selected} />}
      </div>
    )
  return (
    <div className="page two">
      <Head title={t('quarantine.title', { count: list.total ?? 0 })} under={t('quarantine.lead')} />
      <main id="main">
        {!list.items && list.error ? <Trouble error={list.error} /> : null}
        {list.items?.length === 0 && (
          <div className="list">
            <Nothing id="quarantine.none" />
          </div>
        )}
        {items.length > 0 && (
          <ul className="list">
            {items.map((item) => (
              <Row key={item.id} item={item} current={!narrow && item.id === chosen} />
            ))}
          </ul>
        )}
        <More list={list} />
      </main>
      {!narrow && selected && <Whole item={selected} />}
    </div>
  )
}

/** The stable code in words; a code without words stands as it is. */
export function useCause(): (reason: string) => string {
  const { t, has } = useText()
  return (reason) => {
    const key = `cause.${reason}`
    return has(key) ? t(key) : reason
  }
}

function useWhen() {
  const { t } = useText()
  const now = useNow()
  const { zoneOf } = useSites()
  return (item: QuarantineItem) => recent(Date.parse(item.receivedAt), zoneOf(''), now, t)
}

function Row({ item, current }: { item: QuarantineItem; current: boolean }) {
  const { t } = useText()
  const cause = useCause()
  const when = useWhen()
  return (
    <li className="row kept" aria-current={current ? 'true' : undefined} data-chosen={current || undefined}>
      <div>
        <a href={hrefOf({ page: 'quarantine', id: item.id })} className="opens">
          {cause(item.reason)}
        </a>
        <div className="small detail" lang="en">
          {item.detail}
        </div>
        <div className="fine">
          {item.hub ?? t('quarantine.noHub')} · {t('quarantine.bytes', { n: item.bytes })}
        </div>
      </div>
      <time className="when small" dateTime={item.receivedAt}>
        {when(item)}
      </time>
    </li>
  )
}

function Whole({ item }: { item: QuarantineItem }) {
  const { t } = useText()
  const cause = useCause()
  const when = useWhen()
  const facts: [Key, string][] = [
    ['column.hub', item.hub ?? t('quarantine.noHub')],
    ['column.received', when(item)],
    ['column.topic', item.topic],
    ['column.number', item.seq === null ? '—' : `${item.epoch ?? ''} · ${item.seq}`],
    ['column.size', t('quarantine.bytes', { n: item.bytes })],
    ['column.code', item.reason],
  ]
  return (
    <aside className="panel" aria-label={t('quarantine.one')}>
      <div className="pad">
        <h2>{cause(item.reason)}</h2>
        <p className="small" lang="en">
          {item.detail}
        </p>
        <dl className="pair">
          {facts.map(([key, value]) => (
            <div key={key}>
              <dt>{t(key)}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </div>
      <div className="pad">
        <h3>{t(item.encoding === 'hex' ? 'quarantine.hex' : 'quarantine.body')}</h3>
        <textarea
          className="raw"
          readOnly
          lang="en"
          spellCheck={false}
          aria-label={t('quarantine.body')}
          value={item.body}
        />
      </div>
    </aside>
  )
}
