// Tells systemd that a program is ready, lives and ends. Node has no datagram sockets: systemd's own command speaks for us.
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'

/** What systemd puts into the environment of a unit of Type=notify. */
export interface NotifyEnvironment {
  NOTIFY_SOCKET?: string | undefined
  WATCHDOG_USEC?: string | undefined
  /** Whom the watchdog means; absent: whoever has the environment. */
  WATCHDOG_PID?: string | undefined
  PATH?: string | undefined
}

export type ServiceManager = ReturnType<typeof serviceManager>

const PATIENCE_MS = 10_000

/** Without a socket, as when nobody but a person started the program, every word goes nowhere. */
export function serviceManager(env: NotifyEnvironment, pid: number, log: Logger) {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, PATH } = env
  const watched = NOTIFY_SOCKET && WATCHDOG_USEC && (WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === pid)
  const everyMs = watched ? Number(WATCHDOG_USEC) / 1000 / 3 : null
  let mute = false

  const say = (...words: string[]) =>
    new Promise<void>((resolve) => {
      if (!NOTIFY_SOCKET) return resolve()
      const options = { env: { NOTIFY_SOCKET, PATH }, timeout: PATIENCE_MS }
      execFile('systemd-notify', words, options, (error) => {
        if (error && !mute) log.error({ reason: error.message.trim() }, 'systemd could not be told')
        mute = error !== null
        resolve()
      })
    })

  return {
    ready: () => say('READY=1'),
    stopping: () => say('STOPPING=1'),
    /**
     * Says that the program lives as long as `alive` resolves, three times within the time systemd waits. A program whose
     * `alive` hangs or rejects says nothing, and is started anew.
     */
    async watch(alive: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
      while (everyMs !== null && !signal.aborted) {
        await alive().then(
          () => say('WATCHDOG=1'),
          (error) => log.error({ err: error }, 'not well: the watchdog is not told'),
        )
        await sleep(everyMs, undefined, { signal }).catch(() => undefined) // aborted: the loop ends
      }
    },
  }
}
