// The registry's file: its mode, its tables, its counters.
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openRegistry, takeNumbers } from '../../../dashboard/server/registry/registry.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'registry-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('the registry opens twice, keeps what it had, and only its owner may read it', async () => {
  const file = join(folder, 'registry.sqlite')
  const first = await openRegistry(file)
  expect(await takeNumbers(first, 'residents', 3)).toBe(1)
  expect(await takeNumbers(first, 'residents', 2)).toBe(4)
  await first.destroy()
  const second = await openRegistry(file)
  expect(await takeNumbers(second, 'residents', 1)).toBe(6)
  expect(await takeNumbers(second, 'observations', 1)).toBe(1)
  await second.destroy()
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('a file that is no database is refused with its name', async () => {
  await expect(openRegistry(join(folder))).rejects.toThrow(/EISDIR|directory/)
})

test('a transaction that finds the disk full says so, though SQLite has rolled it back by itself', async () => {
  const registry = await openRegistry(join(folder, 'registry.sqlite'))
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(registry)
  await sql.raw(`pragma max_page_count = ${rows[0]!.page_count}`).execute(registry)
  const row = { id: 'r1', type: 'failure', hub: 'K01', body: 'x'.repeat(1_000_000), received_at_ms: 0 }
  const work = registry.transaction().execute((trx) => trx.insertInto('records').values(row).execute())
  await expect(work).rejects.toMatchObject({ code: 'SQLITE_FULL' })
  await sql.raw('pragma max_page_count = 100000').execute(registry)
  await registry.transaction().execute((trx) => trx.insertInto('records').values(row).execute())
  await registry.destroy()
})
