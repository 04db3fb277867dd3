// Loaded into a hub before its own code (node --import): kills it, as a power cut does, when it reaches step KILL_AT for the KILL_NTH time.
import Database from 'better-sqlite3'
import mqtt from 'mqtt'

const { KILL_AT, KILL_NTH } = process.env
let left = Number(KILL_NTH)

function reached(step) {
  if (step !== KILL_AT) return
  left--
  if (left === 0) process.kill(process.pid, 'SIGKILL')
}

/** What was written in the transaction that is under way. */
let wrote = new Set()
const WRITES = {
  opening: /^\s*INSERT INTO openings/,
  row: /^\s*INSERT INTO rows/,
  mark: /^\s*UPDATE rows SET coveredMs = \?/,
  purge: /^\s*DELETE FROM rows/,
}

const { prepare, transaction } = Database.prototype
Database.prototype.prepare = function (sql) {
  const statement = prepare.call(this, sql)
  const what = Object.keys(WRITES).find((name) => WRITES[name].test(sql))
  if (!what) return statement
  const { run } = statement
  statement.run = (...values) => {
    const result = run.apply(statement, values)
    if (result.changes > 0) {
      wrote.add(what)
      reached(`${what} written`)
    }
    return result
  }
  return statement
}
Database.prototype.transaction = function (work) {
  const whole = transaction.call(this, (...values) => {
    wrote = new Set()
    const result = work(...values)
    for (const what of wrote) reached(`${what} not committed`)
    return result
  })
  const around =
    (call) =>
    (...values) => {
      const result = call(...values)
      for (const what of wrote) reached(`${what} committed`)
      return result
    }
  return Object.assign(around(whole), { immediate: around(whole.immediate) })
}

const { publish, emit } = mqtt.MqttClient.prototype
mqtt.MqttClient.prototype.publish = function (topic, payload, options, done) {
  const name = topic.split('/').at(-1)
  const heard = (...values) => {
    reached(`${name} acknowledged`)
    done?.(...values)
  }
  reached(`${name} not published`)
  const client = publish.call(this, topic, payload, options, heard)
  setImmediate(() => reached(`${name} published`))
  return client
}
mqtt.MqttClient.prototype.emit = function (event, ...values) {
  if (event === 'message') reached('mark came')
  if (event === 'connect') reached('connected')
  return emit.call(this, event, ...values)
}
