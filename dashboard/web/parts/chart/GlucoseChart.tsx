// Glucose: one mark a reading, its shape by what was eaten, never joined; HI and LO stand at the edges and have no value.
import { useCallback, useMemo } from 'react'
import type { ApiObservation } from '../../api.ts'
import { mmolOf } from '../../figures.ts'
import { FASTING_GOAL } from '../../goals.ts'
import { useText } from '../../i18n.ts'
import { gapsOf } from '../../visits.ts'
import {
  type Draw,
  type Drawn,
  drawn,
  frame,
  gapSeries,
  group,
  ink,
  severityShape,
  stroke,
  timeTicks,
  label as words,
} from './frame.ts'
import { Plot, type Range, type Stop } from './plot.tsx'
import { useGlucoseWords } from './words.tsx'

interface Props {
  /** Dated, oldest first, none taken back. */
  readings: readonly ApiObservation[]
  range: Range
  zone: string
  sentence: string
  height: number
  cursor: number | null
  onCursor: (at: number | null) => void
}

const LOWEST = 0
const HIGHEST = 16
type Meal = 'fasting' | 'postMeal2h' | 'preMeal' | 'random' | 'unknown'

/** Contexts that have no line of their own are drawn as random ones (rules 2.3). */
export function mealShape(reading: ApiObservation): Meal {
  const meal = reading.context?.meal ?? 'unknown'
  return meal === 'postMeal' || meal === 'bedtime' ? 'random' : meal
}

export function GlucoseChart({ readings, range, zone, sentence, height, cursor, onCursor }: Props) {
  const { t, lang } = useText()
  const say = useGlucoseWords(zone)
  const stops = useMemo<Stop[]>(
    () =>
      readings.map((reading) => ({
        key: reading.id,
        x: Date.parse(reading.takenAt!),
        y: mmolOf(reading) ?? (reading.range === 'above' ? 'top' : 'bottom'),
        ...say(reading),
      })),
    [readings, say],
  )
  const option = useCallback(
    (width: number) => {
      const narrow = width < 480 || height < 200 // no room beside the plot, or labels would meet
      const values = readings.flatMap((reading) => mmolOf(reading) ?? [])
      const max = Math.max(HIGHEST, Math.ceil((Math.max(0, ...values) + 1) / 2) * 2)
      const base = frame({
        range,
        ticks: timeTicks(range, zone, lang),
        y: {
          min: LOWEST,
          max,
          ticks: [4, FASTING_GOAL.to, 10, 14, ...(max > 20 ? [20] : []), ...(max > 28 ? [28] : [])],
        },
        zones: [{ ...FASTING_GOAL, color: ink('zone-glu') }],
        lines: [
          {
            at: FASTING_GOAL.to,
            name: `${t('goal.fasting')}\n${FASTING_GOAL.from.toFixed(1)}–${FASTING_GOAL.to.toFixed(1)}`,
            urgent: false,
          },
        ],
        figures: readings.slice(-1).flatMap((reading) => mmolOf(reading) ?? []),
        box: { left: 36, right: narrow ? 40 : 76, top: 42, bottom: 42 },
        height,
        narrow,
      })
      const times = stops.map((stop) => stop.x)
      const gaps = gapsOf(times, range.toMs).map((gap) => ({ ...gap, text: t('chart.gap', { count: gap.days }) }))
      const last = readings.length - 1
      const draw: Draw = (i, { x, py, box }) => {
        const reading = readings[i]!
        const value = mmolOf(reading)
        if (value === null) return edge(reading, x, box.y, box.y + box.height)
        const y = py(value)
        return group([
          mark(mealShape(reading), x, y),
          ...severityShape(reading.assessment?.severity ?? 0, x, y - 9, 4.4),
          ...(i === last
            ? [words(value.toFixed(1), x + 11, y, { fontSize: 13, fontWeight: 700, fill: ink('ink') })]
            : []),
        ])
      }
      const series = [base.series, gapSeries(gaps), drawn(times, draw, 4)].flat()
      return { ...base, series: series.filter((one) => one !== undefined) }
    },
    [readings, stops, range, zone, lang, t, height],
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

/** ● fasting, ■ 2 h after a meal, □ before one, ＋ random, ○ unknown. */
function mark(meal: Meal, x: number, y: number): Drawn {
  const color = ink('bar')
  const square = { x: x - 4.6, y: y - 4.6, width: 9.2, height: 9.2 }
  switch (meal) {
    case 'fasting':
      return { type: 'circle', shape: { cx: x, cy: y, r: 5 }, style: { fill: color } }
    case 'postMeal2h':
      return { type: 'rect', shape: square, style: { fill: color } }
    case 'preMeal':
      return { type: 'rect', shape: square, style: { fill: ink('card'), stroke: color, lineWidth: 1.8 } }
    case 'random':
      return group([
        stroke(
          [
            [x - 5, y],
            [x + 5, y],
          ],
          color,
          1.8,
        ),
        stroke(
          [
            [x, y - 5],
            [x, y + 5],
          ],
          color,
          1.8,
        ),
      ])
    case 'unknown':
      return {
        type: 'circle',
        shape: { cx: x, cy: y, r: 4.4 },
        style: { fill: ink('card'), stroke: color, lineWidth: 1.8 },
      }
  }
}

/** Beyond what the meter can measure: a chevron with its word at the edge and the context beside it, no value. */
function edge(reading: ApiObservation, x: number, top: number, bottom: number): Drawn {
  const up = reading.range === 'above'
  const y = up ? top - 14 : bottom + 14
  const tip = up ? y - 8 : y + 8
  return group([
    stroke(
      [
        [x - 7, y],
        [x, tip],
        [x + 7, y],
      ],
      ink('s3-mark'),
      2.6,
    ),
    words(up ? 'HI' : 'LO', x, up ? tip - 10 : tip + 9, { align: 'center', fontWeight: 700, fill: ink('s3-fg') }),
    mark(mealShape(reading), x, up ? y + 10 : y - 10),
  ])
}
