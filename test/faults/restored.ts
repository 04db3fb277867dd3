// Registry and series are put back as they were many readings ago: one of them or both, the clinic stopped or running, the broker's state lost as well.
import { copyFileSync, cpSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { command } from '../../simulators/programs.ts'
import type { Case } from './case.ts'
import { forgetBroker } from './servers-fail.ts'
import type { World } from './world.ts'

const SERIES = 'series.sqlite'
const stored = (world: World) => world.screenUntil('an empty outbox', ({ queued }) => queued === 0)

const clinicData = ({ house }: World) => house.paths.clinic.data
const backupOf = ({ house }: World) => join(house.folder, 'registry.backup')
const oldSeriesOf = ({ house }: World) => join(house.folder, 'old-series')

/** As the operator's guide tells: while the clinic runs. */
const backUpRegistry = (world: World) =>
  command('clinic', ['backup', '--config', world.house.paths.clinic.config, '--out', backupOf(world)])

/** The registry with its keys goes, and comes from the backup. A running clinic keeps the old file open. */
async function restoreRegistry(world: World) {
  const data = clinicData(world)
  const away = join(world.house.folder, 'away')
  cpSync(join(data, 'keys'), join(away, 'keys'), { recursive: true })
  rmSync(join(data, 'keys'), { recursive: true })
  for (const name of readdirSync(data))
    if (name.startsWith('registry.sqlite')) renameSync(join(data, name), join(away, name))
  await command('clinic', ['restore', '--config', world.house.paths.clinic.config, '--from', backupOf(world)])
}

/** A copy of the folder of an InfluxDB that is down; of the file of an embedded series, once its clinic ended. */
async function copySeries(world: World) {
  const { house } = world
  if (house.influx) {
    await house.influx.end()
    cpSync(join(house.folder, 'influx'), oldSeriesOf(world), { recursive: true })
    await house.influx.start()
    return
  }
  await house.clinic.stop()
  copyFileSync(join(clinicData(world), SERIES), oldSeriesOf(world))
  await house.startClinic()
}

async function restoreSeries(world: World) {
  const { house } = world
  if (house.influx) {
    await house.influx.end('SIGKILL')
    const folder = join(house.folder, 'influx')
    for (const name of ['meta', 'data', 'wal']) {
      rmSync(join(folder, name), { recursive: true, force: true })
      const from = join(oldSeriesOf(world), name)
      if (existsSync(from)) cpSync(from, join(folder, name), { recursive: true })
    }
    await house.influx.start()
    return
  }
  const file = join(clinicData(world), SERIES)
  for (const part of ['-wal', '-shm']) rmSync(file + part, { force: true })
  copyFileSync(oldSeriesOf(world), file)
}

interface Restored {
  what: 'registry' | 'series' | 'both'
  /** Running: it is put back under the clinic, which is started again afterwards unless it must find it out itself. */
  clinic: 'stopped' | 'running'
  brokerToo?: boolean
}

function restored({ what, clinic, brokerToo = false }: Restored): Case {
  const words = { registry: 'registry', series: 'series', both: 'registry and series' }[what]
  return {
    name: `${words} restored from before many readings, the clinic ${clinic}${brokerToo ? ', the broker without its state' : ''}`,
    kind: `${words} restored`,
    // An embedded series or broker is the clinic's own: neither can change while it runs.
    ...((brokerToo || (clinic === 'running' && what !== 'registry')) && { parts: ['servers'] as const }),
    limitSeconds: 300,
    async run(world) {
      const { house, say, quick } = world
      await say(20)
      await stored(world)
      await backUpRegistry(world)
      await copySeries(world)
      await say(quick ? 30 : 100)
      await stored(world)

      const exchange = async () => {
        if (clinic === 'stopped') await house.clinic.stop()
        if (brokerToo) {
          await house.broker!.end('SIGKILL')
          forgetBroker(world)
        }
        if (what !== 'registry') await restoreSeries(world)
        if (what !== 'series') await restoreRegistry(world)
        if (brokerToo) await house.broker!.start()
        // A registry put under a clinic is not the one it works with: it is looked at when the clinic starts again.
        if (clinic === 'running' && what !== 'series') await house.clinic.stop()
        if (clinic === 'stopped' || what !== 'series') await house.startClinic()
      }
      await world.sayUntil(exchange())
      world.healed()
      await say(10)
    },
  }
}

export const restoredFromBefore: Case[] = [
  restored({ what: 'series', clinic: 'stopped' }),
  restored({ what: 'series', clinic: 'running' }),
  restored({ what: 'registry', clinic: 'stopped' }),
  restored({ what: 'registry', clinic: 'running' }),
  restored({ what: 'both', clinic: 'stopped' }),
  restored({ what: 'both', clinic: 'running' }),
  restored({ what: 'series', clinic: 'stopped', brokerToo: true }),
  restored({ what: 'registry', clinic: 'stopped', brokerToo: true }),
  restored({ what: 'both', clinic: 'stopped', brokerToo: true }),
]
