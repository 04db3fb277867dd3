// Single keys: each is also a button, none works while somebody types, and all can be switched off (WCAG 2.1.4).
import { useEffect } from 'react'

const OFF = 'keys-off'
export const keysAreOn = () => localStorage.getItem(OFF) === null
export const setKeys = (on: boolean) => (on ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, '1'))

const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || target.closest('input:not([type=radio]), textarea, select, [role=dialog]') !== null)

/** @param keys what each key does while the calling part is on the screen */
export function useKeys(keys: Record<string, () => void>) {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const act = keys[event.key]
      if (!act || event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !keysAreOn()) return
      event.preventDefault()
      act()
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [keys])
}
