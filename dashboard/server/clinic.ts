// The clinic's wiring: registry, series, broker, ingest and API, from one configuration.
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ClinicConfig } from './config.ts'
import { type Keys, openKeys } from './keys.ts'
import { putSites } from './registry/enrol.ts'
import { openRegistry } from './registry/registry.ts'
import type { Registry } from './registry/schema.ts'

/** What every command needs: the keys and the registry. Several programs may have them open at once. */
export async function openClinic(config: ClinicConfig): Promise<{ registry: Registry; keys: Keys }> {
  mkdirSync(config.data, { recursive: true, mode: 0o700 })
  const file = join(config.data, 'registry.sqlite')
  const keys = openKeys(join(config.data, 'keys'), existsSync(file))
  const registry = await openRegistry(file)
  await putSites(registry, config.sites)
  return { registry, keys }
}
