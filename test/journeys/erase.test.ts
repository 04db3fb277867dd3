// Erasing a resident on the running programs: nothing is left in any file, and neither a kiosk that sends everything again
// nor a registry and a kiosk from before bring anything back (promises 2.4).
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, describe, expect, it } from 'vitest'
import { type PlannedVisit, plannedVisits } from '../../simulators/people.ts'
import { command } from '../../simulators/programs.ts'
import { visit } from '../../simulators/visitors.ts'
import { until } from '../servers.ts'
import { observationsOf, recent, residents, search } from './clinic-api.ts'
import { type House, house } from './house.ts'
import { encodings } from './traces.ts'

const SEED = 11
const VISITS = 3

let there: House
let backup: string
afterEach(async () => {
  await there.close()
  rmSync(backup, { recursive: true, force: true })
})

function query<Row>(file: string, text: string): Row[] {
  const db = new Database(file, { readonly: true })
  try {
    return db.prepare<[], Row>(text).all()
  } finally {
    db.close()
  }
}

/** Files of our own programs; a broker and a database of others keep theirs. */
const ourFiles = () =>
  (['clinic', 'hub'] as const).flatMap((who) =>
    readdirSync(there.paths[who].data, { recursive: true, encoding: 'utf8' })
      .map((name) => join(there.paths[who].data, name))
      .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile()),
  )

for (const parts of ['embedded', 'servers'] as const)
  describe(`with ${parts === 'servers' ? 'Mosquitto and InfluxDB' : 'embedded parts'}, a resident who is erased`, () => {
    it('is gone from every file, and stays gone whoever brings everything again', { timeout: 240_000 }, async () => {
      there = await house({
        parts,
        devices: { reader: 'sdt-samv', cuff: 'and-tm2657', meter: 'lifescan-ultraeasy' },
        measuringSeconds: { min: 0.5, max: 1 },
        env: { LOG_LEVEL: 'debug' },
      })
      backup = mkdtempSync(join(tmpdir(), 'backup-'))
      const registryFile = join(there.paths.clinic.data, 'registry.sqlite')
      const outboxFile = join(there.paths.hub.data, 'outbox.sqlite')
      const { reader, cuff, meter } = there.devices as Record<'reader' | 'cuff' | 'meter', House['devices'][string]>
      const plans: PlannedVisit[] = []
      for (const plan of plannedVisits(SEED)) {
        if (plans.length === VISITS) break
        if (plan.person) plans.push(plan)
      }
      for (const [n, plan] of plans.entries())
        await visit(plan, n, { reader, cuff, meter, screen: there.screen, told: () => undefined })

      const api = await there.api()
      await until('every visitor to be a resident', async () => (await residents(api)).length === VISITS)
      const waiting = "select 1 from observations where stored = 0 and state = 'placed'"
      await until('the series to have all', () => query(registryFile, waiting).length === 0)
      const person = plans[0]!.person!
      const [row] = await search(api, person.number)
      const own = await observationsOf(api, row!.id)
      expect(own.length).toBeGreaterThan(0)
      const others = new Set((await recent(api)).map(({ id }) => id))
      for (const { id } of own) others.delete(id)
      const [subject] = query<{ id: string }>(registryFile, `select id from subjects where resident = '${row!.id}'`)
      const visits = query<{ id: string }>(registryFile, `select id from visits where subject = '${subject!.id}'`)
      const traces = [person.name, person.number, subject!.id.split('/')[1]!, ...own.map(({ id }) => id)]
      traces.push(...visits.map(({ id }) => id))

      const gone = async (when: string) => {
        const forgotten = "select 1 from commands where outcome is null or outcome != 'done'"
        await until(`${when}: every kiosk to have forgotten`, () => query(registryFile, forgotten).length === 0, 90_000)
        const now = await there.api()
        expect(await search(now, person.number), when).toEqual([])
        expect((await now.get(`/api/residents/${row!.id}`)).status, when).toBe(404)
        expect(new Set((await recent(now)).map(({ id }) => id)), when).toEqual(others)
        for (const file of ourFiles()) {
          const bytes = readFileSync(file)
          for (const trace of traces)
            expect(encodings(trace).filter((one) => bytes.includes(one)).length, `${when}: ${trace} in ${file}`).toBe(0)
        }
        for (const trace of traces.slice(0, 3)) expect(there.logs(), when).not.toContain(trace)
      }

      const db = new Database(outboxFile)
      await db.backup(join(backup, 'outbox'))
      db.close()
      const cli = (...args: string[]) => command('clinic', [...args, '--config', there.paths.clinic.config])
      await cli('backup', '--out', join(backup, 'clinic'))
      await cli('erase', row!.id)
      await gone('erased')
      const targets = query<{ action: string; target: string }>(registryFile, 'select action, target from audit')
      expect(targets).toContainEqual({ action: 'erased', target: row!.id })

      // The kiosk's disk is put back, and it sends everything again as what no mark covers.
      const again = async (epoch: string) => {
        rmSync(`${outboxFile}-wal`, { force: true })
        rmSync(`${outboxFile}-shm`, { force: true })
        copyFileSync(join(backup, 'outbox'), outboxFile)
        const db = new Database(outboxFile)
        db.exec(`update rows set coveredMs = null; delete from meta where key = 'seen';
          update openings set epoch = '${epoch}-' || opening`)
        db.close()
      }
      await there.hub.stop()
      await again('again')
      await there.startHub()
      const covered = () => query(outboxFile, 'select 1 from rows where coveredMs is null').length === 0
      const arrived = (epoch: string) => query(registryFile, `select 1 from arrivals where epoch like '${epoch}-%'`)
      await until('all of it to have arrived again', () => arrived('again').length > 0)
      await until('the marks to cover it', covered, 60_000)
      await gone('sent again')

      // Registry and kiosk from before; the tombstones lie outside the backup.
      await there.hub.stop()
      await there.clinic.stop()
      for (const end of ['', '-wal', '-shm']) rmSync(`${registryFile}${end}`, { force: true })
      await cli('restore', '--from', join(backup, 'clinic'))
      await again('once-more')
      await there.startClinic()
      await there.startHub()
      await until('all of it to have arrived once more', () => arrived('once-more').length > 0)
      await until('the marks to cover it', covered, 60_000)
      await gone('restored')
    })
  })
