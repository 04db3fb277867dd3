// RESULTS.md as the bench writes it: what was measured, beside its bare limit and its aim.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

type Figures = Readonly<Record<string, number>>

/** What it says, the figure, what it should be (at least, or at most), and the bare limit beside it. */
type Line = [says: string, figure: string, aim?: ['>=' | '<=', number] | undefined, bare?: string]

const LINES: Line[] = [
  ['drained from an outbox of 100,000, readings/s', 'drainPerSecond', ['>=', 10_000], 'drainPerSecondBare'],
  ['the same over a line of 200 ms round trip', 'drainPerSecondFar', undefined, 'drainPerSecondFarBare'],
  [
    'ingested, embedded: broker, registry with its index, SQLite series, readings/s',
    'ingestPerSecondEmbedded',
    ['>=', 20_000],
    'ingestPerSecondEmbeddedBare',
  ],
  [
    'ingested, Mosquitto, registry with its index, InfluxDB, readings/s',
    'ingestPerSecondInflux',
    ['>=', 30_000],
    'ingestPerSecondInfluxBare',
  ],
  ...['At1', '', 'At100'].flatMap((rate): Line[] => {
    const at = `at ${rate.slice(2) || '10'}/s`
    return [
      [`wire → store ${at}, p50, ms`, `wireToStore${rate}P50Ms`],
      [`wire → store ${at}, p99, ms`, `wireToStore${rate}P99Ms`],
      [`wire → page ${at}, p50, ms`, `wireToPage${rate}P50Ms`, ['<=', 100], 'bareMqttRoundP50Ms'],
      [`wire → page ${at}, p99, ms`, `wireToPage${rate}P99Ms`, ['<=', 500], 'bareMqttRoundP99Ms'],
    ]
  }),
  ['wire → page while 100,000 drain, p50, ms', 'wireToPageWhileDrainingP50Ms', ['<=', 100]],
  ['wire → page while 100,000 drain, p99, ms', 'wireToPageWhileDrainingP99Ms', ['<=', 500]],
  ['start to ready with 1 million rows waiting, ms', 'readyWithMillionMs', ['<=', 2000], 'readyBareNodeMs'],
  ['memory of the hub at rest, MB', 'hubMemoryRestMB', ['<=', 100], 'bareNodeMemoryMB'],
  ['memory of the clinic at rest, MB', 'clinicMemoryRestMB', ['<=', 150], 'bareNodeMemoryMB'],
  ['memory of the hub while it drains, at most, MB', 'hubMemoryLoadMB'],
  ['memory of the clinic while it takes that in, at most, MB', 'clinicMemoryLoadMB'],
  ...['Sqlite', 'Influx'].flatMap((store): Line[] => [
    [`one person’s year, ${store}, p95, ms`, `personYear${store}P95Ms`, ['<=', 50]],
  ]),
  ['day figures of a village of 500 over 30 days, from the registry, p95, ms', 'populationP95Ms', ['<=', 200]],
  ['cost per reading at 10⁵ rows, registry and series, µs', 'costPerReadingUs1e5'],
  ['cost per reading at 10⁶ rows, µs', 'costPerReadingUs1e6'],
  ['cost per reading at 10⁷ rows, µs', 'costPerReadingUs1e7'],
]

const HEAD = `# What it measures

Made by \`npm run bench -- --write\` (with \`--quick\` shorter, and 10⁶ rows in place of 10⁷). Ours and the bare
limit come from the same run on the same machine, so the ratio carries over where the figures do not. Bare is: for the drain, the
same rows from one SQLite file to another through aedes, without anything of ours; for ingest, the same rows put straight into
the engine by prepared statements, or posted as text; for the page, one MQTT round; for start and memory, Node itself.
`

export function writeResults(figures: Figures, machine: string, quick: boolean, on: string) {
  const said = (name: string | undefined) =>
    name !== undefined && figures[name] !== undefined ? `${figures[name]}` : ''
  const rows = LINES.filter(([, name]) => figures[name] !== undefined).map(([says, name, aim, bare]) => {
    const value = figures[name]!
    const limit = bare === undefined ? undefined : figures[bare]
    const ratio = limit === undefined ? '' : (value / limit).toPrecision(2)
    const met = aim && (aim[0] === '>=' ? value >= aim[1] : value <= aim[1])
    const wanted = aim ? `${aim[0] === '>=' ? '≥' : '≤'} ${aim[1]}${met ? '' : ': **not met**'}` : ''
    return `| ${says} | ${value} | ${said(bare)} | ${ratio} | ${wanted} |`
  })
  const f = (name: string) => said(name) || '–'
  const text = `${HEAD}
## ${on}${quick ? ', quick' : ''}

${machine}; load average before it began ${f('machineLoadBefore')}; ${f('minutes')} minutes.

| Line | Ours | Bare | Ratio | Aim |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

## Beside what people pick today

A Node-RED flow (serial → MQTT → InfluxDB) on two such cores, and ours under the same conditions:

| | Node-RED | Ours |
| --- | --- | --- |
| broker away for 5 s: stored of sent | 250 of 750 | ${f('brokerAwayStored')} of ${f('brokerAwaySent')} |
| InfluxDB away for 5 s: stored of sent | 326 of 750 | ${f('influxAwayStored')} of ${f('influxAwaySent')} |
| memory at the kiosk, MB | 140 | ${f('hubMemoryWithServersMB')} |
| a burst, readings a second into InfluxDB | 2,200 | ${f('burstPerSecond')} |
| wire to InfluxDB, in the middle, ms | 9 | ${f('wireToInfluxP50Ms')} |
| wire to InfluxDB, at worst, ms | 50 | ${f('wireToInfluxWorstMs')} |

Killed half-way (431 of 500 there): \`npm run faults\` has it, with nothing lost that had its tick.
`
  writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text)
}
