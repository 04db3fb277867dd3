// Serial devices behind a device server (RFC 2217 boxes in raw mode, ser2net): a TCP connection that carries their bytes.
import { connect } from 'node:net'
import { chunkQueue, type OpenPort, PortError, takeWaiting } from './port.ts'

const CONNECT_MS = 5000

/** @throws PortError */
export async function openTcp({ host, port }: { host: string; port: number }, signal: AbortSignal): Promise<OpenPort> {
  const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 })
  socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error(`no answer within ${CONNECT_MS} ms`)))
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', (cause) =>
      reject(new PortError('gone', `cannot reach the device server ${host}:${port}: ${cause.message}`, { cause })),
    )
  })
  socket.setTimeout(0)
  const queue = chunkQueue((on) => (on ? socket.pause() : socket.resume()))
  socket.on('data', (chunk) => queue.push(chunk))
  socket.on('error', (error) => queue.end(error))
  socket.on('close', () => queue.end())
  return {
    waited: await takeWaiting(queue, signal),
    chunks: queue.chunks,
    write: (bytes) =>
      new Promise<void>((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve()))),
    async close() {
      socket.destroy()
    },
  }
}
