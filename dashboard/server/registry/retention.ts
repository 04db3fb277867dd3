// What the site wants to keep no longer leaves the registry for files beside it, whole, and erasing a person reaches those too.
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { sql } from 'kysely'
import { audit } from './audit.ts'
import { BLANK, gravesIn, holdsPlain, isBuriedIn, RETRIED, textBody } from './quarantine.ts'
import { chunks } from './registry.ts'
import type { AuditTable, QuarantineTable, Registry } from './schema.ts'
import { buriedAmong } from './tombstones.ts'

/** One line of a file. */
type Line = ({ class: 'quarantine' } & QuarantineTable) | ({ class: 'audit' } & AuditTable)
type Class = Line['class']

export interface SetAside {
  rows: number
  /** Its name in the folder `set-aside` beside the registry. */
  file: string
}

const ROWS = 500
/** The event loop and the registry's lock are held while a file is written. */
const BYTES = 4 * 1024 * 1024
const READY = '.jsonl'
const HALF = '.part'

/**
 * A part of what came before `beforeMs` and can never be read: its content goes, row, reason and time stay, so it still
 * counts as arrived and is known when it comes again. What an upgrade may yet understand (RETRIED) keeps its content.
 * @returns null when there is nothing more
 */
export function setAsideQuarantine(db: Registry, beforeMs: number, nowMs: number): Promise<SetAside | null> {
  return db.transaction().execute(async (trx) => {
    const found = await trx
      .selectFrom('quarantine')
      .select(['id', 'bytes'])
      .where('received_at_ms', '<', beforeMs)
      .where('body', '!=', '')
      .where('reason', 'not in', RETRIED)
      .orderBy('n')
      .limit(ROWS)
      .execute()
    const ids: string[] = []
    let bytes = 0
    for (const row of found) {
      bytes += row.bytes
      if (ids.length === 0 || bytes <= BYTES) ids.push(row.id)
    }
    if (ids.length === 0) return null
    const rows = await trx.selectFrom('quarantine').selectAll().where('id', 'in', ids).orderBy('n').execute()
    const file = await write(
      trx,
      rows.map((row) => ({ class: 'quarantine', ...row })),
      nowMs,
    )
    await trx
      .updateTable('quarantine')
      .set({ body: '', detail: sql<string>`detail || ${`; its content was set aside in ${file}`}` })
      .where('id', 'in', ids)
      .execute()
    return told(trx, 'quarantine', { rows: rows.length, file }, nowMs)
  })
}

/** The same for the audit, whose rows go as a whole; only that somebody was erased stays, for erasing is repeated by it. */
export function setAsideAudit(db: Registry, beforeMs: number, nowMs: number): Promise<SetAside | null> {
  return db.transaction().execute(async (trx) => {
    const rows = await trx
      .selectFrom('audit')
      .selectAll()
      .where('at_ms', '<', beforeMs)
      .where('action', '!=', 'erased')
      .orderBy('at_ms')
      .limit(ROWS)
      .execute()
    if (rows.length === 0) return null
    const file = await write(
      trx,
      rows.map((row) => ({ class: 'audit', ...row })),
      nowMs,
    )
    const ids = rows.map(({ id }) => id)
    await trx.deleteFrom('audit').where('id', 'in', ids).execute()
    return told(trx, 'audit', { rows: rows.length, file }, nowMs)
  })
}

async function told(trx: Registry, what: Class, done: SetAside, nowMs: number): Promise<SetAside> {
  const detail = `${what}: ${done.rows} in ${done.file}`
  await audit(trx, nowMs, { user: '-', action: 'set-aside', target: '-', detail })
  return done
}

/** On the disk before the registry lets go of it. Who dies between the two writes these rows twice, which does no harm. */
async function write(trx: Registry, lines: readonly Line[], nowMs: number) {
  const folder = await folderOf(trx)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const at = new Date(nowMs).toISOString().replaceAll(':', '-').slice(0, 19)
  const file = `${lines[0]!.class}-${at}-${randomBytes(4).toString('hex')}${READY}`
  put(folder, file, lines)
  return file
}

/** Each file is written once and then only replaced: a reader, or who dies, meets the whole of the old or of the new. */
function put(folder: string, file: string, lines: readonly Line[]) {
  const half = join(folder, file + HALF)
  const handle = openSync(half, 'w', 0o600)
  try {
    writeFileSync(handle, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(half, join(folder, file))
  const above = openSync(folder, 'r')
  fsyncSync(above)
  closeSync(above)
}

async function folderOf(db: Registry): Promise<string> {
  const { rows } = await sql<{ name: string; file: string }>`pragma database_list`.execute(db)
  return join(dirname(rows.find(({ name }) => name === 'main')!.file), 'set-aside')
}

/** Whether there is any file at all. */
export const anySetAside = async (db: Registry): Promise<boolean> => namesIn(await folderOf(db)).length > 0

/**
 * Empties in the files what names somebody who was erased. Inside a transaction, whose lock keeps every other program from
 * writing a file meanwhile.
 * @param plain texts that stand for the person
 */
export async function blankSetAside(trx: Registry, plain: readonly string[]): Promise<void> {
  const folder = await folderOf(trx)
  for (const file of namesIn(folder)) {
    if (file.endsWith(HALF)) rmSync(join(folder, file)) // whoever wrote it died: its rows are in the registry
    if (!file.endsWith(READY)) continue
    const lines = readFileSync(join(folder, file), 'utf8').split('\n').filter(Boolean)
    const kept: Line[] = []
    for (const some of chunks(lines, 100)) kept.push(...(await blankedLines(trx, parsed(file, some), plain)))
    if (kept.some((line, i) => JSON.stringify(line) !== lines[i])) put(folder, file, kept)
  }
}

function parsed(file: string, lines: readonly string[]): Line[] {
  try {
    return lines.map((line) => JSON.parse(line))
  } catch (cause) {
    throw new Error(`set-aside/${file} has a line that is no JSON: put the file back as it was, or delete it`, {
      cause,
    })
  }
}

async function blankedLines(trx: Registry, lines: readonly Line[], plain: readonly string[]): Promise<Line[]> {
  const buried = await buriedAmong(
    trx,
    lines.flatMap((line) => gravesIn(hubOf(line), textIn(line))),
  )
  return lines.map((line) => {
    if (!isBuriedIn(hubOf(line), textIn(line), buried) && !holdsPlain(textIn(line), plain)) return line
    if (line.class === 'quarantine') return { ...line, ...BLANK, ...textBody('') }
    return { ...line, target: buried.at('id', line.target) === null ? line.target : '-', detail: '' }
  })
}

const hubOf = (line: Line) => (line.class === 'audit' ? null : line.hub)
const textIn = (line: Line) => (line.class === 'audit' ? textBody(`${line.target} ${line.detail}`) : line)

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
