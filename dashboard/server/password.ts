// A password from whoever runs the command: asked without echo at a terminal, else the first line of what is piped in.
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { Refusal } from './enrol.ts'

/** @throws Refusal when the two times differ or nothing came */
export async function readPassword(input: NodeJS.ReadStream, prompt: NodeJS.WriteStream): Promise<string> {
  if (!input.isTTY) {
    const lines = createInterface({ input })
    for await (const line of lines) return line
    throw new Refusal('no password came on standard input')
  }
  const first = await asked(input, prompt, 'Password: ')
  if (first !== (await asked(input, prompt, 'The same again: '))) throw new Refusal('the two passwords differ')
  return first
}

async function asked(input: NodeJS.ReadStream, prompt: NodeJS.WriteStream, words: string): Promise<string> {
  prompt.write(words)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: silent, terminal: true })
  const abandoned = new AbortController()
  lines.once('SIGINT', () => abandoned.abort())
  try {
    return await lines.question('', { signal: abandoned.signal })
  } catch (cause) {
    throw new Refusal('abandoned', { cause })
  } finally {
    lines.close()
    prompt.write('\n')
  }
}
