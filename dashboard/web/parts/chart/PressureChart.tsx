// Blood pressure: one bar a visit from the mean lower to the mean upper, in the zones where its ends should lie; gaps stay gaps.
import { useCallback, useMemo } from 'react'
import { type PressureGoal, URGENT } from '../../goals.ts'
import { useText } from '../../i18n.ts'
import { DAY } from '../../time.ts'
import { counts, gapsOf, type PressureVisit } from '../../visits.ts'
import {
  type Drawn,
  drawn,
  frame,
  gapSeries,
  group,
  hatchSeries,
  ink,
  severityShape,
  stroke,
  timeTicks,
  label as words,
} from './frame.ts'
import { Plot, type Range, type Stop } from './plot.tsx'
import { useVisitWords } from './words.tsx'

interface Props {
  visits: readonly PressureVisit[]
  goal: PressureGoal | null
  range: Range
  zone: string
  /** What the chart says in one sentence. */
  sentence: string
  height: number
  /** Since when a kiosk of this resident's is out of contact. */
  silentSince: number | null
  cursor: number | null
  onCursor: (at: number | null) => void
}

const LOWEST = 40
const HIGHEST = 200
const BAR_PX = 9

export function PressureChart({ visits, goal, range, zone, sentence, height, silentSince, cursor, onCursor }: Props) {
  const { t, lang } = useText()
  const say = useVisitWords(zone)
  const stops = useMemo<Stop[]>(
    () => visits.map((visit) => ({ key: visit.key, x: visit.at, y: visit.systolic, ...say(visit) })),
    [visits, say],
  )
  const option = useCallback(
    (width: number) => {
      const narrow = width < 480 || height < 200 // no room beside the plot, or labels would meet
      const peak = Math.max(HIGHEST, ...visits.flatMap((v) => v.readings.map((r) => r.values.systolic ?? 0)))
      const max = Math.ceil(peak / 20) * 20 // the axis grows upward only
      const inside = [60, 120, ...(goal ? [goal.diastolic, goal.systolic] : [90, 150])]
      const base = frame({
        range,
        ticks: timeTicks(range, zone, lang),
        y: { min: LOWEST, max, ticks: [...inside, URGENT.systolic].sort((a, b) => a - b) },
        zones: goal
          ? [
              { from: 110, to: goal.systolic, color: ink('zone-sys') },
              { from: 60, to: goal.diastolic, color: ink('zone-dia') },
            ]
          : [],
        lines: [
          ...(goal
            ? [
                { at: goal.systolic, name: `${t('goal.upper')}\n< ${goal.systolic}`, urgent: false },
                { at: goal.diastolic, name: `${t('goal.lower')}\n< ${goal.diastolic}`, urgent: false },
              ]
            : []),
          { at: URGENT.systolic, name: t('goal.urgentUpper', { n: URGENT.systolic }), urgent: true },
          { at: URGENT.diastolic, name: null, urgent: true }, // named in the legend: bars stand where its name would
        ],
        figures: visits.slice(-1).flatMap((visit) => [visit.systolic, visit.diastolic]),
        box: { left: 36, right: narrow ? 40 : 76, top: 26, bottom: 26 },
        height,
        narrow,
      })
      const gaps = gapsOf(
        visits.map((v) => v.at),
        range.toMs,
      )
      const last = visits.length - 1
      // Over a year a day is narrower than a bar: then bars are thin, so that neighbours stay apart.
      const dayPx = (width / (range.toMs - range.fromMs)) * DAY
      const barPx = Math.max(3, Math.min(narrow ? BAR_PX - 1 : BAR_PX, dayPx * 2.2))
      const marks = drawn(
        visits.map((visit) => visit.at),
        (i, { x, py }) => bar(visits[i]!, x, py, barPx, i === last),
        4,
      )
      const missing = gaps.map((gap) => ({ ...gap, text: t('chart.gap', { count: gap.days }) }))
      const series = [base.series, hatchSeries(silentSince, t('chart.mayBeMissing')), gapSeries(missing), marks].flat()
      return { ...base, series: series.filter((one) => one !== undefined) }
    },
    [visits, goal, range, zone, lang, t, silentSince, height],
  )
  return (
    <Plot
      label={sentence}
      height={height}
      stops={stops}
      range={range}
      option={option}
      cursor={cursor}
      onCursor={onCursor}
    />
  )
}

function bar(visit: PressureVisit, x: number, py: (value: number) => number, width: number, last: boolean): Drawn {
  const top = py(visit.systolic)
  const bottom = py(visit.diastolic)
  const shape = { x: x - width / 2, y: top, width, height: bottom - top, r: width / 3 }
  const doubtful = visit.valid === 0
  const body: Drawn = counts(visit)
    ? { type: 'rect', shape, style: { fill: ink('bar') } }
    : doubtful
      ? { type: 'rect', shape, style: { fill: ink('bar'), opacity: 0.4 } }
      : { type: 'rect', shape, style: { fill: ink('card'), stroke: ink('bar'), lineWidth: 1.6, lineDash: [3, 2] } }
  const wide = width >= 6
  const ticks =
    wide && counts(visit)
      ? visit.readings.flatMap((reading) =>
          [reading.values.systolic, reading.values.diastolic].map((value) => {
            const y = py(value ?? 0)
            return stroke(
              [
                [x - width / 2 - 8, y],
                [x - width / 2 - 2, y],
              ],
              ink('tick'),
              1.6,
            )
          }),
        )
      : []
  const wave = visit.irregular
    ? [
        stroke(
          [
            [x - 7, bottom + 8],
            [x - 3, bottom + 4],
            [x + 1, bottom + 9],
            [x + 4, bottom + 5],
            [x + 7, bottom + 8],
          ],
          ink('bar'),
          1.6,
        ),
      ]
    : []
  const big = { fontSize: 13, fontWeight: 700, fill: ink('ink') }
  return group([
    ...ticks,
    body,
    ...(doubtful ? [words('?', x, top - 8, { ...big, align: 'center' })] : []),
    ...wave,
    ...severityShape(visit.assessment?.severity ?? 0, x, top - 8, wide ? 5 : 3.5),
    ...(last
      ? [words(String(visit.systolic), x + 11, top + 4, big), words(String(visit.diastolic), x + 11, bottom - 4, big)]
      : []),
  ])
}
