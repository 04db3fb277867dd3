// A kiosk's state on the one severity scale: no contact first, then what wants a hand, then all is well.
import type { Kiosk } from '../../api.ts'
import type { Key, T } from '../../i18n.ts'
import type { Level } from '../../parts/symbols.tsx'

/** A hub's own clock is off when its status is dated this far from when it arrived. */
const CLOCK_OFF_SECONDS = 120

export interface KioskState {
  level: Level
  word: Key
  /** What happened and what to do, where there is something to do. */
  advice: Key | null
}

export const isAway = ({ presence }: Kiosk) => presence === 'silent' || presence === 'offline'

/** The hub's clock minus the clinic's in seconds, within the line's delay; null when it is out of contact. */
export function clockOff({ presence, status, lastWord }: Kiosk): number | null {
  if (presence !== 'online' || !status || lastWord === null) return null
  const seconds = (Date.parse(status.at) - Date.parse(lastWord)) / 1000
  // Behind, it may only be that another word came after the status was written.
  return seconds > CLOCK_OFF_SECONDS || seconds < -CLOCK_OFF_SECONDS ? seconds : 0
}

export function stateOf(kiosk: Kiosk): KioskState {
  const { presence, status, delivery } = kiosk
  if (presence === 'silent') return { level: 3, word: 'kiosk.silent', advice: 'kiosk.silentAdvice' }
  if (presence === 'offline') return { level: 3, word: 'kiosk.offline', advice: 'kiosk.offlineAdvice' }
  if (presence === 'clone') return { level: 3, word: 'kiosk.clone', advice: 'kiosk.cloneAdvice' }
  if (presence === 'never') return { level: 1, word: 'kiosk.never', advice: 'kiosk.neverAdvice' }
  if (status?.damage) return { level: 2, word: 'kiosk.damaged', advice: 'kiosk.damagedAdvice' }
  if (delivery.gone > 0) return { level: 2, word: 'kiosk.gone', advice: 'kiosk.goneAdvice' }
  if (status?.devices.some(({ state }) => state === 'lost' || state === 'refused'))
    return { level: 2, word: 'kiosk.deviceAway', advice: null }
  if (status?.clock.trusted === false) return { level: 2, word: 'kiosk.clockUnsure', advice: 'kiosk.clockAdvice' }
  if (clockOff(kiosk) !== 0) return { level: 2, word: 'kiosk.clockOff', advice: null }
  return { level: 0, word: 'kiosk.working', advice: null }
}

/** What happened to the file in which the kiosk keeps its records, until somebody has looked there; null: nothing. */
export function damageOf({ status }: Kiosk, t: T): string[] | null {
  if (!status?.damage) return null
  const { cause, salvaged, destroyed } = status.damage
  const lost =
    destroyed === null ? 'kiosk.destroyedUnknown' : destroyed === 0 ? 'kiosk.destroyedNone' : 'kiosk.destroyed'
  return [t(`kiosk.file.${cause}`), t('kiosk.salvaged', { n: salvaged }), t(lost, { n: destroyed ?? 0 })]
}

/** Worst first, then by name: where a hand is needed stands on top. */
export const byNeed = (a: Kiosk, b: Kiosk) => stateOf(b).level - stateOf(a).level || a.hub.localeCompare(b.hub)
