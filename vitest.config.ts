// How the tests run: one project; real servers and terminals are started by the tests that need them.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['test/**/*.test.{ts,tsx}'], testTimeout: 90_000, hookTimeout: 60_000, maxWorkers: 2 },
})
