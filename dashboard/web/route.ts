// Where the reader is, kept behind the # so that no server log ever sees whose page was opened.
import { useSyncExternalStore } from 'react'

export type Place =
  | { page: 'residents' }
  | { page: 'resident'; id: string }
  | { page: 'readings'; id: string }
  | { page: 'unassigned'; id: string | null }
  | { page: 'kiosks' }
  | { page: 'quarantine'; id: string | null }

export function hrefOf(place: Place): string {
  switch (place.page) {
    case 'resident':
      return `#/residents/${place.id}`
    case 'readings':
      return `#/residents/${place.id}/readings`
    case 'unassigned':
    case 'quarantine':
      return place.id === null ? `#/${place.page}` : `#/${place.page}/${encodeURIComponent(place.id)}`
    default:
      return `#/${place.page}`
  }
}

/** An address nobody made leads to the residents: the first page. */
export function placeOf(hash: string): Place {
  const [page, id, rest] = hash.replace(/^#\/?/, '').split('/')
  if (page === 'kiosks') return { page }
  if (page === 'unassigned' || page === 'quarantine') return { page, id: id ? decodeURIComponent(id) : null }
  if (page === 'residents' && id) return rest === 'readings' ? { page: 'readings', id } : { page: 'resident', id }
  return { page: 'residents' }
}

export const go = (place: Place) => {
  location.hash = hrefOf(place)
}

const listen = (changed: () => void) => {
  addEventListener('hashchange', changed)
  return () => removeEventListener('hashchange', changed)
}

export function usePlace(): Place {
  return placeOf(useSyncExternalStore(listen, () => location.hash))
}
