// The legends: every shape a chart may draw, beside its word.
import type { ReactNode } from 'react'
import { URGENT } from '../../goals.ts'
import { type Key, useText } from '../../i18n.ts'
import { Shape } from '../symbols.tsx'

const pressure: [Key, ReactNode][] = [
  ['legend.mean', <rect key="m" x="6" y="2" width="6" height="14" rx="2" fill="var(--bar)" />],
  ['legend.singles', <path key="s" d="M3 6h9M3 12h9" stroke="var(--tick)" strokeWidth="2" />],
  [
    'legend.one',
    <rect
      key="o"
      x="6"
      y="2"
      width="6"
      height="14"
      rx="2"
      fill="none"
      stroke="var(--bar)"
      strokeWidth="1.6"
      strokeDasharray="3 2"
    />,
  ],
]

const glucose: [Key, ReactNode][] = [
  ['meal.fasting', <circle key="f" cx="9" cy="9" r="5" fill="var(--bar)" />],
  ['meal.postMeal2h', <rect key="p" x="4.4" y="4.4" width="9.2" height="9.2" fill="var(--bar)" />],
  [
    'meal.preMeal',
    <rect key="b" x="4.4" y="4.4" width="9.2" height="9.2" fill="var(--card)" stroke="var(--bar)" strokeWidth="1.8" />,
  ],
  ['legend.random', <path key="r" d="M4 9h10M9 4v10" stroke="var(--bar)" strokeWidth="1.8" strokeLinecap="round" />],
  ['legend.unknown', <circle key="u" cx="9" cy="9" r="4.4" fill="var(--card)" stroke="var(--bar)" strokeWidth="1.8" />],
]

function Legend({ items, children }: { items: [Key, ReactNode][]; children?: ReactNode }) {
  const { t } = useText()
  return (
    <div className="key">
      {items.map(([key, picture]) => (
        <span key={key}>
          <svg viewBox="0 0 18 18" aria-hidden="true">
            {picture}
          </svg>
          {t(key)}
        </span>
      ))}
      {children}
    </div>
  )
}

export function PressureKey() {
  const { t } = useText()
  return (
    <Legend items={pressure}>
      <span>
        <svg viewBox="0 0 18 18" aria-hidden="true">
          <path d="M1 9h16" stroke="var(--s3-mark)" strokeWidth="1.4" strokeDasharray="2 4" />
        </svg>
        {t('legend.urgent', { sys: URGENT.systolic, dia: URGENT.diastolic })}
      </span>
      <span>
        <Shape level={2} />
        {t('severity.2')}
      </span>
      <span>
        <Shape level={3} />
        {t('severity.3')}
      </span>
    </Legend>
  )
}

export const GlucoseKey = () => <Legend items={glucose} />
