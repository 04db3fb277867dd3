// The demo's panel: a person's hands at the simulated kiosk, while automatic visitors stay away.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DemoReady, demo } from '../../simulators/demo.ts'
import { type KioskScreen, watchScreen } from '../../simulators/kiosk-view.ts'

const ending = new AbortController()
let ran: Promise<void>
let screen: KioskScreen
let panel: string

beforeAll(async () => {
  const ready = await new Promise<DemoReady>((resolve, reject) => {
    ran = demo(
      { port: 0, visitors: 0, seed: 1 },
      { now: Date.now, log: () => undefined, ready: resolve },
      ending.signal,
    )
    ran.catch(reject)
  })
  screen = watchScreen(ready.kiosk, ending.signal)
  const view = await screen.until(
    'all devices',
    ({ devices }) => devices.every(({ state }) => state === 'open'),
    20_000,
  )
  panel = view.aside!
}, 60_000)
afterAll(async () => {
  ending.abort()
  await ran
})

const order = (words: object, origin = panel) =>
  fetch(`${panel}/do`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin },
    body: JSON.stringify(words),
  })

describe('the panel', () => {
  it('lays a card and starts the cuff; the result is that visitor’s', async () => {
    expect((await order({ card: 0 })).status).toBe(204)
    await screen.until('a visit', ({ visit }) => visit?.who != null, 10_000)
    expect((await order({ cuff: 'high' })).status).toBe(204)
    const { visit } = await screen.until('a result', (view) => view.visit?.results.length === 1, 10_000)
    expect(visit?.results[0]).toMatchObject({ yours: true, values: { systolic: 186, diastolic: 112 } })
  })

  it('is told that a cuff at work cannot start again, and the demo goes on', async () => {
    expect((await order({ cuff: 'usual' })).status).toBe(204)
    const refused = await order({ cuff: 'usual' })
    expect(refused.status).toBe(409)
    expect(await refused.json()).toMatchObject({ message: expect.stringContaining('is measuring') })
    await screen.until('the second result', (view) => view.visit?.results.length === 2, 10_000)
  })

  it('pulls a cable, which the screen says, and puts it back', async () => {
    expect((await order({ cable: 'meter', plugged: false })).status).toBe(204)
    await screen.until(
      'the meter lost',
      (view) => view.devices.some((d) => d.id === 'meter' && d.state === 'lost'),
      5_000,
    )
    expect((await order({ cable: 'meter', plugged: true })).status).toBe(204)
    await screen.until('the meter back', (view) => view.devices.every((d) => d.state === 'open'), 10_000)
  })

  it('obeys no page but itself', async () => {
    expect((await order({ card: null }, 'http://elsewhere.example')).status).toBe(403)
  })
})
