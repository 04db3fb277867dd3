// What scales and oximeters share: a figure that is sent again and again while somebody stands there.
import { z } from 'zod'
import type { BodyHeight, BodyWeight } from '../../devices/kit/event.ts'
import { type Commands, command, type Said, type World } from './device.ts'

/** How often, and every how many milliseconds. */
const Repeats = { times: z.int().min(1).max(1000).optional(), every: z.int().min(1).optional() }

/** `name` is the command's word; resolves when the last frame is on the wire. */
export const repeatingCommand = <S>(
  world: World,
  name: string,
  shape: z.ZodType<S>,
  example: string,
  usual: { times: number; every: number },
  frame: (shown: S) => { bytes: Uint8Array; said: Said['said'] },
): Commands => ({
  [name]: command(z.strictObject({ [name]: shape, ...Repeats }), `{"${name}":${example}}`, (order) => {
    const { times = usual.times, every = usual.every } = order as { times?: number; every?: number }
    const { bytes, said } = frame((order as Record<string, unknown>)[name] as S)
    return new Promise<Said>((resolve) => {
      const send = (left: number) => {
        const heard = world.send(bytes)
        if (left > 1) world.later(every, () => send(left - 1))
        else resolve(heard ? { said } : { said, unheard: true })
      }
      send(times)
    })
  }),
})

export const Metric = z.enum(['metric', 'imperial']).default('metric')

export const spokenWeight = (
  value: number,
  units: 'metric' | 'imperial',
  deviceTime: string | null = null,
): BodyWeight => ({
  ...{ kind: 'body-weight', value, unit: units === 'metric' ? 'kg' : '[lb_av]', deviceTime },
})
export const spokenHeight = (value: number, units: 'metric' | 'imperial'): BodyHeight => ({
  ...{ kind: 'body-height', value, unit: units === 'metric' ? 'cm' : '[in_i]', deviceTime: null },
})
