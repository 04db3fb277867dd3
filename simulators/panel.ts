// Serves the demo's panel: what a person may do with the simulated kiosk's card, cuff, meter and cables.
import fastifyStatic from '@fastify/static'
import fastify from 'fastify'
import { z } from 'zod'
import { CommandError } from './device.ts'

export const PanelOrder = z.union([
  z.strictObject({ card: z.int().min(0).nullable() }),
  z.strictObject({ cuff: z.enum(['usual', 'high', 'fail']) }),
  z.strictObject({ meter: z.enum(['usual', 'HI']) }),
  z.strictObject({ cable: z.enum(['reader', 'cuff', 'meter']), plugged: z.boolean() }),
])
export type PanelOrder = z.infer<typeof PanelOrder>

export interface PanelState {
  paused: boolean
  /** Names on the cards that can be laid, all invented. */
  people: string[]
  devices: { id: string; plugged: boolean }[]
}

export interface PanelSource {
  state(): PanelState
  /** @throws CommandError when the device cannot do that now */
  obey(order: PanelOrder): Promise<void>
}

/** Listens on a free loopback port until the signal is aborted. @returns its address */
export async function panel(source: PanelSource, signal: AbortSignal): Promise<string> {
  const app = fastify({ forceCloseConnections: true })
  await app.register(fastifyStatic, { root: new URL('./panel/', import.meta.url).pathname })
  app.get('/state', () => source.state())
  app.post('/do', async (request, reply) => {
    // A page of another origin names itself in every POST.
    if (request.headers.origin !== `http://${request.headers.host}`)
      return reply.code(403).send({ message: 'not from the panel' })
    const order = PanelOrder.safeParse(request.body)
    if (!order.success) return reply.code(400).send({ message: z.prettifyError(order.error) })
    try {
      await source.obey(order.data)
      return reply.code(204).send()
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      return reply.code(409).send({ message: error.message })
    }
  })
  signal.addEventListener('abort', () => void app.close(), { once: true })
  return app.listen({ host: '127.0.0.1', port: 0 })
}
