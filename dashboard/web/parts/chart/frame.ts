// What both charts share: one time axis cut at the site's true months or weeks, goal zones, lines with their names, and gaps in words.
import type { CustomSeriesOption } from 'echarts/charts'
import type { Lang } from '../../i18n.ts'
import { DAY, dayStart, monthDay, monthStarts, wall } from '../../time.ts'
import type { PlotOption, Range } from './plot.tsx'

export type Drawn = ReturnType<NonNullable<CustomSeriesOption['renderItem']>>
/** Draws item `i`, whose instant lies at pixel `x`; `px` and `py` turn instants and values into pixels. */
export type Draw = (i: number, at: Spot) => Drawn
export interface Spot {
  x: number
  px: (ms: number) => number
  py: (value: number) => number
  box: Box
}
export interface Box {
  x: number
  y: number
  width: number
  height: number
}
export const FONT = 12
/** Colours by token: scheme and print change them without drawing again. */
export const ink = (name: string) => `var(--${name})`

/** Ticks at true boundaries of the site's calendar: months when the range is long, weeks or days when it is short. */
export function timeTicks({ fromMs, toMs }: Range, zone: string, lang: Lang): { at: number; text: string }[] {
  const days = Math.round((toMs - fromMs) / DAY)
  if (days > 45) {
    const month = new Intl.DateTimeFormat(lang === 'zh' ? 'zh-CN' : 'en-US', { month: 'short', timeZone: zone })
    const starts = monthStarts(fromMs, toMs, zone).map((at) => ({ at, text: month.format(at) }))
    return days > 200 ? starts.map((s) => (isJanuary(s.at, zone) ? { ...s, text: wall(s.at, zone).year } : s)) : starts
  }
  const step = days > 10 ? 7 : 1
  const count = Math.ceil(days / step)
  return Array.from({ length: count + 1 }, (_, i) => dayStart(fromMs + i * step * DAY + DAY / 2, zone))
    .filter((at) => at <= toMs)
    .map((at) => ({ at, text: monthDay(at, zone) }))
}

const isJanuary = (at: number, zone: string) => wall(at, zone).month === '01'

interface Frame {
  range: Range
  ticks: readonly { at: number; text: string }[]
  y: { min: number; max: number; ticks: readonly number[] }
  zones: readonly { from: number; to: number; color: string }[]
  lines: readonly { at: number; name: string | null; urgent: boolean }[]
  /** The last figures, written where the names of the lines would be: a name gives way to them. */
  figures: readonly number[]
  box: { left: number; right: number; top: number; bottom: number }
  /** Of the whole plot, in pixels. */
  height: number
  narrow: boolean
}

/** Half a figure's height, and two lines of a name with that under them. */
const HALF_PX = 11
const NAME_PX = 2 * 15 + HALF_PX

export function frame({ range, ticks, y, zones, lines, figures, box, height, narrow }: Frame): PlotOption {
  const valuePx = (height - box.top - box.bottom) / (y.max - y.min)
  /** Under its line, else over it; between two figures, under the lower of them. */
  const beside = (at: number) => {
    const under = figures.map((figure) => (at - figure) * valuePx)
    const below = under.filter((px) => px > -HALF_PX && px < NAME_PX)
    const above = under.some((px) => px < HALF_PX && px > -NAME_PX)
    if (below.length === 0) return { verticalAlign: 'top' as const }
    return above
      ? { verticalAlign: 'top' as const, offset: [0, Math.max(...below) + HALF_PX] }
      : { verticalAlign: 'bottom' as const }
  }
  // Axis labels are measured and set as one CSS font: there 'inherit' would not hold.
  const fontFamily = getComputedStyle(document.body).fontFamily
  const text = { fontSize: FONT, fontFamily, color: ink('ink-3') }
  const names = new Map(ticks.map((tick) => [tick.at, tick.text]))
  return {
    animation: false,
    textStyle: { fontFamily },
    grid: { ...box, outerBoundsMode: 'none' },
    xAxis: {
      type: 'time',
      min: range.fromMs,
      max: range.toMs,
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { show: false },
      axisLabel: {
        ...text,
        customValues: ticks.map((tick) => tick.at),
        formatter: (value: number) => names.get(value) ?? '',
        align: 'left',
        margin: 8,
        hideOverlap: true,
      },
    },
    yAxis: {
      type: 'value',
      min: y.min,
      max: y.max,
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { show: false },
      axisLabel: { ...text, customValues: [...y.ticks], margin: 8 },
    },
    series: [
      {
        type: 'custom',
        silent: true,
        z: 1,
        data: [],
        renderItem: () => null,
        markArea: {
          silent: true,
          z: 0,
          data: zones.map(({ from, to, color }) => [{ yAxis: from, itemStyle: { color } }, { yAxis: to }]),
        },
        markLine: {
          silent: true,
          symbol: 'none',
          z: 1,
          lineStyle: { width: 1, type: 'solid', color: ink('grid') },
          label: { show: false },
          data: [
            ...ticks.map(({ at }) => ({ xAxis: at })),
            ...y.ticks.filter((at) => lines.every((line) => line.at !== at)).map((at) => ({ yAxis: at })),
            ...lines.map(({ at, name, urgent }) => ({
              yAxis: at,
              lineStyle: urgent ? { color: ink('s3-mark'), type: [2, 4] } : { color: ink('edge'), type: [5, 4] },
              label: {
                show: name !== null && (urgent || !narrow),
                formatter: name ?? '',
                fontSize: FONT,
                lineHeight: 15,
                fontFamily,
                color: ink(urgent ? 's3-fg' : 'ink-3'),
                ...(urgent
                  ? { position: 'insideStartTop' as const, distance: [6, 2] }
                  : {
                      position: 'end' as const,
                      ...beside(at),
                      align: 'left' as const,
                      distance: 8,
                    }),
              },
            })),
          ],
        },
      },
    ],
  }
}

/** A series of our own drawing: only x comes from data, so what has no value needs none. */
export function drawn(xs: readonly number[], draw: Draw, z: number): CustomSeriesOption {
  return {
    type: 'custom',
    silent: true,
    clip: false,
    z,
    data: xs.map((x) => [x]),
    dimensions: ['x'],
    encode: { x: 0 },
    renderItem: (params, api) => {
      const px = (ms: number) => api.coord([ms, 0])[0]!
      const py = (value: number) => api.coord([0, value])[1]!
      const box = params.coordSys as unknown as Box // a grid, as the only coordinate system here
      return draw(params.dataIndex, { x: px(xs[params.dataIndex]!), px, py, box })
    },
  }
}

/** Triangle (2) or octagon (3) with its middle `lift` px above a mark; nothing for less. */
export function severityShape(level: number, x: number, top: number, size: number): Drawn[] {
  if (level === 2)
    return [
      poly(
        [
          [x, top - size * 2],
          [x + size, top],
          [x - size, top],
        ],
        ink('s2-mark'),
      ),
    ]
  if (level !== 3) return []
  const r = size * 1.25
  const c = r * 0.42
  const y = top - r
  const corners: [number, number][] = [
    [x - c, y - r],
    [x + c, y - r],
    [x + r, y - c],
    [x + r, y + c],
    [x + c, y + r],
    [x - c, y + r],
    [x - r, y + c],
    [x - r, y - c],
  ]
  return [poly(corners, ink('s3-mark'))]
}

const poly = (points: [number, number][], fill: string): Drawn => ({
  type: 'polygon',
  shape: { points },
  style: { fill },
})

export const label = (text: string, x: number, y: number, style: Record<string, unknown> = {}): Drawn => ({
  type: 'text',
  style: { text, x, y, fontSize: FONT, fontFamily: 'inherit', fill: ink('ink-3'), verticalAlign: 'middle', ...style },
})

export const stroke = (points: [number, number][], color: string, width: number, dash?: number[]): Drawn => ({
  type: 'polyline',
  shape: { points },
  style: { fill: 'none', stroke: color, lineWidth: width, lineCap: 'round', ...(dash ? { lineDash: dash } : {}) },
})

/** A stretch without readings: a dotted rule with its length in words. */
export function gapSeries(gaps: readonly { from: number; to: number; text: string }[]): CustomSeriesOption {
  const draw: Draw = (i, { x, px, box }) => {
    const { to, text } = gaps[i]!
    const end = px(to)
    const y = box.y + box.height - 11
    const fits = end - x > widthOf(text) * 0.7
    return group([
      stroke(
        [
          [x + 14, y],
          [end - 8, y],
        ],
        ink('tick'),
        1,
        [2, 4],
      ),
      ...(fits ? [label(text, (x + end) / 2, y - 9, { align: 'center' })] : []),
    ])
  }
  return drawn(
    gaps.map((gap) => gap.from),
    draw,
    2,
  )
}

/** A hatched column from a kiosk's last word on: readings may lie there that have not come yet. */
export function hatchSeries(from: number | null, text: string): CustomSeriesOption {
  const draw: Draw = (_i, { x, box }) => {
    const width = box.x + box.width - x
    const fall = (k: number): Drawn => {
      const left = Math.max(0, k)
      const right = Math.min(width, k + box.height)
      return stroke(
        [
          [x + left, box.y + left - k],
          [x + right, box.y + right - k],
        ],
        ink('s1-mark'),
        0.7,
      )
    }
    const starts = Array.from({ length: Math.ceil((width + box.height) / 7) }, (_, i) => i * 7 - box.height)
    const fits = width > widthOf(text) + 8
    return group([...starts.map(fall), ...(fits ? [label(text, x + 4, box.y + 8, { fill: ink('s1-fg') })] : [])])
  }
  return drawn(from === null ? [] : [from], draw, 1)
}

/** About: a Chinese character is as wide as high, a Latin letter half of it. */
const widthOf = (text: string) => [...text].reduce((sum, char) => sum + (char > '\u2e80' ? FONT : FONT * 0.55), 0)

export const group = (children: Drawn[]): Drawn => ({ type: 'group', children }) as Drawn
