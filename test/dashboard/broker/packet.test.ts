// The meter of MQTT packets: however they are cut into chunks, it sees how long each is.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { packetMeter } from '../../../dashboard/server/packet.ts'

/** A packet of this remaining length (MQTT 3.1.1, 2.2.3). */
function packet(length: number): number[] {
  const header = [0x30]
  for (let left = length; ; ) {
    const byte = left % 128
    left = Math.floor(left / 128)
    header.push(left > 0 ? byte | 0x80 : byte)
    if (left === 0) return [...header, ...Array.from({ length }, (_, i) => i & 0xff)]
  }
}
/** @returns whether all chunks were within */
const within = (bytes: number[], cuts: number[], most: number) => {
  const meter = packetMeter(most)
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return ends.every((end, i) => meter(Uint8Array.from(bytes.slice(ends[i - 1] ?? 0, end))))
}

test('packets within the limit pass, and one above it is seen, wherever the chunks are cut', () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(lengths, fc.array(fc.nat(5000), { maxLength: 12 }), (all, cuts) => {
      const bytes = all.flatMap(packet)
      expect(within(bytes, cuts, 400)).toBe(true)
      expect(within([...bytes, ...packet(401)], cuts, 400)).toBe(false)
    }),
    { numRuns: 300 },
  )
})

test('it is seen by the header alone, before anything of it is gathered; a length without an end is none', () => {
  expect(packetMeter(100)(Uint8Array.from([0x10, 0xff, 0xff, 0xff, 0x7f]))).toBe(false)
  expect(packetMeter(2 ** 30)(Uint8Array.from([0x10, 0x80, 0x80, 0x80, 0x80, 0x01]))).toBe(false)
})
