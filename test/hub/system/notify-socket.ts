// The socket systemd would listen on. Node has no datagram sockets, so Python receives and passes each message on as a line.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { until } from '../../servers.ts'

const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    for line in s.recv(4096).decode().splitlines():
        print(line, flush=True)
`

export async function notifySocket(path: string) {
  const child = spawn('python3', ['-c', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const words: string[] = []
  // A barrier only lets the sender wait until it has been heard.
  createInterface({ input: child.stdout }).on('line', (line) => line !== 'BARRIER=1' && words.push(line))
  await until('the notify socket', () => existsSync(path))
  return {
    words,
    /** How often this word has come. */
    count: (word: string) => words.filter((one) => one === word).length,
    close: () => child.kill(),
  }
}
