// A live cuff's measuring: one at a time, ended by its result, by a stop or by a pulled cable.
import { z } from 'zod'
import type { BloodPressure, DeviceFlag } from '../../devices/kit/event.ts'
import { CommandError, type Commands, command, type Said, type Spoken, type World } from './device.ts'

/** What the cuff will put on the wire when the measurement ends. */
export interface Outcome {
  frame: () => { bytes: Uint8Array; spoken: Spoken }
  afterMs: number
}

const after = z.int().min(0).optional()

/** What a cuff can be told that speaks when a measurement ends; `frame` is what it then says. */
export const cuffCommands = <M>(
  measuring: Measuring,
  shape: z.ZodType<M>,
  example: string,
  frame: (measured: M) => Outcome['frame'],
): Commands => ({
  measure: command(z.strictObject({ measure: shape, after }), `{"measure":${example},"after":3000}`, (order) =>
    measuring.start({ frame: frame(order.measure as M), afterMs: order.after ?? 0 }),
  ),
  stop: command(z.strictObject({ stop: z.literal(true) }), '{"stop":true}', () => {
    measuring.stop()
    return { said: [] }
  }),
})

/** The command for a measurement that fails with one of the device's codes. */
export const failCommand = <C>(
  measuring: Measuring,
  code: z.ZodType<C>,
  example: string,
  frame: (code: C) => Outcome['frame'],
): Commands => ({
  fail: command(z.strictObject({ fail: code, after }), `{"fail":${example}}`, (order) =>
    measuring.start({ frame: frame(order.fail as C), afterMs: order.after ?? 0 }),
  ),
})

/** What a cuff with a memory can be told: to have measured. `keep` puts the result into its memory. */
export const storeCommand = <M>(
  shape: z.ZodType<M>,
  example: string,
  keep: (measured: M) => BloodPressure,
): Commands => ({
  store: command(z.strictObject({ store: shape }), `{"store":${example}}`, (order) => ({
    said: [keep(order.store as M)],
  })),
})

/** Up to three digits, as cuffs write a pressure or a pulse. */
export const Figure = z.int().min(0).max(999)

/** What the cuff says of a good measurement, with the figures its protocol has no place for left null. */
export const spokenPressure = (
  said: Pick<BloodPressure, 'systolic' | 'diastolic' | 'pulse'> & Partial<BloodPressure>,
  flags: DeviceFlag[] = [],
): BloodPressure => ({ kind: 'blood-pressure', mean: null, unit: 'mm[Hg]', deviceTime: null, flags, ...said })

export class Measuring {
  #world: World
  #running: { callOff: () => void; done: (said: Said) => void } | undefined

  constructor(world: World) {
    this.#world = world
  }

  get running() {
    return this.#running !== undefined
  }

  /** Resolves when the result is on the wire, or nothing will be. Throws CommandError while another one runs. */
  start({ frame, afterMs }: Outcome): Promise<Said> {
    if (this.#running) throw new CommandError('the cuff is measuring: wait for its result, or stop it')
    return new Promise((done) => {
      const callOff = this.#world.later(afterMs, () => {
        this.#running = undefined
        const { bytes, spoken } = frame()
        const heard = this.#world.send(bytes)
        done(heard ? { said: [spoken] } : { said: [spoken], unheard: true })
      })
      this.#running = { callOff, done }
    })
  }

  stop() {
    const running = this.#running
    this.#running = undefined
    running?.callOff()
    running?.done({ said: [], stopped: true })
  }
}
