// Plugs pulled on real USB: the tests run inside a machine of their own (guest.ts); each one's outcome is a test here.
import { expect, it } from 'vitest'
import { runGuest } from './machine.ts'

const { results, words } = await runGuest()
process.stdout.write(words.replaceAll(/^(?!seven gone).*\n/gm, ''))

it('the machine with real USB comes up and goes through its tests', () => {
  expect(results.length, words).toBeGreaterThan(0)
})
for (const { test, error } of results) it(test, () => expect(error, words).toBeNull())
