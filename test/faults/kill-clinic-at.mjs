// Loaded into a clinic before its own code (node --import): kills it, as a power cut does, when it reaches step KILL_AT for the KILL_NTH time.
import http from 'node:http'
import Database from 'better-sqlite3'
import mqtt from 'mqtt'

const { KILL_AT, KILL_NTH } = process.env
let left = Number(KILL_NTH)

function reached(step) {
  if (step !== KILL_AT) return
  left--
  if (left === 0) process.kill(process.pid, 'SIGKILL')
}

/** What the registry wrote in the transaction that is under way. */
let wrote = new Set()
const WRITES = {
  records: /^insert into "records"/,
  arrivals: /^insert into "arrivals"/,
  mark: /^insert into "marks"/,
  word: /^insert into "hub_sessions"/,
  'stored beat': /^insert into "beats"/, // markStored begins with it, and whatever completes the index ends with it
  'beats to forget': /^delete from "beats" where "id"/,
}
const BEGIN = /^begin/
const COMMIT = /^commit/
const SERIES_POINT = /^insert or replace into points/
const SERIES_BEATS = /^select id, at_ms as atMs from beats/

const { prepare, transaction } = Database.prototype
Database.prototype.prepare = function (sql) {
  const statement = prepare.call(this, sql)
  const what = Object.keys(WRITES).find((name) => WRITES[name].test(sql))
  const around = (method, before, after) => {
    const call = statement[method]
    statement[method] = (...values) => {
      before?.()
      const result = call.apply(statement, values)
      after?.()
      return result
    }
  }
  if (what) {
    const written = () => {
      wrote.add(what)
      reached(`${what} written`)
    }
    around('run', null, written)
    around('all', null, written)
  } else if (COMMIT.test(sql)) {
    const before = () => {
      for (const name of wrote) reached(`${name} not committed`)
    }
    const after = () => {
      const done = wrote
      wrote = new Set()
      for (const name of done) reached(`${name} committed`)
    }
    around('run', before, after)
  } else if (BEGIN.test(sql))
    around('run', () => {
      wrote = new Set()
    })
  else if (SERIES_POINT.test(sql)) around('run', null, () => reached('points written'))
  else if (SERIES_BEATS.test(sql))
    around(
      'all',
      () => reached('beats asked'),
      () => reached('beats told'),
    )
  return statement
}
Database.prototype.transaction = function (work) {
  const whole = transaction.call(this, work)
  return (...values) => {
    reached('points not written')
    const result = whole(...values)
    reached('beat written') // before the registry knows that these are stored
    return result
  }
}

const { request } = http
http.request = function (options, heard) {
  const [path, sent] = [String(options.path), `${options.method}`]
  const ofBeats = path.includes('_beats')
  const step = path.startsWith('/write')
    ? ofBeats
      ? ['beat not written', 'beat written']
      : ['points not written', 'points written']
    : ofBeats && sent !== 'POST'
      ? ['beats asked', 'beats told']
      : null
  if (!step) return request.call(this, options, heard)
  reached(step[0])
  return request.call(this, options, (answer) => {
    reached(step[1])
    heard(answer)
  })
}

const { publish, emit } = mqtt.MqttClient.prototype
mqtt.MqttClient.prototype.publish = function (topic, payload, options, done) {
  const isMark = topic.endsWith('/stored')
  if (!isMark) return publish.call(this, topic, payload, options, done)
  reached('mark not published')
  const client = publish.call(this, topic, payload, options, (...values) => {
    reached('mark acknowledged')
    done?.(...values)
  })
  setImmediate(() => reached('mark published'))
  return client
}
mqtt.MqttClient.prototype.emit = function (event, ...values) {
  if (event === 'connect') reached('connected')
  if (event === 'packetreceive' && values[0].cmd === 'publish' && values[0].topic.endsWith('/records'))
    reached('records came')
  return emit.call(this, event, ...values)
}
