// The invented village's machines: what their statuses say, and what came from them that could not be used.
import { randomUUID } from 'node:crypto'
import type { takeIn } from '../../../dashboard/server/registry/intake.ts'
import type { DeviceStatus, Status } from '../../../hub/contract/status.ts'

/** Wednesday morning at the village. */
export const MORNING = Date.parse('2026-11-25T09:43:00+08:00')
export const MINUTE = 60_000
export const EPOCH = 'epoch'
/** An instant as the site writes it. */
export const at = (ms: number) => new Date(ms + 8 * 60 * MINUTE).toISOString().replace('Z', '+08:00')

export const REFUSED: Parameters<typeof takeIn>[1]['refused'] = [
  {
    hub: 'K03',
    topic: 'kiosk/v1/K03/records',
    epoch: 'epoch-7',
    seq: 1,
    reason: 'invalid-record',
    detail: 'observation: unit: expected mm[Hg], mg/dL or mmol/L, nothing came',
    body: {
      body: '{"type":"observation","id":"r-41","kind":"glucose","values":{"value":5.5}}',
      encoding: 'text',
      bytes: 74,
    },
  },
  {
    hub: 'E1',
    topic: 'kiosk/v1/E1/records',
    epoch: null,
    seq: null,
    reason: 'not-json',
    detail: 'the message is no JSON: it ends in the middle',
    body: { body: '7b227631223a', encoding: 'hex', bytes: 6 },
  },
]

export const kept = (last = 0) => [{ epoch: EPOCH, first: 1, last }]

const counted = { events: 12, discardedBytes: 0, refusedFrames: 0 }
export const cuff = (state: DeviceStatus['state'], cause: string | null): DeviceStatus => ({
  id: 'cuff',
  driver: 'and-tm2657',
  vendor: 'A&D',
  model: 'TM-2657',
  kind: 'blood-pressure',
  state,
  cause,
  since: at(MORNING - 40 * MINUTE),
  counts: counted,
  clockOffsetSeconds: null,
})
export const card = (): DeviceStatus => ({
  ...cuff('open', null),
  id: 'card',
  driver: 'sdt-samv',
  vendor: 'SDT',
  model: 'SAM-V',
  kind: 'identity',
})
const meter = (): DeviceStatus => ({
  ...cuff('open', null),
  id: 'meter',
  driver: 'ascensia-contour',
  vendor: 'Ascensia',
  model: 'Contour',
  kind: 'glucose',
  counts: { events: 4, discardedBytes: 17, refusedFrames: 1 },
  clockOffsetSeconds: -131,
})

export const status = (hub: string, ms: number, changed: Partial<Status>): Status => ({
  v: 1,
  hub,
  session: randomUUID(),
  started: at(ms - 300 * MINUTE),
  at: at(ms),
  online: true,
  site: 'east',
  devices: [cuff('open', null), meter(), card()],
  epochs: [],
  queued: 0,
  oldest: null,
  seen: null,
  clock: { trusted: true, boot: 'b' },
  versions: { hub: '0.1.0', contract: 1 },
  ...changed,
})
