// A reading of the registry as the API tells it: times with the site's offset, figures as the device said them, the band beside.
import { Kind } from '../../../devices/kit/event.ts'
import { assess } from '../../../hub/clinical/bands.ts'
import type { Shown } from '../registry/observations.ts'
import type { ApiObservation, RecentObservation } from './schema.ts'
import { yearsOld, zoned } from './zoned.ts'

/** Figures of a reading by its own names: `systolic`, …, or `value`. Null: the device sent none. */
export type Values = Readonly<Record<string, number | null>>

/** @param stored the figures that the series holds of it; without, those that the registry keeps are told */
export function asReading(shown: Shown, stored?: Values): ApiObservation {
  const told = shown.record ?? fromPoint(shown)
  const { kind, unit, range, context, flags } = told
  const values = { ...told.values, ...stored }
  const takenAt = shown.takenAtMs === null ? null : zoned(shown.takenAtMs, shown.zone)
  const birthDate = shown.resident?.birthDate ?? null
  const ageYears = birthDate === null || takenAt === null ? null : yearsOld(birthDate, takenAt)
  const judged = takenAt !== null && !shown.retracted
  return {
    id: shown.id,
    kind,
    takenAt,
    timePending: shown.state === 'pending',
    deviceTime: told.deviceTime,
    receivedAt: zoned(shown.receivedAtMs, shown.zone),
    values,
    unit,
    range,
    context,
    flags,
    device: told.device,
    hub: shown.hub,
    site: shown.site,
    visit: shown.visit,
    clock: told.clock,
    assessment: judged ? assess({ kind, values, unit, range, meal: context?.meal ?? null, flags, ageYears }) : null,
    retracted: shown.retracted,
    assigned: shown.assigned && {
      by: shown.assigned.by,
      at: zoned(shown.assigned.atMs, shown.zone),
      reason: shown.assigned.reason,
    },
  }
}

/** With the resident it is shown under. */
export const asRecent = (shown: Shown): RecentObservation => ({
  ...asReading(shown),
  resident: shown.resident && { id: shown.resident.id, name: shown.resident.name },
})

type Told = Pick<
  ApiObservation,
  'kind' | 'deviceTime' | 'values' | 'unit' | 'range' | 'context' | 'flags' | 'device' | 'clock'
>

/** After the registry was restored, until the hub has sent the record again: what the series alone knows of a reading. */
function fromPoint({ id, point }: Shown): Told {
  if (!point) throw new Error(`the reading ${id} has neither a record nor a point`)
  return {
    kind: Kind.parse(point.kind),
    deviceTime: null,
    values: point.numbers,
    unit: point.unit,
    range: point.range,
    context: null,
    flags: [...point.flags],
    device: { vendor: '', model: point.device, serial: null },
    clock: { trusted: true, boot: '', uptimeMs: 0, deviceOffsetSeconds: null },
  }
}
