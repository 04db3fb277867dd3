// The first tables. A migration is never edited once released; the next one follows it.
import type { ColumnDataType, Kysely } from 'kysely'

/** Columns as `name: type`; a trailing `?` allows null, a leading `*` is part of the primary key, `!` is unique. */
const TABLES: Record<string, Record<string, string>> = {
  counters: { '*name': 'text', value: 'bigint' },
  sites: { '*id': 'text', name_zh: 'text', name_en: 'text', zone: 'text' },
  hubs: { '*id': 'text', site: 'text', password_hash: 'text', created_at_ms: 'bigint', revoked_at_ms: 'bigint?' },
  hub_sessions: {
    '*hub': 'text',
    '*session': 'text',
    status: 'text',
    online: 'integer',
    first_heard_ms: 'bigint?',
    last_heard_ms: 'bigint?',
    received_at_ms: 'bigint',
  },
  users: { '*id': 'text', name: 'text!', role: 'text', password_hash: 'text', created_at_ms: 'bigint' },
  user_sites: { '*user': 'text', '*site': 'text' },
  sessions: { '*id_hash': 'text', user: 'text', created_at_ms: 'bigint', expires_at_ms: 'bigint' },
  residents: {
    '*id': 'text',
    n: 'bigint!',
    number_key: 'text!',
    authority: 'text',
    document: 'text',
    number: 'text',
    name: 'text',
    name_search: 'text',
    name_incomplete: 'integer',
    sex: 'text',
    birth_date: 'text?',
    home_site: 'text',
    home_site_fixed: 'integer',
    first_visit_ms: 'bigint?',
    created_at_ms: 'bigint',
  },
  subjects: { '*id': 'text', hub: 'text', resident: 'text?', disputed: 'integer' },
  visits: {
    '*id': 'text',
    hub: 'text',
    subject: 'text?',
    opened_at_ms: 'bigint?',
    boot: 'text',
    uptime_ms: 'bigint',
    trusted: 'integer',
    sealed: 'text?',
    identity_state: 'text',
    identity: 'text?',
    number_key: 'text?',
  },
  records: { '*id': 'text', type: 'text', hub: 'text', body: 'text', received_at_ms: 'bigint' },
  arrivals: { '*hub': 'text', '*epoch': 'text', '*seq': 'bigint', record: 'text?', quarantine: 'text?' },
  coverage: { '*hub': 'text', '*epoch': 'text', '*from_seq': 'bigint', to_seq: 'bigint' },
  epochs: { '*hub': 'text', '*epoch': 'text', last_arrival_ms: 'bigint' },
  marks: { '*hub': 'text', rev: 'bigint', id: 'text', at_ms: 'bigint' },
  observations: {
    '*id': 'text',
    n: 'bigint!',
    kind: 'text',
    unit: 'text',
    hub: 'text',
    subject: 'text?',
    visit: 'text?',
    state: 'text',
    taken_at_ms: 'bigint?',
    boot: 'text',
    uptime_ms: 'bigint',
    bucket: 'text',
    place_ms: 'bigint?',
    place_ns: 'integer?',
    stored: 'integer',
    beat: 'text?',
    retracted: 'integer',
    received_at_ms: 'bigint',
    point: 'text?',
  },
  beats: { '*id': 'text', at_ms: 'bigint' },
  clocks: { '*hub': 'text', '*boot': 'text', uptime_ms: 'bigint', instant_ms: 'bigint' },
  retractions: { '*id': 'text', hub: 'text', of: 'text', at_ms: 'bigint', reason: 'text' },
  quarantine: {
    '*id': 'text',
    n: 'bigint!',
    hub: 'text?',
    topic: 'text',
    epoch: 'text?',
    seq: 'bigint?',
    reason: 'text',
    detail: 'text',
    body: 'text',
    encoding: 'text',
    bytes: 'integer',
    received_at_ms: 'bigint',
  },
  assignments: { '*observation': 'text', resident: 'text', user: 'text', at_ms: 'bigint', reason: 'text' },
  audit: { '*id': 'text', at_ms: 'bigint', user: 'text', action: 'text', target: 'text', detail: 'text' },
}

const INDEXES: readonly [table: string, columns: string[]][] = [
  ['sessions', ['expires_at_ms']],
  ['residents', ['home_site', 'n']],
  ['residents', ['name_search']],
  ['residents', ['number']],
  ['subjects', ['resident']],
  ['visits', ['subject', 'opened_at_ms']],
  ['visits', ['hub', 'opened_at_ms']],
  ['visits', ['identity_state']],
  ['visits', ['number_key', 'opened_at_ms']],
  ['visits', ['hub', 'boot']],
  ['observations', ['subject', 'taken_at_ms']],
  ['observations', ['hub', 'taken_at_ms']],
  ['observations', ['state', 'hub', 'boot']],
  ['observations', ['stored', 'state']],
  ['observations', ['beat']],
  ['retractions', ['of']],
  ['quarantine', ['hub', 'reason']],
  ['assignments', ['resident']],
  ['audit', ['at_ms']],
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const [table, columns] of Object.entries(TABLES)) {
    let create = db.schema.createTable(table)
    for (const [key, type] of Object.entries(columns)) {
      create = create.addColumn(key.replace('*', ''), type.replace(/[?!]$/, '') as ColumnDataType, (column) => {
        if (type.endsWith('?')) return column
        return type.endsWith('!') ? column.notNull().unique() : column.notNull()
      })
    }
    const key = Object.keys(columns).filter((name) => name.startsWith('*'))
    create = create.addPrimaryKeyConstraint(`${table}_key`, key.map((name) => name.slice(1)) as never)
    await create.execute()
  }
  for (const [table, columns] of INDEXES) {
    await db.schema
      .createIndex(`${table}_${columns.join('_')}`)
      .on(table)
      .columns(columns)
      .execute()
  }
  // Two points of one series and time would be merged by the store: the registry keeps places unique (promises 1.7).
  // The time first: places are looked for by it, and an index by kind would lead a planner through all readings of a kind.
  await db.schema
    .createIndex('observations_place')
    .unique()
    .on('observations')
    .columns(['place_ms', 'place_ns', 'kind', 'bucket', 'unit'])
    .execute()
}
