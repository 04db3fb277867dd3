// A chart as a doctor uses it: ECharts draws, and our own layer walks from mark to mark by pointer or arrow keys and says each aloud.
import { CustomChart, type CustomSeriesOption } from 'echarts/charts'
import {
  GridComponent,
  type GridComponentOption,
  MarkAreaComponent,
  type MarkAreaComponentOption,
  MarkLineComponent,
  type MarkLineComponentOption,
} from 'echarts/components'
import { type ComposeOption, type ECharts, init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useRef, useState } from 'react'

use([CustomChart, GridComponent, MarkAreaComponent, MarkLineComponent, SVGRenderer])

export type PlotOption = ComposeOption<
  CustomSeriesOption | GridComponentOption | MarkAreaComponentOption | MarkLineComponentOption
>

/** Something on the chart one can stop at. `y` is a value of the axis, or an edge for what has no value. */
export interface Stop {
  key: string
  x: number
  y: number | 'top' | 'bottom'
  /** What is read aloud: a full sentence. */
  words: string
  shown: ReactNode
}

interface Props {
  /** The chart in one sentence. */
  label: string
  height: number
  stops: readonly Stop[]
  range: Range
  option: (width: number) => PlotOption
  /** The instant under the cursor, shared by the charts of one resident. */
  cursor: number | null
  onCursor: (at: number | null) => void
}

/** Milliseconds since 1970, both ends drawn. */
export interface Range {
  fromMs: number
  toMs: number
}

/** How near the pointer must come to a mark to stop at it. */
const REACH_PX = 28

export function Plot({ label, height, stops, range, option, cursor, onCursor }: Props) {
  const canvas = useRef<HTMLDivElement>(null)
  const [chart, setChart] = useState<ECharts | null>(null)
  const [width, setWidth] = useState(0)
  const [chosen, setChosen] = useState<string | null>(null)
  const [points, setPoints] = useState<{ x: number; y: number }[]>([])
  /** Pixel of an instant, once the chart is drawn. */
  const [pixel, setPixel] = useState<((at: number) => number) | null>(null)

  useEffect(() => {
    if (!canvas.current) return
    const drawn = init(canvas.current, null, { renderer: 'svg' })
    const observer = new ResizeObserver(([entry]) => {
      if (drawn.getWidth() !== canvas.current?.clientWidth) drawn.resize()
      setWidth(Math.round(entry?.contentRect.width ?? 0))
    })
    observer.observe(canvas.current)
    setChart(drawn)
    return () => {
      observer.disconnect()
      drawn.dispose()
    }
  }, [])

  useEffect(() => {
    if (!chart || width === 0) return
    chart.setOption(option(width), { notMerge: true })
    // A view box lets print scale the very same drawing to the paper.
    canvas.current?.querySelector('svg')?.setAttribute('viewBox', `0 0 ${width} ${height}`)
    setPoints(
      stops.map((stop) => {
        const [x, y] = spot(chart, stop.x, typeof stop.y === 'number' ? stop.y : 0)
        return { x, y: stop.y === 'top' ? 30 : stop.y === 'bottom' ? height - 50 : y }
      }),
    )
    const start = spot(chart, range.fromMs, 0)[0]
    const perMs = (spot(chart, range.toMs, 0)[0] - start) / (range.toMs - range.fromMs)
    setPixel(() => (at: number) => start + (at - range.fromMs) * perMs)
  }, [chart, width, height, option, stops, range])

  const index = stops.findIndex((stop) => stop.key === chosen)
  const stop = stops[index]
  const point = points[index]
  const choose = (next: number | null) => {
    const one = next === null ? undefined : stops[next]
    setChosen(one?.key ?? null)
    onCursor(one?.x ?? null)
  }
  const walk = (event: KeyboardEvent) => {
    const last = stops.length - 1
    const steps: Record<string, number | null> = {
      ArrowLeft: Math.max(0, (index < 0 ? stops.length : index) - 1),
      ArrowRight: Math.min(last, index + 1),
      Home: 0,
      End: last,
      Escape: null,
    }
    if (!(event.key in steps)) return
    event.preventDefault()
    choose(steps[event.key] ?? null)
  }
  const pointAt = (event: PointerEvent) => {
    const left = event.currentTarget.getBoundingClientRect().left
    const gaps = points.map((one) => Math.abs(one.x - (event.clientX - left)))
    const nearest = gaps.indexOf(Math.min(...gaps))
    if (nearest >= 0 && gaps[nearest]! <= REACH_PX) choose(nearest)
  }
  const cursorX = cursor === null || pixel === null ? null : pixel(cursor)
  // A slider is what walks along an axis and reads its place aloud; the drawing itself is hidden from readers.
  return (
    <div className="plot" onPointerLeave={() => choose(null)}>
      <div ref={canvas} className="canvas" style={{ blockSize: height }} aria-hidden="true" />
      {cursorX !== null && <i className="cursor" style={{ insetInlineStart: cursorX, blockSize: height - 26 }} />}
      {stops.length === 0 ? (
        <div className="walk" role="img" aria-label={label} />
      ) : (
        <div
          className="walk"
          role="slider"
          tabIndex={0}
          aria-label={label}
          aria-valuemin={1}
          aria-valuemax={stops.length}
          aria-valuenow={index < 0 ? stops.length : index + 1}
          aria-valuetext={stop?.words ?? label}
          onKeyDown={walk}
          onFocus={(event) => event.currentTarget.matches(':focus-visible') && choose(stops.length - 1)}
          onBlur={() => choose(null)}
          onPointerMove={pointAt}
          onPointerDown={pointAt}
        />
      )}
      {stop && point && (
        <div
          className="tip"
          role="tooltip"
          style={{
            insetBlockStart: Math.min(Math.max(0, point.y - 8), height - 40),
            ...(point.x > width / 2 ? { insetInlineEnd: width - point.x + 14 } : { insetInlineStart: point.x + 14 }),
          }}
        >
          {stop.shown}
        </div>
      )}
    </div>
  )
}

const spot = (chart: ECharts, x: number, y: number) =>
  chart.convertToPixel({ gridIndex: 0 }, [x, y]) as [number, number]
