// The world of one case: a house whose hub is started again whenever it ends, readings with their ticks, and the way back to rest.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type KioskScreen, watchScreen } from '../../simulators/kiosk-view.ts'
import { StartError } from '../../simulators/programs.ts'
import type { House } from '../journeys/house.ts'
import type { Parts } from './case.ts'
import { compare, type Figures, figuresOf, type Spoken } from './truth.ts'

export interface World {
  house: House
  parts: Parts
  seed: number
  /** 0 ≤ x < 1, the same for one seed and case. */
  random(): number
  quick: boolean
  /** Ends when the case's time is over. */
  signal: AbortSignal
  spoken: Spoken[]
  /** Says so many new readings, each only after the tick of the last or a reopened port. */
  say(count: number): Promise<void>
  /** Says readings until `done` resolves. */
  sayUntil(done: Promise<unknown>): Promise<void>
  /** The hub runs, its cuff's port is open, and somebody stands there. */
  ready(): Promise<void>
  hub: {
    /** As a power cut does; it is started again. */
    kill(): void
    /** Ends it, by SIGTERM or at once, and leaves it so. */
    end(signal?: NodeJS.Signals): Promise<void>
    /** Starts it after `end`. */
    begin(): Promise<void>
    /** Environment of every later start. */
    env: NodeJS.ProcessEnv
    /** Told of every later start, before the hub is ready. */
    born: ((pid: number) => void) | undefined
    /** So often it ended by itself or was killed. */
    deaths(): number
  }
  /** How many readings the hub said aloud to be destroyed with its file. */
  destroyed: number
  /** The fault is over: from now on it is counted how long everything takes to be stored. */
  healed(): void
}

export interface Ending {
  counts: Awaited<ReturnType<typeof compare>>
  seconds: number
}

const LOOK_MS = 250

export function makeWorld(
  house: House,
  around: { parts: Parts; seed: number; random: () => number; quick: boolean; signal: AbortSignal },
) {
  const { signal } = around
  const closing = new AbortController()
  const all = AbortSignal.any([signal, closing.signal])
  setMaxListeners(0, all) // one for each wait
  const spoken: Spoken[] = []
  let screen: KioskScreen = house.screen
  let looking = new AbortController()
  let numbered = 0
  let deaths = 0
  let held = false
  let pid = house.hub.pid
  let healedMs: number | null = null
  let wakeUp = () => {}

  const look = () => {
    looking.abort()
    looking = new AbortController()
    screen = watchScreen(house.hub.ready.url, AbortSignal.any([looking.signal, all]))
  }

  async function ready(): Promise<void> {
    for (;;) {
      all.throwIfAborted()
      const { hub } = house
      try {
        await Promise.race([
          screen.until(
            'the cuff',
            (view) => view.devices.some(({ id, state }) => id === 'cuff' && state === 'open'),
            20_000,
          ),
          gone(hub.ended),
        ])
        const visit = (view: { visit: { step: string } | null }) => view.visit !== null && view.visit.step !== 'goodbye'
        await Promise.race([screen.press({ do: 'guest' }), gone(hub.ended)])
        await Promise.race([screen.until('a visit', visit, 5_000), gone(hub.ended)])
        return
      } catch {
        await sleep(50) // it died, or its screen is not there yet
      }
    }
  }

  /** True when the tick was seen, false when the hub ended before. */
  async function sayOne(figures: Figures): Promise<void> {
    await ready()
    const { hub } = house
    const one: Spoken = { figures, saidMs: Date.now(), tickedMs: null }
    spoken.push(one)
    const answer = await house.devices.cuff!.say({ measure: figures })
    if (answer.unheard) return
    const tick = screen.until(
      'a tick',
      ({ visit }) => {
        const last = visit?.results.at(-1)?.values
        return (
          last?.systolic === figures.systolic && last.diastolic === figures.diastolic && last.pulse === figures.pulse
        )
      },
      24 * 3_600_000,
    )
    const ticked = await Promise.race([
      tick.then(() => true).catch(() => false),
      hub.ended.then(() => false),
      ended(all),
    ])
    all.throwIfAborted()
    if (ticked) one.tickedMs = Date.now()
  }

  const world: World = {
    house,
    ...around,
    spoken,
    async say(count) {
      for (let n = 0; n < count; n++) await sayOne(figuresOf(numbered++))
    },
    async sayUntil(done) {
      let over = false
      const watched = done.finally(() => (over = true))
      while (!over) await sayOne(figuresOf(numbered++))
      await watched
    },
    ready,
    hub: {
      kill: () => void killed(pid),
      async end(how = 'SIGTERM') {
        held = true
        process.kill(pid, how)
        await house.hub.ended
      },
      async begin() {
        held = false
        wakeUp()
        await ready()
      },
      env: {},
      born: undefined,
      deaths: () => deaths,
    },
    destroyed: 0,
    healed: () => (healedMs = performance.now()),
  }

  /** As a service manager does: whenever it ends it is started again. */
  const kept = (async () => {
    while (!all.aborted) {
      await Promise.race([house.hub.ended, ended(all)])
      if (all.aborted) return
      deaths++
      for (let up = false; !up && !all.aborted; ) {
        while (held && !all.aborted)
          await Promise.race([new Promise<void>((resolve) => (wakeUp = resolve)), ended(all)])
        if (all.aborted) return
        try {
          await house.startHub(world.hub.env, (born) => {
            pid = born
            world.hub.born?.(born)
          })
          up = true
          look()
        } catch (error) {
          if (!(error instanceof StartError)) throw error
          deaths++
        }
      }
    }
  })()
  kept.catch(() => closing.abort())

  /** Waits until all that was ticked is stored, or the case's time is over; then compares. */
  async function rest(): Promise<Ending> {
    const sinceMs = healedMs ?? performance.now()
    const seconds = () => (performance.now() - sinceMs) / 1000
    const api = await house.api()
    for (;;) {
      const health = (await (await api.get('/health')).json()) as { waiting: number }
      const counts = await compare(house, api, spoken, world.destroyed)
      const whole = health.waiting === 0 && counts.stored === counts.sent - counts.destroyed
      if (whole || signal.aborted) {
        // What is doubled would come after: the outbox has been emptied, so nothing more is under way.
        if (!signal.aborted) await screen.until('an empty outbox', ({ queued }) => queued === 0, 60_000)
        return { counts: await compare(house, api, spoken, world.destroyed), seconds: seconds() }
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
      await kept.catch(() => undefined)
    },
  }
}

const ended = (signal: AbortSignal) =>
  new Promise<false>((resolve) => {
    if (signal.aborted) resolve(false)
    else signal.addEventListener('abort', () => resolve(false), { once: true })
  })

const gone = (end: Promise<unknown>) =>
  end.then(() => {
    throw new Error('the hub ended')
  })

function killed(pid: number) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // it is dead already
  }
}
