// Readings that are nobody's yet: what was measured, why it is nobody's, and beside it the way to give it to somebody.
import type { Unassigned as Reading } from '../../api.ts'
import { figureOf, mealOf, sourceOf, urgencyOf } from '../../figures.ts'
import { useText } from '../../i18n.ts'
import { useFirst } from '../../parts/first.ts'
import { Head } from '../../parts/Head.tsx'
import { useNarrow } from '../../parts/narrow.ts'
import { Age, Severity, Value } from '../../parts/said.tsx'
import { More, Nothing, Trouble } from '../../parts/states.tsx'
import { Icon } from '../../parts/symbols.tsx'
import { useUnassigned } from '../../queries.ts'
import { hrefOf } from '../../route.ts'
import { useNow, useSites } from '../../session.tsx'
import { recent } from '../../time.ts'
import { Assigning } from './Assigning.tsx'
import { useWhy } from './why.ts'

export function Unassigned({ id }: { id: string | null }) {
  const { t } = useText()
  const narrow = useNarrow()
  const list = useUnassigned()
  const items = list.items ?? []
  const first = useFirst(list.items)
  const chosen = id ?? (narrow ? null : first)
  const selected = items.find((reading) => reading.id === chosen) ?? null
  if (narrow && id !== null)
    return (
      <div className="page">
        <Head title={t('assign.title')} back={{ page: 'unassigned', id: null }} />
        <Assigning key={id} id={id} reading={selected} />
      </div>
    )
  return (
    <div className="page two">
      <Head title={t('unassigned.title', { count: list.total ?? 0 })} under={t('unassigned.lead')} />
      <main id="main">
        {!list.items && list.error ? <Trouble error={list.error} /> : null}
        {list.items?.length === 0 && (
          <div className="list">
            <Nothing id="unassigned.none" />
          </div>
        )}
        {items.length > 0 && (
          <ul className="list">
            {items.map((reading) => (
              <Row key={reading.id} reading={reading} current={!narrow && reading.id === chosen} />
            ))}
          </ul>
        )}
        <More list={list} />
      </main>
      {!narrow && chosen !== null && <Assigning key={chosen} id={chosen} reading={selected} />}
    </div>
  )
}

function Row({ reading, current }: { reading: Reading; current: boolean }) {
  const { t } = useText()
  const why = useWhy()
  const now = useNow()
  const { zoneOf, nameOf } = useSites()
  const at =
    reading.takenAt === null ? t('time.undated') : recent(Date.parse(reading.takenAt), zoneOf(reading.site), now, t)
  return (
    <li className="row nobody" aria-current={current ? 'true' : undefined} data-chosen={current || undefined}>
      <Icon name="question" />
      <div>
        <a href={hrefOf({ page: 'unassigned', id: reading.id })} className="opens">
          {t(`kind.${reading.kind}`)} <Value figure={figureOf(reading)} note={mealOf(reading, t)} age={at} />
        </a>
        <div className="small">{why(reading)}</div>
        <div className="fine">
          {nameOf(reading.site)} · {sourceOf(reading)}
        </div>
      </div>
      <div className="when small">
        {reading.assessment && <Severity level={reading.assessment.severity} word={t(urgencyOf(reading.assessment))} />}
        <Age observation={reading} />
      </div>
    </li>
  )
}
