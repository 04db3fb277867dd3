// Visitors who come by themselves: each lays a card, measures, waits for the screen's tick, and leaves.
import type { View } from '../hub/screen/view.ts'
import { CommandError, type RunningDevice, type Said } from './device.ts'
import { type KioskScreen, ScreenError } from './kiosk-view.ts'
import type { PlannedVisit } from './people.ts'

export interface Cabin {
  reader: RunningDevice
  cuff: RunningDevice
  meter: RunningDevice
  screen: KioskScreen
  /** Called with all that a device said; the visitor's number, null for a guest. */
  told(visitor: number | null, said: Said): void
}

/** How long a measurement takes in the demo, which says on its page that it is short. */
export const MEASURING = { seconds: 1, afterMs: 1200 }

const PATIENCE_MS = 15_000

const hasResult = (kind: string) => (view: View) =>
  view.visit?.results.some((result) => result.kind === kind && result.yours) ?? false

/** The masked number ends as the card's does; a guest has none. While one visitor is said goodbye to, nobody is there yet. */
const isOpenFor =
  (person: PlannedVisit['person']) =>
  ({ visit }: View) =>
    visit !== null &&
    visit.step !== 'goodbye' &&
    (person ? (visit.who?.number.endsWith(person.number.slice(-4)) ?? false) : visit.who === null)

/**
 * One visit from card to leaving. False when something kept the visitor from a blood pressure of their own (a cable
 * pulled, another card laid), so that they may come again.
 */
export async function visit(plan: PlannedVisit, visitor: number | null, cabin: Cabin): Promise<boolean> {
  const { screen } = cabin
  const told = (said: Said) => cabin.told(visitor, said)
  try {
    if (plan.person) await cabin.reader.say({ card: plan.person })
    else await screen.press({ do: 'guest' })
    const opened = await screen.until('an open visit', isOpenFor(plan.person), PATIENCE_MS)
    const mine = (seen: (view: View) => boolean) => (view: View) => view.visit?.id === opened.visit?.id && seen(view)

    for (const code of plan.failures) {
      told(await cabin.cuff.say({ fail: code, after: MEASURING.afterMs }))
      await screen.until(
        'the failure',
        mine((view) => view.visit?.failure?.code === code),
        PATIENCE_MS,
      )
    }
    told(
      await cabin.cuff.say({
        measure: { ...plan.bloodPressure, seconds: MEASURING.seconds },
        after: MEASURING.afterMs,
      }),
    )
    const guest = (view: View) => (view.visit?.results.length ?? 0) > 0
    await screen.until('the blood pressure', mine(plan.person ? hasResult('blood-pressure') : guest), PATIENCE_MS)

    if (plan.glucose) {
      // The clock of this meter runs in whole seconds: a drop tested in the second of the card could be the one before's.
      await new Promise((resolve) => setTimeout(resolve, 1000))
      told(await cabin.meter.say({ store: plan.glucose }))
      await screen.until('the glucose', mine(hasResult('glucose')), PATIENCE_MS)
    }
    await screen.press({ do: 'leave' })
    return true
  } catch (error) {
    if (error instanceof CommandError || error instanceof ScreenError) return false
    throw error
  } finally {
    await cabin.reader.say({ card: null })
  }
}
