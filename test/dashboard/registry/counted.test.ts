// A registry from before figures lay in its index gets them from the records as they came, to the last digit.
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { openRegistry } from '../../../dashboard/server/registry/registry.ts'
import { glucose, openTestClinic, person, pressure, visit } from '../api/clinic.ts'

test('an older registry’s readings count with the very numbers that new ones have', async () => {
  const clinic = await openTestClinic()
  const who = await visit(clinic, 'E1', person(1), '2026-03-02T00:00:00Z')
  const at = '2026-03-02T00:10:00Z'
  const values = [5.5, 5.550000000000001, 0.1, 1e-7, 33.3, 12]
  await clinic.take(
    who,
    pressure('E1', who, at),
    ...values.map((value) => glucose('E1', who, at, { values: { value }, unit: 'mmol/L' })),
    glucose('E1', who, at, { values: { value: null }, range: 'above' }),
    glucose('E1', who, null),
  )
  // As the index has one that only the series knew.
  const [only] = await clinic.registry.selectFrom('observations').select('id').where('kind', '=', 'glucose').execute()
  const point = JSON.stringify({ range: null, numbers: { value: 5.5 } })
  await clinic.registry.updateTable('observations').set({ point }).where('id', '=', only!.id).execute()
  const counted = (db: typeof clinic.registry) =>
    db.selectFrom('observations').select(['id', 'range', 'numbers']).orderBy('n').execute()
  const before = await counted(clinic.registry)
  expect(before.map(({ numbers }) => numbers)).toContain('[5.550000000000001]')

  const file = join(clinic.folder, 'older.sqlite')
  const copy = new Database(join(clinic.folder, 'registry.sqlite'))
  copy.prepare('vacuum into ?').run(file)
  copy.close()
  const older = new Database(file)
  older.exec(`
    drop index observations_counted;
    create index observations_subject_taken_at_ms on observations (subject, taken_at_ms);
    alter table observations drop column range;
    alter table observations drop column numbers;
    delete from kysely_migration where name = '005-counted'`)
  older.close()
  const upgraded = await openRegistry(file, join(clinic.folder, 'older-erased.sqlite'))
  expect(await counted(upgraded)).toEqual(before)
  await upgraded.destroy()
  await clinic.end()
})
