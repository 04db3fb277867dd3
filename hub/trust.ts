// The hub's own time: the clock is judged anew for every moment, so that no reading carries a trust from before a jump.
import type { Logger } from 'pino'
import { lookAgain, type Moment, NO_TRUST, type Trust } from './clock.ts'
import type { Outbox } from './outbox.ts'
import { OutboxFull } from './outbox-file.ts'

/** The machine's clocks, as `main.ts` reads them. */
export interface Machine {
  wallMs(): number
  uptimeMs(): number
  boot: string
}

export function hubTime(machine: Machine, outbox: Pick<Outbox, 'floorMs' | 'distrust'>, log: Logger) {
  let trust: Trust = NO_TRUST
  let changed = false
  /** The outbox knows that this boot had a time that was not trusted. */
  let noted = false

  /** A full disk notes it at a later look. */
  function note() {
    try {
      if (!noted) outbox.distrust(machine.boot)
      noted = true
    } catch (error) {
      if (!(error instanceof OutboxFull)) throw error
    }
  }

  function look(clinicAtMs?: number) {
    const before = trust.trusted
    const clocks = { wallMs: machine.wallMs(), uptimeMs: machine.uptimeMs() }
    trust = lookAgain(trust, clocks, outbox.floorMs(), clinicAtMs)
    if (trust.trusted) noted = false
    // Rows from before it was doubted may be as wrong: the clock record to come is for them too.
    else note()
    if (trust.trusted === before) return
    changed = true
    log.info({ trusted: trust.trusted }, 'whether the system clock is trusted has changed')
  }
  look()

  return {
    now(): Moment {
      look()
      return { wallMs: machine.wallMs(), uptimeMs: machine.uptimeMs(), boot: machine.boot, trusted: trust.trusted }
    },
    /** The clinic's clock, straight from it. */
    hear: (clinicAtMs: number) => look(clinicAtMs),
    trusted: () => trust.trusted,
    /** Whether the trust has changed since this was last asked. */
    hasChanged(): boolean {
      const was = changed
      changed = false
      return was
    },
  }
}
