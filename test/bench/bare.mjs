// What this machine can do at best: rows from one SQLite file to another over MQTT, with nothing of ours between. Two roles, two processes.
import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import Database from 'better-sqlite3'
import mqtt from 'mqtt'

const ROWS_A_MESSAGE = 370
const MESSAGES_UNDER_WAY = 16
const [role, file, port] = process.argv.slice(2)

/** Keeps each message's rows in one durable transaction. */
async function clinic() {
  const db = new Database(file)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec('create table rows (n integer primary key, body text not null)')
  const insert = db.prepare('insert into rows (body) values (?)')
  const keep = db.transaction((bodies) => {
    for (const body of bodies) insert.run(body)
  })
  const broker = await Aedes.createBroker()
  const server = createServer({ noDelay: true }, broker.handle)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${server.address().port}`)
  let stored = 0
  client.handleMessage = (packet, done) => {
    const bodies = packet.payload.toString().split('\n')
    keep(bodies)
    stored += bodies.length
    process.send({ stored })
    done()
  }
  await client.subscribeAsync('bare', { qos: 1 })
  process.send({ port: server.address().port })
}

/** Sends every row of an outbox. */
async function hub() {
  const db = new Database(file, { readonly: true })
  const page = db.prepare('select n, body from rows where n > ? order by n limit ?')
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`)
  const flying = new Set()
  for (let after = 0; ; ) {
    const rows = page.all(after, ROWS_A_MESSAGE)
    if (rows.length === 0) break
    after = rows.at(-1).n
    const sent = client.publishAsync('bare', rows.map(({ body }) => body).join('\n'), { qos: 1 })
    flying.add(sent)
    void sent.then(() => flying.delete(sent))
    if (flying.size === MESSAGES_UNDER_WAY) await Promise.race(flying)
  }
  await Promise.all(flying)
}

process.on('disconnect', () => process.exit()) // before the work: all may be stored while the last answers are on their way
await (role === 'clinic' ? clinic() : hub())
