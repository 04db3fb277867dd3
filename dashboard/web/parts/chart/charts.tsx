// The charts, fetched when the first is drawn: a list of residents need not wait for them.
import { type ComponentProps, lazy, Suspense } from 'react'

const LazyPressure = lazy(() => import('./PressureChart.tsx').then((m) => ({ default: m.PressureChart })))
const LazyGlucose = lazy(() => import('./GlucoseChart.tsx').then((m) => ({ default: m.GlucoseChart })))

/** As high as the chart will be, so that nothing jumps. */
const Room = ({ height }: { height: number }) => <div style={{ blockSize: height }} />

export const PressureChart = (props: ComponentProps<typeof LazyPressure>) => (
  <Suspense fallback={<Room height={props.height} />}>
    <LazyPressure {...props} />
  </Suspense>
)

export const GlucoseChart = (props: ComponentProps<typeof LazyGlucose>) => (
  <Suspense fallback={<Room height={props.height} />}>
    <LazyGlucose {...props} />
  </Suspense>
)
