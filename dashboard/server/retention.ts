// Once a day: what is older than the site keeps it is set aside. Without the setting everything stays for ever.
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { ClinicConfig } from './config.ts'
import type { Change } from './registry/intake.ts'
import { anySetAside, blankSetAside, setAsideAudit, setAsideQuarantine } from './registry/retention.ts'
import type { Registry } from './registry/schema.ts'

export interface RetentionParts {
  registry: Registry
  retention: ClinicConfig['retention']
  log: Logger
  /** Milliseconds since 1970. */
  now(): number
  notify(change: Change): void
}

const DAY_MS = 86_400_000
const AGAIN_MS = 3_600_000

/** Runs until the signal aborts. */
export async function keepRetention(parts: RetentionParts, signal: AbortSignal): Promise<void> {
  let looked = false
  while (!signal.aborted) {
    let nextMs = DAY_MS
    try {
      // Files may have been put back from a copy: they too hold nobody who was erased since.
      if (!looked && (await anySetAside(parts.registry)))
        await parts.registry.transaction().execute((trx) => blankSetAside(trx, []))
      looked = true
      await setAsideOld(parts, signal)
    } catch (error) {
      parts.log.error(
        { err: error },
        'what is older than the site keeps it could not be set aside: it stays, the next try is in an hour',
      )
      nextMs = AGAIN_MS
    }
    await delay(nextMs, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
  }
}

/** One round. */
export async function setAsideOld({ registry, retention, log, now, notify }: RetentionParts, signal?: AbortSignal) {
  const rounds = [
    ['quarantine', retention.quarantineDays, setAsideQuarantine],
    ['audit', retention.auditDays, setAsideAudit],
  ] as const
  for (const [what, days, setAside] of rounds) {
    if (days === undefined) continue
    const beforeMs = now() - days * DAY_MS
    for (let done = await setAside(registry, beforeMs, now()); done; done = await setAside(registry, beforeMs, now())) {
      log.info({ class: what, days, ...done }, 'older than the site keeps it: set aside in a file beside the registry')
      if (what === 'quarantine') notify({ kind: 'quarantine', hub: null })
      if (signal?.aborted) return
    }
  }
}
