// The residents of the reader's sites: who, the latest pressure and glucose with unit, age and severity; searched, paged, walked by j and k.
import { useEffect, useMemo, useRef, useState } from 'react'
import type { ResidentRow } from '../../api.ts'
import { useText } from '../../i18n.ts'
import { useKeys } from '../../keys.ts'
import { useFirst } from '../../parts/first.ts'
import { Head } from '../../parts/Head.tsx'
import { useNarrow } from '../../parts/narrow.ts'
import { SearchField } from '../../parts/SearchField.tsx'
import { Latest, Masked, Name, usePerson } from '../../parts/said.tsx'
import { More, Nothing, Trouble } from '../../parts/states.tsx'
import { useResidents } from '../../queries.ts'
import { hrefOf } from '../../route.ts'
import { Preview } from './Preview.tsx'

interface Props {
  q: string
  onSearch: (q: string) => void
}

export function Residents({ q, onSearch }: Props) {
  const { t } = useText()
  const narrow = useNarrow()
  const list = useResidents(q)
  const [chosen, setChosen] = useState<string | null>(null)
  const first = useFirst(list.items)
  const rows = useRef<HTMLUListElement>(null)
  const items = list.items ?? []
  const index = Math.max(
    0,
    items.findIndex((row) => row.id === (chosen ?? first)),
  )
  const selected = items[index] ?? null
  const step = (by: number) => {
    const links = rows.current?.querySelectorAll<HTMLAnchorElement>('a') ?? []
    const focused = [...links].indexOf(document.activeElement as HTMLAnchorElement)
    links[Math.min(links.length - 1, Math.max(0, focused < 0 ? index : focused + by))]?.focus()
  }
  const keys = useRef(step)
  useEffect(() => {
    keys.current = step
  })
  useKeys(useMemo(() => ({ j: () => keys.current(1), k: () => keys.current(-1) }), []))
  const total = list.total ?? 0
  return (
    <div className="page two">
      <Head
        title={q === '' ? t('residents.title', { count: total }) : t('residents.found', { count: total, q })}
        under={t('residents.lead')}
      />
      {narrow && <SearchField q={q} onSearch={onSearch} hotkey="/" />}
      <main id="main">
        {!list.items && list.error ? <Trouble error={list.error} /> : null}
        {list.items?.length === 0 && (
          <div className="list">
            {q === '' ? <Nothing id="residents.none" /> : <Nothing id="residents.notFound" values={{ q }} />}
          </div>
        )}
        {items.length > 0 && (
          <ul className="list" ref={rows}>
            {items.map((row) => (
              <Row
                key={row.id}
                row={row}
                current={!narrow && row.id === selected?.id}
                onChoose={() => setChosen(row.id)}
              />
            ))}
          </ul>
        )}
        <More list={list} />
      </main>
      {!narrow && selected && <Preview key={selected.id} row={selected} />}
    </div>
  )
}

function Row({ row, current, onChoose }: { row: ResidentRow; current: boolean; onChoose: () => void }) {
  const { t } = useText()
  const person = usePerson()
  const { bloodPressure, glucose } = row.latest
  return (
    <li
      className="row person"
      aria-current={current ? 'true' : undefined}
      data-chosen={current || undefined}
      onPointerDown={onChoose}
    >
      <div className="who">
        <a href={hrefOf({ page: 'resident', id: row.id })} onFocus={onChoose}>
          <Name of={row} />
        </a>
        <span className="small dim">{person(row)}</span>
        <span className="fine">
          <Masked number={row.numberMasked} />
        </span>
      </div>
      <div className="cell">
        <span className="fine">{t('kind.blood-pressure')}</span>
        <Latest observation={bloodPressure} withWord />
      </div>
      <div className="cell">
        <span className="fine">{t('kind.glucose')}</span>
        <Latest observation={glucose} withWord />
      </div>
    </li>
  )
}
