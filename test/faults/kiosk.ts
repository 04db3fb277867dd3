// One kiosk with its cuff and whoever stands there: readings one after the other, each only after the tick of the last or a reopened port.
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningDevice } from '../../simulators/device.ts'
import type { KioskScreen } from '../../simulators/kiosk-view.ts'
import type { Figures, Truth } from './truth.ts'

export interface Kiosk {
  /** The hub as it runs now. */
  hub(): { ended: Promise<unknown> }
  screen(): KioskScreen
  cuff: RunningDevice
}

export interface Sayer {
  /** The hub runs, its cuff's port is open, and somebody stands there. */
  ready(): Promise<void>
  /** Says so many new readings. */
  say(count: number): Promise<void>
  /** Says new readings until `done` settles, with a pause between them; rejects when it does. */
  sayUntil(done: Promise<unknown>, betweenMs?: number): Promise<void>
}

const DAY_MS = 24 * 3_600_000

export function sayerAt(kiosk: Kiosk, truth: Truth, signal: AbortSignal): Sayer {
  const over = whenOver(signal)
  async function ready(): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      const end = kiosk.hub().ended.then(() => {
        throw new Error('the hub ended')
      })
      const first = <T>(work: Promise<T>) => Promise.race([work, end])
      try {
        const screen = kiosk.screen()
        const isOpen = (d: { id: string; state: string }) => d.id === 'cuff' && d.state === 'open'
        await first(screen.until('the cuff', ({ devices }) => devices.some(isOpen), 10_000))
        await first(screen.press({ do: 'guest' }))
        await first(screen.until('a visit', ({ visit }) => visit !== null && visit.step !== 'goodbye', 2_000))
        return
      } catch {
        await sleep(50) // it died, its disk is full, or its screen is not there yet
      }
    }
  }

  async function sayOne(figures: Figures): Promise<void> {
    await ready()
    const end = kiosk.hub().ended.then(() => false)
    const one = truth.says(figures)
    const answer = await kiosk.cuff.say({ measure: figures })
    if (answer.unheard) return
    const tick = kiosk.screen().until(
      'a tick',
      ({ visit }) => {
        const last = visit?.results.at(-1)?.values
        return (
          last?.systolic === figures.systolic && last.diastolic === figures.diastolic && last.pulse === figures.pulse
        )
      },
      DAY_MS,
    )
    const seen = tick.then(
      () => true,
      () => false, // nobody looks any more
    )
    if (await Promise.race([seen, end, over])) one.tickedMs = Date.now()
    signal.throwIfAborted()
  }

  return {
    ready,
    async say(count) {
      for (let n = 0; n < count; n++) await sayOne(truth.next())
    },
    async sayUntil(done, betweenMs = 30) {
      let settled = false
      const watched = done.finally(() => {
        settled = true
      })
      watched.catch(() => undefined) // awaited below
      while (!settled) {
        await sayOne(truth.next())
        await sleep(betweenMs)
      }
      await watched
    },
  }
}

export const whenOver = (signal: AbortSignal) =>
  new Promise<false>((resolve) => {
    if (signal.aborted) resolve(false)
    else signal.addEventListener('abort', () => resolve(false), { once: true })
  })
