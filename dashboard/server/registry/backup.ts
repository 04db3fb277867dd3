// Backup and restore: registry and keys in one compressed file. The series is no part of it: it is written from the registry (promises 1.6).
import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, createGzip } from 'node:zlib'
import Database from 'better-sqlite3'
import { z } from 'zod'
import { ConfigError } from '../config.ts'
import { type KeyFile, keyFiles, putKeys } from '../keys.ts'
import { audit } from './audit.ts'
import { applyTombstones, compact } from './erase.ts'
import { ERASED_FILE } from './migrations/erased.ts'
import { openRegistry } from './registry.ts'

/** Lies in the backup beside the registry's own tables, and says what must be found in them. */
const About = z.object({
  v: z.literal(1),
  version: z.string(),
  at: z.iso.datetime(),
  records: z.number().int(),
  observations: z.number().int(),
  residents: z.number().int(),
})
type About = z.infer<typeof About>
/** What one command tells of the backup it made or took. */
export interface BackupTold extends About {
  file: string
  keys: number
}

const REGISTRY = 'registry.sqlite'
const KEYS = 'keys'
/** Registry and keys of a clinic: `DIR`, or `clinic/` in the folder of a demo. */
export const clinicFolder = (folder: string) =>
  ['clinic', 'hub'].some((name) => existsSync(join(folder, name))) ? join(folder, 'clinic') : folder

/**
 * Copies what a clinic is made of, while it runs: the registry as it stands at one instant, then the keys, so that no
 * record is sealed to a key that is not there.
 * @param out the file to make, or a folder for one named by its time
 * @throws ConfigError when there is no clinic, or the file is there already
 */
export async function backUp(data: string, out: string, version: string, nowMs: number): Promise<BackupTold> {
  const source = join(data, REGISTRY)
  if (!existsSync(source)) throw new ConfigError(`there is no clinic in ${data}: ${REGISTRY} is not there`)
  const at = new Date(nowMs).toISOString()
  const name = `kiosk-clinic-${at.replace(/[-:]|\.\d+/g, '')}.backup`
  const file = existsSync(out) && statSync(out).isDirectory() ? join(out, name) : out
  if (existsSync(file)) throw new ConfigError(`${file} is there already: it is not written over`)
  const folder = mkdtempSync(join(dirname(file), '.kiosk-backup-')) // mode 0700
  try {
    const copy = join(folder, REGISTRY)
    await snapshot(source, copy)
    const keys = keyFiles(join(data, KEYS))
    const about = complete(copy, keys, { v: 1, version, at })
    const packed = join(folder, 'packed')
    const gzip = createGzip({ level: constants.Z_BEST_SPEED })
    await pipeline(createReadStream(copy), gzip, createWriteStream(packed, { mode: 0o600, flush: true }))
    linkSync(packed, file) // whole or not at all, and never over one that is there
    syncFolder(dirname(file))
    return { ...about, file, keys: keys.length }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** In one reading transaction: writers go on, and their writes do not make the copy begin anew. */
async function snapshot(source: string, copy: string): Promise<void> {
  const db = new Database(source, { fileMustExist: true })
  try {
    db.exec('begin')
    db.prepare('select count(*) from sqlite_schema').get() // a transaction begins with its first reading
    await db.backup(copy)
  } finally {
    db.close()
  }
}

/** Puts in what else belongs to a backup, takes out who is signed in, and reads all of it once. */
function complete(copy: string, keys: readonly KeyFile[], head: Pick<About, 'v' | 'version' | 'at'>): About {
  const db = new Database(copy)
  try {
    db.pragma('journal_mode = delete')
    const about: About = { ...head, ...counted(db) }
    db.exec(`
      create table backup_about (json text not null);
      create table backup_keys (name text primary key, content text not null);
      delete from sessions;
    `)
    db.prepare('insert into backup_about values (?)').run(JSON.stringify(about))
    for (const { name, content } of keys) db.prepare('insert into backup_keys values (?, ?)').run(name, content)
    mustBeSound(db, copy)
    return about
  } finally {
    db.close()
  }
}

function counted(db: Database.Database) {
  const count = (table: string) => db.prepare<[], { n: number }>(`select count(*) as n from ${table}`).get()!.n
  return { records: count('records'), observations: count('observations'), residents: count('residents') }
}

function mustBeSound(db: Database.Database, file: string) {
  const faults = String(db.pragma('quick_check(3)', { simple: true }))
  if (faults !== 'ok') throw new ConfigError(`${file} is damaged: ${faults.replaceAll('\n', ' ')}`)
}

/**
 * Makes a clinic of a backup, in a folder that has none but may hold the tombstones of the one before. A series that lies there stays and is compared by its beats.
 * @throws ConfigError when the file is no whole backup of ours, is newer than this program, or a clinic is there
 */
export async function restore(from: string, data: string, nowMs: number): Promise<BackupTold> {
  const target = join(data, REGISTRY)
  if (existsSync(target))
    throw new ConfigError(`${target} is there already: move it away first, with its -wal and -shm, if it is to go`)
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const folder = mkdtempSync(join(data, '.restoring-'))
  try {
    const fresh = join(folder, REGISTRY)
    await unpack(from, fresh)
    const { about, keys } = takeOut(fresh, from)
    const registry = await openRegistry(fresh, join(data, ERASED_FILE)).catch((cause) => {
      throw cause instanceof ConfigError ? new ConfigError(cause.message.replace(fresh, from), { cause }) : cause
    }) // it is brought to today's tables
    const detail = `from the backup of ${about.at}`
    try {
      // Whoever was erased since the backup is erased from it, in its free pages too.
      if ((await applyTombstones(registry, nowMs)) > 0) await compact(registry)
      await audit(registry, nowMs, { user: '-', action: 'restored', target: '-', detail })
    } finally {
      await registry.destroy()
    }
    // The registry last: until it is there, this can be begun anew.
    putKeys(join(data, KEYS), keys)
    renameSync(fresh, target)
    syncFolder(data)
    return { ...about, file: from, keys: keys.length }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function unpack(from: string, fresh: string) {
  writeFileSync(fresh, '', { mode: 0o600 })
  try {
    await pipeline(createReadStream(from), createGunzip(), createWriteStream(fresh, { flush: true }))
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOSPC') throw cause
    throw new ConfigError(`${from} is damaged or no backup of a clinic: ${message}`, { cause })
  }
}

/** The keys, and what the backup says of itself; afterwards the file is a registry and nothing else. */
function takeOut(fresh: string, from: string): { about: About; keys: KeyFile[] } {
  const db = new Database(fresh)
  try {
    if (!db.prepare(`select 1 from sqlite_schema where name = 'backup_about'`).get())
      throw new ConfigError(`${from} is no backup of a clinic`)
    mustBeSound(db, from)
    const { json } = db.prepare<[], { json: string }>('select json from backup_about').get()!
    const about = About.parse(JSON.parse(json))
    const keys = db.prepare<[], KeyFile>('select name, content from backup_keys').all()
    for (const [table, found] of Object.entries(counted(db)))
      if (found !== about[table as keyof ReturnType<typeof counted>])
        throw new ConfigError(`${from} is damaged: ${found} ${table} are in it, not as many as when it was made`)
    db.exec('drop table backup_about; drop table backup_keys')
    return { about, keys }
  } catch (cause) {
    if (!(cause instanceof Database.SqliteError)) throw cause
    throw new ConfigError(`${from} is damaged or no backup of a clinic: ${cause.message}`, { cause })
  } finally {
    db.close()
  }
}

function syncFolder(folder: string) {
  const handle = openSync(folder, 'r')
  fsyncSync(handle)
  closeSync(handle)
}
