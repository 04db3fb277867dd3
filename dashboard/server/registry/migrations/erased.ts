// The tables of the file that outlives every backup (registry/tombstones.ts): made at each opening, for it may be a new one.

/** Beside the registry, attached to every connection of it. */
export const ERASED_FILE = 'erased.sqlite'
export const ERASED_TABLES = `
  create table if not exists erased.tombstones (hash text primary key, at_ms integer not null) without rowid;
  create table if not exists erased.erased_places (
    kind text, bucket text, unit text, place_ms integer, place_ns integer, done integer not null,
    primary key (place_ms, place_ns, kind, bucket, unit)
  ) without rowid;
  create table if not exists erased.erasure_key (hex text primary key) without rowid;
`
