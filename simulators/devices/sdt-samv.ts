// Simulated resident-ID reader with an SAM_V module, serial.
import type { Simulator } from './device.ts'
import { sdtReader } from './sdt.ts'

export const simulator: Simulator = { line: 'serial', make: (world) => sdtReader(world.send) }
