// The line between hub and broker, with its faults: half open, cut, late, resetting, and packets that come twice or as retained.
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Line {
  /** Stands before this port. @returns the port to be told instead */
  to(port: number): Promise<number>
  /** As an ordinary line again. */
  pass(): void
  /** Half open: everything is taken and nothing comes out, on this connection as on every new one. */
  swallow(): void
  /** Cuts every connection and refuses new ones. */
  refuse(): void
  /** Cuts every connection; new ones pass. */
  cut(): void
  /** Each piece comes so late, both ways; and with this probability its connection is reset instead. */
  late(lateMs: number, resets: number, random: () => number): void
  /** Each PUBLISH of the hub's becomes these packets, where there is no TLS. Null: itself. */
  twist(twist: ((publish: Buffer) => Buffer[]) | null): void
  close(): void
}

const PUBLISH = 3
/** A connection whose first byte is this is TLS (RFC 8446, 5.1); no MQTT client begins so. */
const TLS_HANDSHAKE = 0x16
export const DUP = 0x08
export const RETAIN = 0x01
/** The packet with this flag of its first byte set. */
export const flagged = (packet: Buffer, flag: number) => {
  const copy = Buffer.from(packet)
  copy[0] = copy[0]! | flag
  return copy
}
export const topicOf = (publish: Buffer) => {
  let at = 1
  while (publish[at]! & 0x80) at++
  const length = publish.readUInt16BE(at + 1)
  return publish.toString('utf8', at + 3, at + 3 + length)
}

/** Whole MQTT packets from chunks: one byte, a length of up to four, and so many more. */
function packets(): (chunk: Buffer) => Buffer[] {
  let rest = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const whole: Buffer[] = []
    for (;;) {
      let length = 0
      let head = 1
      for (; head < rest.length && head < 5; head++) {
        length += (rest[head]! & 0x7f) << (7 * (head - 1))
        if ((rest[head]! & 0x80) === 0) break
      }
      const end = head + 1 + length
      if (head >= rest.length || rest.length < end) return whole
      whole.push(rest.subarray(0, end))
      rest = rest.subarray(end)
    }
  }
}

export function openLine(): Line {
  let way: 'pass' | 'swallow' | 'refuse' = 'pass'
  let lateness: { lateMs: number; resets: number; random: () => number } | null = null
  let twisting: ((publish: Buffer) => Buffer[]) | null = null
  const open = new Set<Socket>()
  const cut = () => {
    for (const socket of open) socket.destroy()
  }
  let target = 0

  const server = createServer((near) => {
    if (way === 'refuse') return near.destroy()
    const far = connect(target, '127.0.0.1')
    const cutPackets = packets()
    // Bytes were lost on it: whatever came after them would make no sense.
    let deaf = false
    const carry = (to: Socket, makeOf: (chunk: Buffer) => Buffer) => {
      let order: Promise<unknown> = Promise.resolve()
      return (chunk: Buffer) => {
        const bytes = makeOf(chunk)
        deaf ||= way === 'swallow'
        if (deaf) return
        if (!lateness) {
          order = order.then(() => to.writable && to.write(bytes))
          return
        }
        const { lateMs, resets, random } = lateness
        if (random() < resets) return void near.resetAndDestroy()
        const due = sleep(lateMs)
        order = order.then(() => due).then(() => to.writable && to.write(bytes))
      }
    }
    let tls: boolean | undefined
    const twisted = (chunk: Buffer) => {
      tls ??= chunk[0] === TLS_HANDSHAKE
      if (tls) return chunk // nobody on the way can look into it
      const all = cutPackets(chunk)
      return Buffer.concat(all.flatMap((one) => (twisting && one[0]! >> 4 === PUBLISH ? twisting(one) : [one])))
    }
    near.on('data', carry(far, twisted))
    far.on(
      'data',
      carry(near, (chunk) => chunk),
    )
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one.setNoDelay(true)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        open.delete(one)
        if (!deaf) other.destroy()
      })
    }
  })

  return {
    async to(port) {
      target = port
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return (server.address() as { port: number }).port
    },
    pass() {
      way = 'pass'
      lateness = null
    },
    swallow() {
      way = 'swallow'
    },
    refuse() {
      way = 'refuse'
      cut()
    },
    cut,
    late(lateMs, resets, random) {
      lateness = { lateMs, resets, random }
    },
    twist(twist) {
      twisting = twist
    },
    close() {
      server.close()
      cut()
    },
  }
}
