// What came in and cannot be used: why, from where, the whole of it for who asks, and the way to have it read again after a repair.
import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, type QuarantineItem } from '../../api.ts'
import { type Key, useText } from '../../i18n.ts'
import { useFirst } from '../../parts/first.ts'
import { Head } from '../../parts/Head.tsx'
import { useNarrow } from '../../parts/narrow.ts'
import { More, Nothing, Trouble, useRefusal } from '../../parts/states.tsx'
import { useQuarantine, useQuarantineHubs } from '../../queries.ts'
import { hrefOf } from '../../route.ts'
import { useNow, useSites } from '../../session.tsx'
import { recent } from '../../time.ts'

export function Quarantine({ id }: { id: string | null }) {
  const { t } = useText()
  const narrow = useNarrow()
  const [hub, setHub] = useState<string | null>(null)
  const hubs = useQuarantineHubs().data ?? []
  const list = useQuarantine(hub)
  const items = list.items ?? []
  const first = useFirst(list.items)
  const chosen = id ?? (narrow ? null : first)
  const selected = items.find((item) => item.id === chosen) ?? null
  const retry = useRetry()
  if (narrow && id !== null)
    return (
      <div className="page">
        <Head title={t('quarantine.one')} back={{ page: 'quarantine', id: null }} />
        {retry.said}
        {selected && <Whole key={selected.id} item={selected} retry={retry} />}
      </div>
    )
  return (
    <div className="page two">
      <Head title={t('quarantine.title', { count: list.total ?? 0 })} under={t('quarantine.lead')}>
        {hubs.length > 1 &&
          hubs.map(([of, count]) => (
            <button
              key={of}
              type="button"
              className="chip"
              aria-pressed={hub === of}
              onClick={() => setHub(hub === of ? null : of)}
            >
              {of} <b>{count}</b>
            </button>
          ))}
        {items.some((item) => item.retry) && (
          <Button variant="default" loading={retry.busy} onClick={() => retry.ask(null)}>
            {t('quarantine.retryAll')}
          </Button>
        )}
      </Head>
      <main id="main">
        {retry.said}
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
      {!narrow && selected && <Whole key={selected.id} item={selected} retry={retry} />}
    </div>
  )
}

/** What was read again leaves the list: what came of it is said above the list. */
function useRetry() {
  const { t } = useText()
  const refusal = useRefusal()
  const client = useQueryClient()
  const { mutate, isPending, data, error } = useMutation({
    mutationFn: api.retryQuarantine,
    onSuccess: () =>
      Promise.all([['quarantine'], ['kiosks']].map((queryKey) => client.invalidateQueries({ queryKey }))),
  })
  const words = error
    ? refusal(error)
    : data && (data.settled > 0 ? t('quarantine.settled', { ...data }) : t('quarantine.notYet', { ...data }))
  return {
    ask: (id: string | null) => mutate(id),
    busy: isPending,
    said: (
      <p role="status" className={words ? 'pad small' : undefined}>
        {words}
      </p>
    ),
  }
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

function Whole({ item, retry }: { item: QuarantineItem; retry: ReturnType<typeof useRetry> }) {
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
        {item.retry && (
          <Button variant="default" mt="sm" loading={retry.busy} onClick={() => retry.ask(item.id)}>
            {t('quarantine.retry')}
          </Button>
        )}
      </div>
      <Body item={item} />
    </aside>
  )
}

/** Fetched only when asked for: who opened it is written down. */
function Body({ item: { id, encoding, bytes } }: { item: QuarantineItem }) {
  const { t } = useText()
  const refusal = useRefusal()
  const { data, error, isFetching, refetch } = useQuery({
    queryKey: ['quarantine-body', id],
    queryFn: () => api.quarantineBody(id),
    enabled: false,
    gcTime: 0,
  })
  return (
    <div className="pad">
      <h3>{t(encoding === 'hex' ? 'quarantine.hex' : 'quarantine.body')}</h3>
      {data && data.body === '' && bytes > 0 ? (
        <p className="small">{t('quarantine.elsewhere')}</p>
      ) : data ? (
        <textarea
          className="raw"
          readOnly
          lang="en"
          spellCheck={false}
          aria-label={t('quarantine.body')}
          value={data.body}
        />
      ) : (
        <>
          <p className="small dim">{t('quarantine.audited')}</p>
          <Button variant="default" mt="xs" loading={isFetching} onClick={() => void refetch()}>
            {t('quarantine.open')}
          </Button>
        </>
      )}
      {error && (
        <p className="small" role="alert">
          {refusal(error)}
        </p>
      )}
    </div>
  )
}
