// A live cuff's measuring: one at a time, ended by its result, by a stop or by a pulled cable.
import { CommandError, type Said, type Spoken, type World } from './device.ts'

/** What the cuff will put on the wire when the measurement ends. */
export interface Outcome {
  frame: () => { bytes: Uint8Array; spoken: Spoken }
  afterMs: number
}

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
