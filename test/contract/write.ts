// Writes this version's schemas into docs/contract, unless they would refuse what the published ones take.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { VERSION } from '../../hub/contract/topics.ts'
import { contractFiles, folderOf, incompatible } from './publish.ts'

const folder = folderOf(VERSION)
const faults = incompatible(folder)
if (faults.length > 0) {
  process.stderr.write(
    `${faults.join('\n')}\nVersion ${VERSION} is published and in use: a change that refuses what it takes needs a new VERSION (hub/contract/topics.ts). Nothing was written.\n`,
  )
  process.exit(1)
}
mkdirSync(folder, { recursive: true })
for (const [name, text] of Object.entries(contractFiles())) writeFileSync(join(folder, name), text)
process.stdout.write(`${folder}: ${Object.keys(contractFiles()).length} files\n`)
