// Commands to the hubs: said again until the hub answers, each time with a new deadline under the same key.
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Command } from '../../hub/contract/command.ts'
import { type Asked, undone } from './registry/commands.ts'
import type { Registry } from './registry/schema.ts'

export interface CommandParts {
  registry: Registry
  /** @returns false when the broker is away */
  publish(hub: string, command: Command): boolean
  log: Logger
  /** Milliseconds since 1970. */
  now(): number
}

const LOOK_MS = 2000
/** How long one publication counts: a hub that sleeps is asked again when it is back. */
const LASTS_MS = 5 * 60_000
const AGAIN_MS = { silent: 60_000, refused: 3_600_000 }

/** Runs until the signal aborts. */
export async function sendCommands(parts: CommandParts, signal: AbortSignal): Promise<void> {
  const { registry, log } = parts
  const said = new Map<string, number>()
  let failing = false
  while (!signal.aborted) {
    try {
      const asked = await undone(registry)
      for (const one of asked) say(parts, one, said)
      for (const key of said.keys()) if (!asked.some((one) => one.key === key)) said.delete(key)
      failing = false
    } catch (error) {
      if (!failing) log.error({ err: error }, 'the registry does not say what hubs are asked; tried again')
      failing = true
    }
    await delay(LOOK_MS, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
  }
}

function say({ publish, now }: CommandParts, { key, hub, command, outcome }: Asked, said: Map<string, number>) {
  const last = said.get(key)
  const waitMs = outcome === 'refused' ? AGAIN_MS.refused : AGAIN_MS.silent
  if (last !== undefined && now() - last < waitMs && now() >= last) return
  const deadline = new Date(now() + LASTS_MS).toISOString()
  if (publish(hub, Command.parse({ v: 1, key, deadline, command }))) said.set(key, now())
}
