// The bare limits beside our figures: the same rows, or the same bytes, through the engine or the broker alone.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { openLine } from '../faults/line.ts'
import { median, pace, ROUNDS, timed } from './measure.ts'

const file = join(import.meta.dirname, 'bare.mjs')

/** An outbox's rows to another SQLite file by MQTT: readings a second. */
export async function bareDrain(outbox: string, rows: number, lateMs: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bare-'))
  const line = openLine()
  if (lateMs > 0) line.late(lateMs, 0, () => 1)
  const clinic = fork(file, ['clinic', join(folder, 'rows.sqlite')])
  let stored = 0
  const port = await new Promise<number>((resolve) =>
    clinic.on('message', (word: { port: number } | { stored: number }) => {
      if ('port' in word) resolve(word.port)
      else stored = word.stored
    }),
  )
  const hub = fork(file, ['hub', outbox, String(lateMs > 0 ? await line.to(port) : port)])
  const perSecond = await pace(rows, () => stored)
  const ends = [once(hub, 'exit'), once(clinic, 'exit')]
  hub.disconnect()
  clinic.disconnect()
  await Promise.all(ends)
  line.close()
  rmSync(folder, { recursive: true })
  return perSecond
}

/** The tables of these files as they stand, filled anew row by row in durable transactions: readings a second. */
export async function bareSqlite(files: Record<string, readonly string[]>, commitRows: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bare-'))
  let readings = Number.POSITIVE_INFINITY
  const works = Object.entries(files).map(([path, tables], i) => {
    const from = new Database(path, { readonly: true })
    const to = new Database(join(folder, `${i}.sqlite`))
    to.pragma('journal_mode = WAL')
    to.pragma('synchronous = FULL')
    const made = from.prepare<[], { sql: string; tbl_name: string }>(
      "select sql, tbl_name from sqlite_master where sql is not null order by type = 'index'",
    )
    for (const { sql, tbl_name } of made.all()) if (tables.includes(tbl_name)) to.exec(sql)
    const all = tables.map((table) => {
      const rows = from.prepare<[], unknown[]>(`select * from ${table}`).raw().safeIntegers().all()
      readings = Math.min(readings, rows.length)
      return { rows, insert: to.prepare(`insert into ${table} values (${rows[0]!.map(() => '?').join()})`) }
    })
    from.close()
    return (first: number, count: number) =>
      to.transaction(() => {
        for (const { rows, insert } of all) for (const row of rows.slice(first, first + count)) insert.run(row)
      })()
  })
  const rates: number[] = []
  const part = Math.floor(readings / ROUNDS)
  for (let round = 0; round < ROUNDS; round++) {
    const ms = await timed(() => {
      for (let n = 0; n < part; n += commitRows)
        for (const work of works) work(round * part + n, Math.min(commitRows, part - n))
    })
    rates.push(part / (ms / 1000))
  }
  rmSync(folder, { recursive: true })
  return median(rates)
}

/** Points as text, posted to InfluxDB and nothing else: points a second. */
export async function bareInflux(port: number, lines: readonly string[], batch: number): Promise<number> {
  const url = `http://127.0.0.1:${port}`
  await fetch(`${url}/query`, { method: 'POST', body: new URLSearchParams({ q: 'CREATE DATABASE bare' }) })
  const rates: number[] = []
  const part = Math.floor(lines.length / ROUNDS)
  for (let round = 0; round < ROUNDS; round++) {
    const texts: string[] = []
    for (let n = 0; n < part; n += batch)
      texts.push(lines.slice(round * part + n, round * part + Math.min(part, n + batch)).join('\n'))
    const ms = await timed(async () => {
      for (const body of texts) {
        const { status } = await fetch(`${url}/write?db=bare&precision=n`, { method: 'POST', body })
        if (status !== 204) throw new Error(`InfluxDB answered ${status}`)
      }
    })
    rates.push(part / (ms / 1000))
  }
  return median(rates)
}
