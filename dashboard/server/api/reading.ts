// A reading of the registry as the API tells it: times with the site's offset, figures as the device said them, the band beside.
import { assess } from '../../../hub/clinical/bands.ts'
import type { Shown } from '../registry/observations.ts'
import type { ApiObservation, RecentObservation } from './schema.ts'
import { yearsOld, zoned } from './zoned.ts'

/** Figures of a reading by its own names: `systolic`, …, or `value`. Null: the device sent none. */
export type Values = Record<string, number | null>

/**
 * @param birthDate of whose reading it is, where known: under age no band is given
 * @param stored the figures that the series holds of it; null: what the registry keeps is told
 */
export function asReading(shown: Shown, birthDate: string | null, stored: Values | null = null): ApiObservation {
  const told = shown.record ?? fromPoint(shown)
  const values = { ...told.values, ...stored }
  const takenAt = shown.takenAtMs === null ? null : zoned(shown.takenAtMs, shown.zone)
  const ageYears = birthDate === null || takenAt === null ? null : yearsOld(birthDate, takenAt)
  const judged = takenAt !== null && !shown.retracted
  return {
    id: shown.id,
    kind: told.kind,
    takenAt,
    timePending: shown.state === 'pending',
    deviceTime: told.deviceTime,
    receivedAt: zoned(shown.receivedAtMs, shown.zone),
    values,
    unit: told.unit,
    range: told.range,
    context: told.context,
    flags: told.flags,
    device: { vendor: told.device.vendor, model: told.device.model, serial: told.device.serial },
    hub: shown.hub,
    site: shown.site,
    visit: shown.visit,
    clock: told.clock,
    assessment: judged
      ? assess({ kind: told.kind, values, unit: told.unit, range: told.range, meal: told.context?.meal ?? null, flags: told.flags, ageYears })
      : null,
    retracted: shown.retracted,
    assigned: shown.assigned && {
      by: shown.assigned.by,
      at: zoned(shown.assigned.atMs, shown.zone),
      reason: shown.assigned.reason,
    },
  }
}

/** With the resident it is shown under. */
export const asRecent = (shown: Shown, birthDate: string | null): RecentObservation => ({
  ...asReading(shown, birthDate),
  resident: shown.resident && { id: shown.resident.id, name: shown.resident.name },
})
