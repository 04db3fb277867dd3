// What is selected before anybody chose: the first of a list, held fast while newcomers move it down.
import { useState } from 'react'

/** Never another one under the reader's hand: what is done to "the selected" must be done to what was read. */
export function useFirst(items: readonly { id: string }[] | null): string | null {
  const [held, setHeld] = useState<string | null>(null)
  const first = items?.[0]?.id ?? null
  if (held === null && first !== null) setHeld(first)
  return held ?? first
}
