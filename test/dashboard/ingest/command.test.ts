// What the clinic asks of a hub, on a real broker: said again until it is done, by nobody else's answer.
import { expect, test } from 'vitest'
import { ask, undone } from '../../../dashboard/server/registry/commands.ts'
import { Command, type Reply } from '../../../hub/contract/command.ts'
import { topic } from '../../../hub/contract/topics.ts'
import { until } from '../../servers.ts'
import { hub, online, reasons, registry, startBroker, startIngest } from './rig.ts'

const ERASE: Command['command'] = {
  name: 'erase',
  aliases: ['a'.repeat(64)],
  ids: ['o1'],
  before: '2026-03-02T08:15:00.000Z',
}

/** What hub K01 hears, by a connection of its own. */
async function listener(id: string) {
  const { client } = await hub(id)
  client.removeAllListeners('message')
  const heard: Command[] = []
  client.on('message', (name, payload) => {
    if (name === topic(id, 'command')) heard.push(Command.parse(JSON.parse(String(payload))))
  })
  await client.subscribeAsync(topic(id, 'command'), { qos: 1 })
  const reply = (key: string, outcome: Reply['outcome'], who = id) =>
    client.publishAsync(
      topic(id, 'reply'),
      JSON.stringify({ v: 1, hub: who, key, outcome, at: '2026-03-02T08:15:01.000Z' } satisfies Reply),
      { qos: 1 },
    )
  return { heard, reply }
}

test('a command reaches its hub with a deadline; only the answer "done" of that hub ends it, and empties it', async () => {
  await startBroker()
  const [k01, k02] = [await listener('K01'), await listener('K02')]
  await ask(registry, 'K01', ERASE, Date.now())
  startIngest()
  await online()
  const command = await until('the command', () => k01.heard[0])
  expect(command.command).toEqual(ERASE)
  expect(Date.parse(command.deadline)).toBeGreaterThan(Date.now())
  expect(k02.heard).toEqual([])
  const { key } = command
  const outcome = async () => (await undone(registry))[0]?.outcome
  await k02.reply(key, 'done')
  await k02.reply(key, 'done', 'K01')
  await until('the pretended answer to be set aside', async () => (await reasons()).includes('wrong-hub'))
  expect(await outcome()).toBeNull()
  await k01.reply(key, 'late')
  await until('the answer', async () => (await outcome()) === 'late')
  await k01.reply(key, 'done')
  await until('the end of it', async () => (await undone(registry)).length === 0)
  await k01.reply(key, 'late')
  await k01.reply('no-such-key', 'done')
  await k01.reply('', 'done')
  await until('the keyless answer to be set aside', async () => (await reasons()).includes('envelope'))
  const kept = await registry.selectFrom('commands').selectAll().execute()
  expect(kept).toMatchObject([{ key, hub: 'K01', command: '', outcome: 'done' }])
})

test('a hub that was not there is asked again once the clinic runs anew; a revoked one is not', async () => {
  await startBroker()
  await ask(registry, 'K01', ERASE, 1)
  await ask(registry, 'K02', ERASE, 2)
  await registry.updateTable('hubs').set({ revoked_at_ms: 1 }).where('id', '=', 'K02').execute()
  const end = startIngest()
  await online()
  await end()
  const { heard } = await listener('K01')
  startIngest()
  await until('the command', () => heard.length > 0)
  expect((await undone(registry)).map((one) => one.hub)).toEqual(['K01'])
})
