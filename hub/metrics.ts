// What a hub counts, for GET /metrics: Telegraf's words, a unit in each name, the device as the only label, nothing of people.
import { Counter, Gauge } from 'prom-client'
import type { DeviceStatus } from './contract/status.ts'
import type { OutboxState } from './outbox.ts'
import { type Metrics, processFigures } from './system/metrics.ts'

/** How things stand at the moment of asking. */
export interface HubFigures {
  version: string
  token: string | null
  wallMs(): number
  outbox(): OutboxState
  devices(): DeviceStatus[]
  online(): boolean
  full(): boolean
  /** Drafts in memory because the disk is full. */
  held(): number
  clockTrusted(): boolean
}

export interface HubMetrics extends Metrics {
  /** A record came onto the disk. */
  accepted(type: string): void
  /** A reading could not even be held. */
  rejected(): void
  /** Rows that a mark covered, and rows that it covers no more. */
  marked(covered: number, uncovered: number): void
}

export function hubMetrics(of: HubFigures): HubMetrics {
  const register = processFigures()
  const registers = [register]
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name: `kiosk_hub_${name}`, help, labelNames, registers })
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: `kiosk_hub_${name}`,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  const ofDevices = (name: string, help: string, value: (device: DeviceStatus) => number) =>
    new Counter({
      name: `kiosk_hub_device_${name}`,
      help,
      labelNames: ['device'],
      registers,
      collect() {
        this.reset()
        for (const device of of.devices()) this.inc({ device: device.id }, value(device))
      },
    })

  const accepted = counter('records_accepted_total', 'Records kept on the disk since this start', 'type')
  const rejected = counter('readings_rejected_total', 'Readings lost since this start: disk full, memory full')
  const written = counter('records_written_total', 'Records that a stored mark of the clinic came to cover')
  const unwritten = counter(
    'records_unwritten_total',
    'Records that a stored mark covers no more: the clinic lost them',
  )
  gauge('records_kept', 'Records that the clinic has not confirmed', () => of.outbox().queued)
  gauge('records_held', 'Records in memory because the disk is full', of.held)
  gauge('oldest_kept_age_seconds', 'Age of the oldest record that the clinic has not confirmed', () => {
    const { oldestMs } = of.outbox()
    return oldestMs === null ? 0 : Math.max(0, (of.wallMs() - oldestMs) / 1000)
  })
  gauge('broker_up', '1: connected to the broker', () => Number(of.online()))
  gauge('disk_full', '1: the disk takes no rows, no visitor is let in', () => Number(of.full()))
  gauge('clock_trusted', '1: the system clock is trusted', () => Number(of.clockTrusted()))
  ofDevices('events_total', 'Events the device told since this start', ({ counts }) => counts.events)
  ofDevices('frames_rejected_total', 'Frames whose check or content was wrong', ({ counts }) => counts.refusedFrames)
  ofDevices('discarded_bytes_total', 'Bytes that belonged to no frame', ({ counts }) => counts.discardedBytes)
  new Gauge({
    name: 'kiosk_hub_device_up',
    help: '1: the device is open and answers',
    labelNames: ['device'],
    registers,
    collect() {
      for (const { id, state } of of.devices()) this.set({ device: id }, Number(state === 'open'))
    },
  })
  new Gauge({ name: 'kiosk_hub_info', help: 'The version that runs', labelNames: ['version'], registers }).set(
    { version: of.version },
    1,
  )
  return {
    accepted: (type) => accepted.inc({ type }),
    rejected: () => rejected.inc(),
    marked(covered, uncovered) {
      written.inc(covered)
      unwritten.inc(uncovered)
    },
    text: () => register.metrics(),
    contentType: register.contentType,
    token: of.token,
  }
}
