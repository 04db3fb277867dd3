// The kiosk's screen as a person in front of it sees it: the view as it comes, and the keys one may press.
import { EventSource } from 'eventsource'
import { type Action, View } from '../hub/screen/view.ts'

/** The screen did not do what a visitor waited for. */
export class ScreenError extends Error {
  override name = 'ScreenError'
}

export interface KioskScreen {
  /** Resolves with the first view for which `seen` is true; rejects when `signal` ends or `ms` pass. */
  until(what: string, seen: (view: View) => boolean, ms: number): Promise<View>
  press(action: Action): Promise<void>
}

/** Watches the screen at `url` until `signal` ends; finds it again when the hub restarts. */
export function watchScreen(url: string, signal: AbortSignal): KioskScreen {
  let latest: View | undefined
  const waiting = new Set<() => void>()
  const source = new EventSource(new URL('/api/view', url))
  source.addEventListener('message', ({ data }) => {
    latest = View.parse(JSON.parse(data))
    for (const look of [...waiting]) look()
  })
  // The line to the hub broke: what was last seen may be true no more.
  source.addEventListener('error', () => {
    latest = undefined
  })
  signal.addEventListener('abort', () => source.close(), { once: true })
  return {
    until: (what, seen, ms) =>
      new Promise((resolve, reject) => {
        const finish = (settle: () => void) => {
          clearTimeout(timer)
          waiting.delete(look)
          signal.removeEventListener('abort', stop)
          settle()
        }
        const look = () => {
          const view = latest
          if (view && seen(view)) finish(() => resolve(view))
        }
        const stop = () => finish(() => reject(signal.reason))
        const timer = setTimeout(() => finish(() => reject(new ScreenError(`the screen never showed ${what}`))), ms)
        signal.addEventListener('abort', stop, { once: true })
        waiting.add(look)
        look()
      }),
    async press(action) {
      const answer = await fetch(new URL('/api/act', url), {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: new URL(url).origin },
        body: JSON.stringify(action),
        signal,
      })
      if (!answer.ok) throw new ScreenError(`the kiosk refused "${action.do}": ${await answer.text()}`)
    },
  }
}
