// Records for tests: plainly invented, whole by the contract.
import type { Draft } from '../../hub/observe.ts'

export const observation = (id: string | null): Draft & { type: 'observation' } => ({
  type: 'observation',
  id: id as null,
  kind: 'blood-pressure',
  hub: 'K01',
  visit: null,
  subject: null,
  takenAt: '2026-03-02T08:15:00+08:00',
  resolution: 'millisecond',
  deviceTime: null,
  clock: { trusted: true, boot: 'boot-1', uptimeMs: 1000, deviceOffsetSeconds: null },
  values: { systolic: 124, diastolic: 78, mean: null, pulse: 70 },
  unit: 'mm[Hg]',
  range: null,
  context: null,
  flags: ['unassigned-no-visit'],
  device: { driver: 'test-cuff', vendor: 'Test', model: 'Model 1', serial: null },
  memory: false,
  raw: '00',
})
