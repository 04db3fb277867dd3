// Resident-ID card readers with the SAM_V security module (SDT), serial. The reader does the cryptography; the conversation is in kit/sdt.ts.
// Protocol: SAM_V communication protocol (vendor copies) and public drivers.
import { type Cut, defineDriver } from '../kit/driver.ts'
import { PREAMBLE, preambled, SDT } from '../kit/sdt.ts'

const cutWhole = preambled(PREAMBLE)
const cutShort = preambled(PREAMBLE.slice(1)) // a lost first AA is survivable, as one vendor library does it

function cutFrame(bytes: Uint8Array): Cut {
  const found = cutWhole(bytes)
  if (found !== 'noise') return found
  const short = cutShort(bytes)
  return short === 'refused' ? 'noise' : short // the tail of a frame refused one byte before: not a second one
}

export default defineDriver({
  ...SDT,
  models: ['sdt-samv-serial'],
  transport: { type: 'serial', baud: 115200 },
  cutFrame,
})
