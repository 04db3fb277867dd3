// Is this a phone (or a page magnified to its width)? The one break of the page, in em so that zoom takes the same path.
import { useSyncExternalStore } from 'react'

const query = () => matchMedia('(max-width: 47.9em)')

const listen = (changed: () => void) => {
  const media = query()
  media.addEventListener('change', changed)
  return () => media.removeEventListener('change', changed)
}

export const useNarrow = () => useSyncExternalStore(listen, () => query().matches)
