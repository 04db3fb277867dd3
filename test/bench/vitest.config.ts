// The bench runs where the tests do, but alone and one after the other: what it measures is time.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['test/bench/*.bench.ts'], testTimeout: 300_000, hookTimeout: 60_000, fileParallelism: false },
})
