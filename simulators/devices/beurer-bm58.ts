// Simulated Beurer BM58 with the serial cable: a byte asks, a byte or a record answers.
import { bm55Memory, encodeRecord as record } from './beurer-bm55.ts'
import type { Simulator } from './device.ts'

export const encodeRecord = (of: Parameters<typeof record>[0]) => Uint8Array.of(0xac, ...record(of))

export const simulator: Simulator = {
  line: 'serial',
  make(world) {
    const { commands, inOrder } = bm55Memory(world)
    let asking = false // the number of a record comes next
    return {
      receive(bytes) {
        for (const byte of bytes) {
          if (asking) {
            asking = false
            const found = inOrder()[byte - 1]
            world.send(found ? encodeRecord(found) : Uint8Array.of(0xa9))
          } else if (byte === 0xa3) asking = true
          else if (byte === 0xaa) world.send(Uint8Array.of(0x55))
        }
      },
      commands,
    }
  },
}
