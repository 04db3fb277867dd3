// Wire faults: each does to the bytes what it says, and no more.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Fault, faultyWire } from '../../simulators/faults.ts'
import { seeded } from '../../simulators/random.ts'

const FRAME = Uint8Array.from({ length: 138 }, (_, i) => i)

/** A wire whose waiting pieces are let through one by one. */
function wire() {
  const writes: Uint8Array[] = []
  const waiting: (() => void)[] = []
  const toHost = (bytes: Uint8Array) => {
    writes.push(bytes)
    return true
  }
  const made = faultyWire(toHost, seeded(1), (_, act) => waiting.push(act))
  const settle = () => {
    for (let act = waiting.shift(); act; act = waiting.shift()) act()
  }
  return { ...made, writes, settle, all: () => Uint8Array.from(writes.flatMap((w) => [...w])) }
}
const after = (fault: object) => {
  const w = wire()
  w.set(Fault.parse(fault))
  w.send(FRAME)
  w.settle()
  return w
}

test('a split wire carries the same bytes in pieces of the given length', () => {
  const { writes, all } = after({ split: 5 })
  expect(all()).toEqual(FRAME)
  expect(writes.map((w) => w.length)).toEqual([...Array(27).fill(5), 3])
  expect(after({ split: 'random' }).all()).toEqual(FRAME)
})

test('a flipped bit is one bit, at the place asked for or anywhere', () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(138 * 8 - 1), fc.constant('random' as const)), (flip) => {
      const bits = [...after({ flip }).all()].map((byte, i) => byte ^ FRAME[i]!)
      const places = bits.flatMap((byte, i) =>
        [...Array(8).keys()].filter((b) => byte & (1 << b)).map((b) => i * 8 + b),
      )
      expect(places.length).toBe(1)
      if (flip !== 'random') expect(places).toEqual([flip])
    }),
  )
})

test('noise stands before and after, a cut leaves the beginning, silence nothing', () => {
  const noisy = after({ noise: { before: 3, after: 2 } }).all()
  expect(noisy.length).toBe(143)
  expect(noisy.slice(3, 141)).toEqual(FRAME)
  expect(after({ cut: 10 }).all()).toEqual(FRAME.slice(0, 10))
  expect(after({ cut: 'half' }).all()).toEqual(FRAME.slice(0, 69))
  expect(after({ silence: true }).writes).toEqual([])
})

test('a fault heals after as many writes as asked, or when it is taken away', () => {
  const w = wire()
  w.set(Fault.parse({ cut: 1, times: 2 }))
  for (let i = 0; i < 3; i += 1) w.send(FRAME)
  expect(w.writes.map((x) => x.length)).toEqual([1, 1, 138])
  w.set(Fault.parse({ silence: true }))
  w.set(null)
  w.send(FRAME)
  expect(w.writes.length).toBe(4)
})

test('whatever faults come and go, an undamaged stream keeps its bytes and their order', () => {
  const split = fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 9 }), fc.constant('random' as const))
  const sends = fc.array(fc.tuple(split, fc.uint8Array({ minLength: 1, maxLength: 30 }), fc.boolean()), {
    maxLength: 20,
  })
  fc.assert(
    fc.property(sends, (steps) => {
      const w = wire()
      for (const [size, bytes, settle] of steps) {
        w.set(size === null ? null : Fault.parse({ split: size }))
        w.send(bytes)
        if (settle) w.settle()
      }
      w.settle()
      expect(w.all()).toEqual(Uint8Array.from(steps.flatMap(([, bytes]) => [...bytes])))
    }),
  )
})
