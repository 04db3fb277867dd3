// Resident-ID card readers with the SAM_V security module (SDT), the USB HID kind. The conversation is in kit/sdt.ts.
// Protocol: one public library; a frame begins its first report, and what stands behind its check in the last is filling.
import { type Cut, defineDriver } from '../kit/driver.ts'
import { PREAMBLE, preambled, SDT } from '../kit/sdt.ts'

const REPORT = 64
const whole = (length: number) => Math.ceil(length / REPORT) * REPORT
const cutShown = preambled(PREAMBLE)

function cutFrame(bytes: Uint8Array): Cut {
  const found = cutShown(bytes)
  if (typeof found !== 'object') return found
  const length = whole(found.frame)
  return bytes.length < length ? 'more' : { frame: length }
}

export default defineDriver({
  ...SDT,
  models: ['sdt-usb-hid-2b8b:2721'],
  transport: {
    type: 'hid',
    ids: [{ vendorId: 0x2b8b, productId: 0x2721 }],
    reportLength: REPORT,
    aligned: true,
    unwrap: (report) => report,
    wrap(frame) {
      const filled = new Uint8Array(whole(frame.length))
      filled.set(frame)
      return Array.from({ length: filled.length / REPORT }, (_, i) => filled.slice(i * REPORT, (i + 1) * REPORT))
    },
  },
  cutFrame,
})
