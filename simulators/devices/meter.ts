// What glucose meters with a memory have in common: what they can be told to have measured, and their serial number.
import { z } from 'zod'
import type { Glucose, MealContext } from '../../devices/kit/event.ts'
import { type Commands, clockCommand, command, type DeviceClock, toMinute, WallTime } from './device.ts'

type Unit = Glucose['unit']
type Meal = 'before' | 'after'

/** A test in the memory; `at` is the meter's wall clock, to the second. */
export interface Stored {
  value: number | 'HI' | 'LO'
  at: string
  meal: Meal | null
  control: boolean
}

export interface MeterRules {
  clock: DeviceClock
  unit: Unit
  /** What the meter shows as a number; beyond it stands HI or LO. */
  low: number
  high: number
  /** How it says what lies beyond; absent: nobody knows. */
  words?: readonly ('HI' | 'LO')[] // both
  marksMeals: boolean
  /** Whether the wire carries seconds. */
  seconds: boolean
  keep(stored: Stored): void
  serial: { shape: RegExp; example: string; set(serial: string): void }
}

const CONTEXT: Record<Meal, MealContext> = { before: 'preMeal', after: 'postMeal' }

/** Commands to store a test, to set the clock and the serial number. */
export function meterCommands(rules: MeterRules): Commands {
  const { clock, unit } = rules
  const number = unit === 'mg/dL' ? z.int() : z.number().multipleOf(0.1)
  const Store = z.strictObject({
    value: z.union([number.min(rules.low).max(rules.high), z.enum(rules.words ?? ['HI', 'LO'])]),
    unit: z.literal(unit, `this meter keeps ${unit}, whatever its screen shows`).default(unit),
    at: WallTime.optional(),
    meal: rules.marksMeals
      ? z.enum(['before', 'after']).nullable().default(null)
      : z.null('this meter marks no meals').default(null),
    control: z.boolean().default(false),
  })
  const example = { value: unit === 'mg/dL' ? 99 : 5.5, unit, at: '2026-11-25T08:15:00' }
  return {
    store: command(z.strictObject({ store: Store }), JSON.stringify({ store: example }), ({ store }) => {
      const at = (store.at ?? clock.read()).padEnd(19, ':00')
      const kept: Stored = { value: store.value, at, meal: store.meal, control: store.control }
      rules.keep(kept)
      return { said: kept.control ? [] : [spoken(kept, rules)] } // on the wire, but not a person's reading
    }),
    serial: command(
      z.strictObject({ serial: z.string().regex(rules.serial.shape) }),
      JSON.stringify({ serial: rules.serial.example }),
      (order) => {
        rules.serial.set(order.serial)
        return { said: [] }
      },
    ),
    clock: clockCommand(clock),
  }
}

const spoken = ({ value, at, meal }: Stored, { unit, seconds }: MeterRules): Glucose => ({
  kind: 'glucose',
  value: typeof value === 'number' ? value : null,
  unit,
  range: value === 'HI' ? 'above' : value === 'LO' ? 'below' : null,
  context: meal ? CONTEXT[meal] : 'unknown',
  deviceTime: seconds ? at : toMinute(at),
})
