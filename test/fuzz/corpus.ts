// Saved cases: one of each outcome that was met, and every bug that was found. A line is hex, then what it is about.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fromHex, hex } from '../../devices/kit/bytes.ts'
import type { Driver } from '../../devices/kit/driver.ts'
import { type Case, outcome } from './mutate.ts'

const fileOf = ({ id }: Driver) => new URL(`./corpus/${id}.txt`, import.meta.url)

export function saved(driver: Driver): Case[] {
  if (!existsSync(fileOf(driver))) return []
  const lines = readFileSync(fileOf(driver), 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => ({ bytes: fromHex(line.split('#')[0]!), local: false }))
}

/** Adds the cases whose outcome no saved one has. */
export function save(driver: Driver, met: ReadonlyMap<string, Case>) {
  const had = new Set(saved(driver).map((one) => outcome(driver, one)))
  const lines = [...met].filter(([words]) => !had.has(words)).map(([words, { bytes }]) => `${hex(bytes)} # ${words}\n`)
  const before = existsSync(fileOf(driver)) ? readFileSync(fileOf(driver), 'utf8') : ''
  if (lines.length > 0) writeFileSync(fileOf(driver), before + lines.join(''))
}
