// A result: the number, what it means, what to do next. Numbers stand in ink; only the meaning is tinted.
import { toMmol } from '../../clinical/glucose.ts'
import type { ScreenResult, View } from '../view.ts'
import { Glyph, Picture } from './drawings.tsx'
import { type Meaning, meaningOf } from './meaning.ts'
import { Press, siteTime, Title, type Visit } from './parts.tsx'
import { act } from './stream.ts'
import { useWords } from './words.ts'
import type { Word } from './words.zh.ts'

interface Props {
  view: View
  visit: Visit
  onLeave: () => void
}

export function Result({ view, visit, onLeave }: Props) {
  const result = visit.results.at(-1)
  if (!result) return null
  if (!result.yours) return <NotYours onLeave={onLeave} />
  const earlier = visit.results.slice(0, -1).filter((one) => one.yours)
  const meaning = meaningOf(result, earlier)
  const shared = { view, result, earlier, meaning, onLeave }
  return meaning.urgent ? <Urgent {...shared} urgent={meaning.urgent} /> : <Usual {...shared} />
}

interface ShownProps {
  view: View
  result: ScreenResult
  earlier: readonly ScreenResult[]
  meaning: Meaning
  onLeave: () => void
}

function Usual({ view, result, earlier, meaning, onLeave }: ShownProps) {
  const { say } = useWords()
  return (
    <main className="result">
      <section className="values stage">
        <h1>{say(`result.${result.kind}`)}</h1>
        <Values figures={figures(result)} />
        <Facts view={view} result={result} earlier={earlier} />
      </section>
      <div className="act">
        <div className="mean">
          <div className={`meaning ${meaning.severity === null ? 'plain' : `s${meaning.severity}`}`}>
            <Glyph name={severityGlyph(meaning.severity)} />
            <p>
              <b>{say(meaning.title)}</b>
              {meaning.note && <span>{say(meaning.note)}</span>}
            </p>
          </div>
          {meaning.place !== null && <Scale place={meaning.place} />}
        </div>
        {meaning.next.length > 0 && (
          <ul className="next">
            {meaning.next.map(({ glyph, word }) => (
              <li key={word}>
                <Glyph name={glyph} />
                {say(word)}
              </li>
            ))}
          </ul>
        )}
        <End onLeave={onLeave} />
      </div>
    </main>
  )
}

/** Very high or very low: the same paper, one thing to do, nothing that alarms. It claims nothing that has not happened. */
function Urgent({
  view,
  result,
  earlier,
  meaning,
  urgent,
  onLeave,
}: ShownProps & { urgent: NonNullable<Meaning['urgent']> }) {
  const { say } = useWords()
  return (
    <main className="urgent">
      <section className="calm stage">
        <Values figures={inOneLine(figures(result))} />
        <h1>
          <Glyph name="severity3" />
          {say(meaning.title)}
        </h1>
        {result.range && <p className="lead">{say(`glu.${result.range}`)}</p>}
        {urgent.first && <p className="lead">{say(urgent.first)}</p>}
        <Facts view={view} result={result} earlier={earlier} />
      </section>
      <div className="act">
        <h2>{say(urgent.calm)}</h2>
        <div className="call">
          <p className="lead">{say(urgent.signs)}</p>
          <p>
            <Glyph name="phone" />
            <b>{say(urgent.call)}</b>
          </p>
        </div>
        <End onLeave={onLeave} againIsMain={urgent.first !== null} />
      </div>
    </main>
  )
}

/** Measured here, but nobody's by the rule: no number is shown, because it may be somebody else's. */
function NotYours({ onLeave }: { onLeave: () => void }) {
  const { say } = useWords()
  return (
    <main>
      <div className="stage card">
        <Picture name="seated" label={say('notYours.picture')} />
      </div>
      <div className="act">
        <Title title={say('notYours.title')} lead={say('notYours.lead')} />
        <p className="hint">{say('notYours.again')}</p>
        <End onLeave={onLeave} againIsMain />
      </div>
    </main>
  )
}

function End({ onLeave, againIsMain = false }: { onLeave: () => void; againIsMain?: boolean }) {
  const again = () => void act({ do: 'again' })
  const done = <Press key="done" word="key.done" main={!againIsMain} onPress={onLeave} />
  const more = <Press key="again" word="key.again" main={againIsMain} glyph="repeat" onPress={again} />
  return <div className="press">{againIsMain ? [done, more] : [more, done]}</div>
}

const severityGlyph = (severity: number | null) =>
  severity === 0 ? 'severity0' : severity === 1 ? 'severity1' : severity === 2 ? 'severity2' : 'question'

function Values({ figures }: { figures: readonly Figure[] }) {
  const { say } = useWords()
  return (
    <dl>
      {figures.map(({ word, unit, value, small }) => (
        <div key={word} className={small ? 'small' : ''}>
          <dt>
            {say(word)}
            {unit && <small>{unit === 'result.perMinute' ? say(unit) : unit}</small>}
          </dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** Upper and lower beside each other, the unit once. */
const inOneLine = (all: readonly Figure[]) => {
  const large = all.filter(({ small }) => !small)
  return large.map((figure, at) => (at < large.length - 1 ? { ...figure, unit: null } : figure))
}

interface Figure {
  word: Word
  unit: string | null
  value: string
  small: boolean
}

/** What the device said, in the order of its own face. HI and LO are words and stand without a unit. */
function figures({ kind, values, unit, range }: ScreenResult): Figure[] {
  if (kind === 'glucose') {
    const figure = { word: 'result.glucoseValue', small: false } as const
    if (range !== null) return [{ ...figure, unit: null, value: range === 'above' ? 'HI' : 'LO' }]
    if (values.value == null || (unit !== 'mg/dL' && unit !== 'mmol/L')) return []
    return [{ ...figure, unit: 'mmol/L', value: toMmol(values.value, unit).toFixed(1) }]
  }
  const figure = (word: Word, value: number | null | undefined, unit: string, small: boolean) =>
    value == null ? [] : [{ word, unit, value: String(value), small }]
  if (kind === 'oxygen-saturation')
    return [
      ...figure('result.oxygen', values.value, '%', false),
      ...figure('result.pulse', values.pulse, 'result.perMinute', true),
    ]
  if (kind === 'body-weight') return figure('result.weight', values.value, unit === 'kg' ? 'kg' : 'lb', false)
  if (kind === 'body-height') return figure('result.height', values.value, unit === 'cm' ? 'cm' : 'in', false)
  return [
    ...figure('result.sys', values.systolic, 'mmHg', false),
    ...figure('result.dia', values.diastolic, 'mmHg', false),
    ...figure('result.pulse', values.pulse, 'result.perMinute', true),
  ]
}

/** When, in which context, as sent, what came before, and that it is kept. */
function Facts({ view, result, earlier }: { view: View; result: ScreenResult; earlier: readonly ScreenResult[] }) {
  const { say } = useWords()
  const { kind, values, unit, meal, takenAt } = result
  const time = takenAt && siteTime(takenAt, view.zone, new Date())
  const before = earlier.filter((one) => one.kind === kind).flatMap(short)
  return (
    <p className="facts">
      {meal && meal !== 'unknown' && isMeal(meal) && <span>{say(`meal.${meal}`)}</span>}
      <span>{time ? say('result.at', { time }) : say('result.noTime')}</span>
      {kind === 'glucose' && unit === 'mg/dL' && values.value != null && (
        <span>{say('result.asSent', { value: values.value })}</span>
      )}
      {before.length > 0 && (
        <span>
          {say('result.earlier')} <b>{before.join(' · ')}</b>
        </span>
      )}
      <span className="kept">
        <Glyph name={view.online ? 'check' : 'noLine'} />
        {say(view.online ? 'saved' : 'saved.offline')}
      </span>
    </p>
  )
}

const MEALS = ['fasting', 'preMeal', 'postMeal2h', 'postMeal', 'random', 'bedtime'] as const
const isMeal = (meal: string): meal is (typeof MEALS)[number] => MEALS.some((one) => one === meal)

const short = (result: ScreenResult): string[] => {
  const [first, second] = figures(result)
  if (!first) return []
  return [result.kind === 'blood-pressure' ? `${first.value}/${second?.value ?? ''}` : first.value]
}

/** Where a pressure lies; the part it lies in is named, the others are quiet. */
function Scale({ place }: { place: number }) {
  const { say } = useWords()
  return (
    <ol className="scale" aria-label={say('scale.label')}>
      {(['low', 'normal', 'highNormal', 'raised', 'severe'] as const).map((part, at) => (
        <li key={part} className={at === place ? `${part} on` : part} aria-current={at === place}>
          {say(`scale.${part}`)}
        </li>
      ))}
    </ol>
  )
}
