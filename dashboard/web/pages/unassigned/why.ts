// Why a reading is nobody's, in the reader's words.
import type { Unassigned as Reading } from '../../api.ts'
import { type Key, useText } from '../../i18n.ts'

/** Why the hub would not say whose it is. */
export function useWhy(): (reading: Reading) => string {
  const { t, has } = useText()
  return (reading) => {
    const keys = reading.flags.map((flag) => `why.${flag}`).filter((key): key is Key => has(key))
    return keys.length === 0 ? t('why.unknown') : keys.map((key) => t(key)).join(' ')
  }
}
