// What a clinic counts, for GET /metrics: Telegraf's words, a unit in each name, the hub as the only label of note, nothing of people.
import { Counter, Gauge } from 'prom-client'
import { type Metrics, processFigures } from '../../hub/system/metrics.ts'
import { kioskStates, waitingForSeries } from './registry/delivery.ts'
import type { Change } from './registry/intake.ts'
import type { Registry } from './registry/schema.ts'

export interface ClinicFigures {
  registry: Registry
  version: string
  /** Milliseconds since 1970. */
  now(): number
  presenceMs: number
  token: string | null
}

export interface ClinicMetrics extends Metrics {
  /** Hears everything; counts what is to be counted. */
  count(change: Change): void
}

const PREFIX = 'kiosk_clinic_'

export function clinicMetrics({ registry, version, now, presenceMs, token }: ClinicFigures): ClinicMetrics {
  const register = processFigures()
  const registers = [register]
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name: PREFIX + name, help, labelNames, registers })
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ name: PREFIX + name, help, labelNames, registers })

  const accepted = counter('records_accepted_total', 'Records taken since this start, repeats included', 'hub')
  const rejected = counter('records_rejected_total', 'Records and messages set aside, repeats included', 'hub')
  const written = counter('readings_written_total', 'Readings written to the time series since this start')
  const kept = gauge('readings_kept', 'Readings in the registry that wait for the time series')
  const part = gauge('part_up', '1: this part of the clinic answers', 'part')
  const ofHubs = {
    up: gauge('hub_up', '1: the hub speaks', 'hub'),
    clone: gauge('hub_clone', '1: two live sessions share this identity', 'hub'),
    lastWord: gauge('hub_last_word_timestamp_seconds', 'When the hub last spoke', 'hub'),
    lastReading: gauge('hub_last_reading_timestamp_seconds', 'When its newest reading was taken', 'hub'),
    stored: gauge('hub_records_stored', 'Its records that are here', 'hub'),
    missing: gauge('hub_records_missing', 'Its records that are still there only', 'hub'),
    gone: gauge('hub_records_gone', 'Its records that are neither there nor here', 'hub'),
    quarantined: gauge('hub_records_quarantined', 'What it sent and could not be accepted', 'hub'),
    conflicts: gauge('hub_records_conflicting', 'Second, different versions of its records', 'hub'),
  }
  gauge('info', 'The version that runs', 'version').set({ version }, 1)
  part.set({ part: 'registry' }, 1)
  part.set({ part: 'series' }, 0) // until its first comparison
  part.set({ part: 'broker' }, 0)

  async function look() {
    const hubs = await kioskStates(registry, 'all', now(), presenceMs)
    for (const one of Object.values(ofHubs)) one.reset()
    for (const { hub, presence, lastWordMs, lastReadingMs, delivery } of hubs) {
      ofHubs.up.set({ hub }, Number(presence === 'online' || presence === 'clone'))
      ofHubs.clone.set({ hub }, Number(presence === 'clone'))
      if (lastWordMs !== null) ofHubs.lastWord.set({ hub }, lastWordMs / 1000)
      if (lastReadingMs !== null) ofHubs.lastReading.set({ hub }, lastReadingMs / 1000)
      for (const name of ['stored', 'missing', 'gone', 'quarantined', 'conflicts'] as const)
        ofHubs[name].set({ hub }, delivery[name])
    }
    kept.set(await waitingForSeries(registry))
  }

  return {
    count(change) {
      if (change.kind === 'taken') {
        accepted.inc({ hub: change.hub }, change.accepted)
        rejected.inc({ hub: change.hub }, change.rejected)
      } else if (change.kind === 'written') written.inc(change.points)
      else if (change.kind === 'part') part.set({ part: change.part }, Number(change.state === 'ok'))
    },
    async text() {
      await look()
      return register.metrics()
    },
    contentType: register.contentType,
    token,
  }
}
