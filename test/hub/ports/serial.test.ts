// A serial port as the hub opens it, on real pseudo-terminals.
import { mkdtempSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from '@lydell/node-pty'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSerial } from '../../../hub/ports/serial.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'serial-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** A terminal whose other end stays open: no hang-up tells anybody anything. */
function terminal() {
  const { master, slave, ptsName } = open({ encoding: null })
  slave.pause() // or it eats the bytes
  return { ptsName, end: () => [master, slave].map((side) => side.destroy()) }
}
const line = (path: string) => ({ path, baud: 9600, dataBits: 8, parity: 'none', stopBits: 1, dtr: false }) as const
const ended = async (chunks: AsyncIterable<Uint8Array>) => {
  for await (const chunk of chunks) expect(chunk).toBe('nothing')
}

describe('a serial port', () => {
  it('ends when its path is gone, whatever the line itself says', async () => {
    const cable = terminal()
    const path = join(folder, 'port')
    symlinkSync(cable.ptsName, path)
    const port = await openSerial(line(path), new AbortController().signal)
    unlinkSync(path)
    await ended(port.chunks)
    cable.end()
  })

  it('ends when another device stands under its path', async () => {
    const [one, other] = [terminal(), terminal()]
    const path = join(folder, 'port')
    symlinkSync(one.ptsName, path)
    const port = await openSerial(line(path), new AbortController().signal)
    unlinkSync(path)
    symlinkSync(other.ptsName, path)
    await ended(port.chunks)
    one.end()
    other.end()
  })
})
