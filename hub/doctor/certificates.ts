// The certificates in a hub's enrolment and when they end.
import { X509Certificate } from 'node:crypto'
import type { Enrolment } from '../contract/enrolment.ts'
import { broken, type Finding, look, ok } from './finding.ts'

const DAY_MS = 86_400_000
const SOON_DAYS = 60
/** RFC 5280, 4.1.2.5: how a certificate says that it has no end. */
const ENDLESS_MS = Date.parse('9999-12-31T23:59:59Z')
const RENEW = 'have the clinic make a new enrolment (kiosk-clinic keys rotate) and bring it here'

export function certificateFindings({ ca, cert }: Enrolment['broker'], nowMs: number): Finding[] {
  const all = [
    ...(ca === undefined ? [] : [finding('certificate of the clinic', ca, nowMs)]),
    ...(cert === undefined ? [] : [finding('certificate of this hub', cert, nowMs)]),
  ]
  return all.length > 0 ? all : [ok('certificates', 'none in the enrolment: this hub signs in by a password')]
}

function finding(what: string, pem: string, nowMs: number): Finding {
  let one: X509Certificate
  try {
    one = new X509Certificate(pem)
  } catch {
    return broken(what, 'it cannot be read', RENEW)
  }
  const [from, until] = [Date.parse(one.validFrom), Date.parse(one.validTo)]
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10)
  if (nowMs > until) return broken(what, `it ended on ${day(until)}`, `look whether the clock is right; ${RENEW}`)
  if (nowMs < from) return broken(what, `it begins only on ${day(from)}`, 'the clock of this machine is wrong: set it')
  if (until >= ENDLESS_MS) return ok(what, 'good, without an end')
  const says = `good until ${day(until)}`
  return until - nowMs > SOON_DAYS * DAY_MS ? ok(what, says) : look(what, says, RENEW)
}
