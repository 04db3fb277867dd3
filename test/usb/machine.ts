// A whole computer with real USB: Debian's kernel in QEMU on this machine's own files, read-only, with what it writes kept in memory.
import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** What the first process needs to reach this machine's files; everything else is loaded from there. */
const MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'overlay']
const END_MS = 600_000 // some 60 s where nothing else runs

const init = (program: string) => `#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for module in /modules/*; do $b insmod $module; done
$b mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=524288 files /files
$b mount -t tmpfs written /written
$b mkdir /written/upper /written/work
$b mount -t overlay -o lowerdir=/files,upperdir=/written/upper,workdir=/written/work overlay /root
for folder in proc sys dev; do $b mount --move /$folder /root/$folder; done
$b ip link set lo up
$b chroot /root ${program}
echo o > /root/proc/sysrq-trigger
$b sleep 60
`

/** The newest kernel of Debian's that is installed here. */
const kernel = () =>
  readdirSync('/boot')
    .filter((name) => name.startsWith('vmlinuz-'))
    .map((name) => name.slice('vmlinuz-'.length))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1)!

function firstFiles(folder: string, version: string, program: string): string {
  const files = join(folder, 'files')
  for (const name of ['bin', 'modules', 'proc', 'sys', 'dev', 'files', 'written', 'root'])
    mkdirSync(join(files, name), { recursive: true })
  copyFileSync('/bin/busybox', join(files, 'bin/busybox'))
  const needed = MODULES.flatMap((name) =>
    execFileSync('modprobe', ['-S', version, '--show-depends', name], { encoding: 'utf8' })
      .split('\n')
      .flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []),
  )
  for (const [i, path] of [...new Set(needed)].entries())
    copyFileSync(path, join(files, 'modules', `${String(i).padStart(2, '0')}-${basename(path)}`))
  writeFileSync(join(files, 'init'), init(program), { mode: 0o755 })
  const archive = join(folder, 'files.cpio')
  execFileSync('sh', ['-c', `find . | cpio --quiet -o -H newc > ${archive}`], { cwd: files })
  return archive
}

/** This Node cannot run TypeScript: the guest's own files stand beside the built programs as JavaScript. */
function compiled(): string {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const options = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    rewriteRelativeImportExtensions: true,
    verbatimModuleSyntax: true,
  }
  for (const file of ['test/usb/guest.ts', 'test/usb/bench.ts', 'test/servers.ts']) {
    const { outputText } = ts.transpileModule(ts.sys.readFile(join(root, file)) ?? '', { compilerOptions: options })
    const out = join(root, 'dist', file.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(out), { recursive: true })
    writeFileSync(out, outputText)
  }
  return join(root, 'dist/test/usb/guest.js')
}

export interface Result {
  test: string
  /** Null: it is true. */
  error: string | null
}

/** Runs the guest's tests; what the guest said beside them comes along for a person to read. */
export async function runGuest(): Promise<{ results: Result[]; words: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'usb-'))
  const version = kernel()
  const guest = compiled()
  const results: Result[] = []
  let words = ''
  try {
    const machine = spawn(
      'qemu-system-x86_64',
      [
        ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '1536'],
        ...['-nodefaults', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
        ...[
          '-kernel',
          `/boot/vmlinuz-${version}`,
          '-initrd',
          firstFiles(folder, version, `${process.execPath} ${guest}`),
        ],
        ...['-append', 'console=ttyS0 quiet panic=-1'],
        ...['-fsdev', 'local,id=files,path=/,security_model=none,readonly=on,multidevs=remap'],
        ...['-device', 'virtio-9p-pci,fsdev=files,mount_tag=files'],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const late = setTimeout(() => machine.kill('SIGKILL'), END_MS)
    machine.stderr.on('data', (chunk) => (words += chunk))
    const ended = new Promise((resolve) => machine.once('close', resolve))
    for await (const line of createInterface({ input: machine.stdout })) {
      const said = /^@@(\{.*\})/.exec(line)?.[1]
      if (said) results.push(JSON.parse(said))
      else words += `${line}\n`
    }
    await ended
    clearTimeout(late)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return { results, words }
}
