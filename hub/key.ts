// The hub's own alias key: 32 random bytes, made at the first run and never sent anywhere.
import { randomBytes } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'

const BYTES = 32

/** Reads the key, or makes it (mode 0600, on the disk before it is used). @throws when the file is no such key */
export async function aliasKey(path: string): Promise<Uint8Array> {
  const key = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw new Error(`cannot read the alias key ${path}: ${error.code}`, { cause: error })
    return null
  })
  if (key?.length === BYTES) return key
  // A new key would turn every person into a stranger, so a damaged one is not replaced silently.
  if (key) throw new Error(`the alias key ${path} has ${key.length} bytes, expected ${BYTES}: restore it from a backup`)
  const fresh = randomBytes(BYTES)
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(fresh)
    await file.sync()
  } finally {
    await file.close()
  }
  return fresh
}
