// The captured frames of a driver, and the one question about its simulated device: told what a frame says, does it send that frame?
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'

const Fixture = z.looseObject({
  direction: z.string(),
  hex: z.string(),
  origin: z.enum(['public', 'derived']),
  decoded: z.record(z.string(), z.unknown()),
})
export type Fixture = z.infer<typeof Fixture>

/** What the devices of a driver said, without the frames that are damaged on purpose and the streams glued from other frames. */
export const captured = (driver: string): Fixture[] =>
  z
    .array(Fixture)
    .parse(JSON.parse(readFileSync(new URL(`../fixtures/${driver}.json`, import.meta.url), 'utf8')))
    .filter(
      ({ direction, decoded }) => direction === 'device->host' && decoded.checksumOk !== false && !isStream(decoded),
    )
const isStream = ({ kind, layer, expect: expected }: Fixture['decoded']) =>
  kind === 'invalid' || kind === 'stream' || layer === 'stream' || expected !== undefined

export const upperHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex').toUpperCase()

/** Every frame of the driver goes through `encode`, which gets nothing but its decoded facts. */
export const reproduces = (driver: string, atLeast: number, encode: (decoded: Fixture['decoded']) => Uint8Array) =>
  describe(driver, () => {
    const fixtures = captured(driver)
    test(`has its ${atLeast} captured frames or more`, () => expect(fixtures.length).toBeGreaterThanOrEqual(atLeast))
    test.each(fixtures.map((f, i) => [`${i + 1}: ${f.origin} ${f.decoded.case ?? f.decoded.kind ?? ''}`, f] as const))(
      'sends frame %s byte for byte',
      (_, { hex, decoded }) => expect(upperHex(encode(decoded))).toBe(hex.toUpperCase()),
    )
  })
