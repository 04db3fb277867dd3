// The line between clinic and InfluxDB, which answers in its place: 503, or late.
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface InfluxLine {
  /** What the clinic is told. */
  port: number
  pass(): void
  /** Every question is answered 503; those of which `after` says so, after InfluxDB did what it was asked. */
  refuse(after: () => boolean): void
  /** Every write is answered so much later. */
  slow(ms: number): void
  close(): void
}

export async function influxLine(target: number): Promise<InfluxLine> {
  let refused: (() => boolean) | null = null
  let lateMs = 0
  const unavailable = (answer: ServerResponse) => {
    answer.writeHead(503, { 'content-type': 'application/json' }).end('{"error":"service unavailable"}')
  }
  const carry = (question: IncomingMessage, answer: ServerResponse) => {
    const { method, url = '', headers } = question
    const after = refused?.()
    if (after === false) {
      question.resume()
      return unavailable(answer)
    }
    const dueMs = url.startsWith('/write') ? lateMs : 0
    const far = request({ host: '127.0.0.1', port: target, method, path: url, headers }, async (heard) => {
      const body: Buffer[] = []
      for await (const chunk of heard) body.push(chunk)
      await sleep(dueMs)
      if (after) return unavailable(answer)
      answer.writeHead(heard.statusCode!, heard.headers).end(Buffer.concat(body))
    })
    far.on('error', () => answer.destroy())
    question.pipe(far)
  }
  const server = createServer(carry)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    pass() {
      refused = null
      lateMs = 0
    },
    refuse(after) {
      refused = after
    },
    slow(ms) {
      lateMs = ms
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
