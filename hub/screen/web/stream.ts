// The hub's view as it comes, and what the visitor does. Nothing is kept: when the stream is lost, the page is blank.
import { useEffect, useState } from 'react'
import type { Action, View } from '../view.ts'

/** A screen never changes under a finger: what comes within this time of a touch waits. */
const STILL_MS = 400

/** The latest view, or null until the hub answers and whenever it does not. */
export function useView(): View | null {
  const [view, setView] = useState<View | null>(null)
  useEffect(() => {
    let touched = Number.NEGATIVE_INFINITY
    let waiting: ReturnType<typeof setTimeout> | undefined
    const onTouch = () => {
      touched = performance.now()
    }
    const show = (next: View | null) => {
      clearTimeout(waiting)
      const wait = touched + STILL_MS - performance.now()
      if (wait <= 0) setView(next)
      else waiting = setTimeout(() => show(next), wait)
    }
    addEventListener('pointerdown', onTouch, { passive: true, capture: true })
    const events = new EventSource('./api/view')
    events.onmessage = ({ data }) => show(JSON.parse(data) as View)
    events.onerror = () => show(null) // EventSource comes back by itself
    return () => {
      events.close()
      clearTimeout(waiting)
      removeEventListener('pointerdown', onTouch, { capture: true })
    }
  }, [])
  return view
}

/** Tells the hub. Refusals need no words of their own: the view that follows shows what is possible. */
export async function act(action: Action): Promise<void> {
  await fetch('./api/act', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(action),
  }).catch(() => undefined)
}
