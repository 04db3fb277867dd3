// What the doctor says: one line a thing, how it stands, and what to do about it.

/** `look`: it works, but somebody should see to it. `broken`: readings cannot be taken, kept or delivered. */
export type State = 'ok' | 'look' | 'broken'

export interface Finding {
  /** `clock`, `port of cuff`. */
  what: string
  state: State
  /** How it stands; never a password, a key or a name of a person. */
  says: string
  /** Null where there is nothing to do. */
  toDo: string | null
}

export const ok = (what: string, says: string): Finding => ({ what, state: 'ok', says, toDo: null })
export const look = (what: string, says: string, toDo: string): Finding => ({ what, state: 'look', says, toDo })
export const broken = (what: string, says: string, toDo: string): Finding => ({ what, state: 'broken', says, toDo })

export const lineOf = ({ what, state, says, toDo }: Finding): string =>
  `${state.padEnd(6)} ${what}: ${says}${toDo === null ? '' : ` → ${toDo}`}\n`
