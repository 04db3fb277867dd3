// Simulated resident-ID reader with an SAM_V module, USB HID: frames in whole reports, filled up with zeros.
import type { Simulator } from './device.ts'
import { sdtReader } from './sdt.ts'

const REPORT = 64

/** The reports that carry a frame. */
export const encodeReports = (frame: Uint8Array): Uint8Array[] =>
  Array.from({ length: Math.ceil(frame.length / REPORT) }, (_, i) => {
    const report = new Uint8Array(REPORT)
    report.set(frame.subarray(i * REPORT, (i + 1) * REPORT))
    return report
  })

export const simulator: Simulator = {
  line: 'hid',
  make: (world) =>
    sdtReader((frame) => {
      for (const report of encodeReports(frame)) world.send(report)
    }),
}
