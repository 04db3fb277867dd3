// The world of one case: a house whose hub is started again whenever it ends, readings with their ticks, and the way back to rest.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { View } from '../../hub/screen/view.ts'
import { watchScreen } from '../../simulators/kiosk-view.ts'
import { StartError } from '../../simulators/programs.ts'
import type { House } from '../journeys/house.ts'
import type { Parts } from './case.ts'
import { type Sayer, sayerAt, whenOver } from './kiosk.ts'
import type { Line } from './line.ts'
import { compare, makeTruth, type Truth } from './truth.ts'

export interface World extends Sayer {
  house: House
  /** Between hub and broker. */
  line: Line
  parts: Parts
  /** 0 ≤ x < 1, the same for one seed and case. */
  random(): number
  quick: boolean
  /** Ends when the case's time is over. */
  signal: AbortSignal
  truth: Truth
  hub: {
    /** As a power cut does; it is started again. */
    kill(): void
    /** Ends it and leaves it so. */
    end(signal?: NodeJS.Signals): Promise<void>
    /** Starts it after `end`. */
    begin(): Promise<void>
    /** Environment of the next start; asked at each. */
    env: () => NodeJS.ProcessEnv
    /** Told of every later start, before the hub is ready. */
    born: () => void
    /** How often it ended, by itself or killed. */
    deaths(): number
  }
  /** Waits, as long as the case lasts, until the hub's screen shows it. */
  screenUntil(what: string, seen: (view: View) => boolean): Promise<unknown>
  /** How many readings the hub said aloud to be destroyed with its file. */
  destroyed: number
  /** The fault is over: from now on it is counted how long everything takes to be stored. */
  healed(): void
}

export type Around = Pick<World, 'house' | 'line' | 'parts' | 'random' | 'quick' | 'signal'>

const LOOK_MS = 250

export function makeWorld(around: Around) {
  const { house, signal } = around
  const closing = new AbortController()
  const all = AbortSignal.any([signal, closing.signal])
  setMaxListeners(0, signal, all) // one for each wait
  const over = whenOver(all)
  const truth = makeTruth()
  let screen = house.screen
  let looking = new AbortController()
  let deaths = 0
  let held = false
  let pid = house.hub.pid
  let healedMs: number | null = null
  let wakeUp = () => {}

  const sayer = sayerAt({ hub: () => house.hub, screen: () => screen, cuff: house.devices.cuff! }, truth, all)
  const world: World = {
    ...around,
    ...sayer,
    truth,
    hub: {
      kill: () => killed(pid, 'SIGKILL'),
      async end(how = 'SIGTERM') {
        held = true
        killed(pid, how)
        await house.hub.ended
      },
      async begin() {
        held = false
        wakeUp()
        await sayer.ready()
      },
      env: () => ({}),
      born: () => {},
      deaths: () => deaths,
    },
    async screenUntil(what, seen) {
      for (;;) {
        signal.throwIfAborted()
        // It may be another screen by then: the hub was started again.
        const shown = screen.until(what, seen, 2000).then(
          () => true,
          () => false,
        )
        if (await shown) return
      }
    },
    destroyed: 0,
    healed() {
      healedMs = performance.now()
    },
  }

  /** As a service manager does: whenever the hub ends it is started again. */
  async function keepAlive() {
    while (!all.aborted) {
      await Promise.race([house.hub.ended, over])
      if (all.aborted) return
      deaths++
      await begun()
    }
  }

  async function begun() {
    while (!all.aborted) {
      while (held && !all.aborted) {
        const asked = new Promise<void>((resolve) => {
          wakeUp = resolve
        })
        await Promise.race([asked, over])
      }
      try {
        await house.startHub(world.hub.env(), (born) => {
          pid = born
          world.hub.born()
        })
        looking.abort()
        looking = new AbortController()
        const seen = AbortSignal.any([looking.signal, all])
        setMaxListeners(0, seen)
        screen = watchScreen(house.hub.ready.url, seen)
        return
      } catch (error) {
        if (!(error instanceof StartError)) throw error
        deaths++
      }
    }
  }

  const kept = keepAlive()
  kept.catch(() => closing.abort())

  /** Waits until all that was ticked is stored, or the case's time is over; then compares. */
  async function rest() {
    const sinceMs = healedMs ?? performance.now()
    const api = await house.api()
    const now = () => compare(house, api, truth.spoken, world.destroyed)
    for (;;) {
      const health = (await (await api.get('/health')).json()) as { waiting: number }
      const counts = await now()
      const whole = health.waiting === 0 && counts.stored === counts.sent - counts.destroyed
      const seconds = (performance.now() - sinceMs) / 1000
      if (signal.aborted) return { ...counts, seconds }
      if (whole) {
        // What is doubled would come after: once the outbox waits for nothing, nothing more is under way.
        await world.screenUntil('an empty outbox', ({ queued }) => queued === 0)
        return { ...(await now()), seconds }
      }
      await sleep(LOOK_MS)
    }
  }

  return {
    world,
    rest,
    async close() {
      closing.abort()
      looking.abort()
      await kept
    },
  }
}

function killed(pid: number, how: NodeJS.Signals) {
  try {
    process.kill(pid, how)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // it is dead already
  }
}
