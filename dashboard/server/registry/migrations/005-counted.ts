// What figures are made of lies in the index by which a person's readings are found: a village's month is read from it alone.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('observations').addColumn('range', 'text').execute()
  await db.schema.alterTable('observations').addColumn('numbers', 'text').execute()
  // Each number as its text stands in the record: to read and print it anew might change its last digit.
  for (const [kind, figures] of Object.entries({
    'blood-pressure': ['systolic', 'diastolic', 'mean', 'pulse'],
    glucose: ['value'],
  })) {
    const listed = (told: string) =>
      `'[' || ${figures.map((figure) => `coalesce(${told}.${figure}', 'null')`).join(` || ',' || `)} || ']'`
    await sql
      .raw(
        `update observations set
           (range, numbers) = (select body ->> '$.range', ${listed(`body -> '$.values`)} from records where records.id = observations.id)
         where kind = '${kind}' and point is null`,
      )
      .execute(db)
    await sql
      .raw(
        `update observations set range = point ->> '$.range', numbers = ${listed(`point -> '$.numbers`)}
         where kind = '${kind}' and point is not null`,
      )
      .execute(db)
  }
  await db.schema.dropIndex('observations_subject_taken_at_ms').execute()
  await db.schema
    .createIndex('observations_counted')
    .on('observations')
    .columns([
      'subject',
      'kind',
      'taken_at_ms',
      'retracted',
      'unit',
      'bucket',
      'place_ms',
      'place_ns',
      'range',
      'numbers',
    ])
    .execute()
}
