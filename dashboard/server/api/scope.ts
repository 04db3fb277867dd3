// Who sees what: the one function that every list, live event and export passes through (promises 2.3).
import type { Sites } from '../registry/scope.ts'
import { ApiFault } from './errors.ts'
import type { SessionUser } from './schema.ts'

export interface Scope {
  /** Kiosks and quarantine of these sites. 'all' holds what names no enrolled hub, too. */
  machines: Sites
  /** Residents at home at these sites; readings of those residents, and readings taken at these sites' kiosks. */
  people: Sites
}

/**
 * The clinical rules, section 11, as this clinic reads them:
 * - A **doctor** sees the own residents, those whose home site is one of the doctor's, with all of their readings wherever
 *   they were taken; and whatever was measured at the own sites' kiosks, for who stands there may need help today. The
 *   record of such a guest from elsewhere stays closed.
 * - **county** staff see referred people only, of whom there are none before referrals exist; and the kiosks of their sites.
 * - An **admin** runs the system: every kiosk and the whole quarantine, and no identities, ever.
 */
export function scope(user: SessionUser): Scope {
  const own = user.sites.map((site) => site.id)
  if (user.role === 'admin') return { machines: 'all', people: [] }
  return { machines: own, people: user.role === 'doctor' ? own : [] }
}

/** @throws ApiFault when this user sees no people at all: an empty list would say that there are none */
export function people(seen: Scope): Sites {
  if (seen.people.length > 0) return seen.people
  throw new ApiFault('not-allowed', 'This account may not see residents or readings. Ask the doctor of the site.')
}
