// Installs what the tests need and the machine lacks: npm packages, and on Debian as root the real servers and the browser.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { installPackages, root, run } from '../simulators/build.mjs'

const TESTS = join(root, 'test')
/** Who is able to start a server need not: what is called, shows it. */
const ABLE = ['servers.ts', 'install.mjs'].map((name) => join(TESTS, name))
const USB = /\brunGuest\(/

/** Debian package → the file that shows it is there, and what shows that a test's code needs it. */
const PACKAGES = {
  influxdb: { file: '/usr/bin/influxd', use: /\binfluxd\(/ },
  mosquitto: { file: '/usr/sbin/mosquitto', use: /\b(m|ownM)osquitto\(/ },
  systemd: { file: '/usr/bin/systemd-notify', use: /systemd-(notify|analyze)|serviceManager\(/ },
  python3: { file: '/usr/bin/python3', use: /python3/ },
  chromium: { file: '/usr/bin/chromium', use: /\bchromium\.launch\(/ },
  faketime: { file: '/usr/bin/faketime', use: /libfaketime|'faketime'/ },
  'qemu-system-x86': { file: '/usr/bin/qemu-system-x86_64', use: USB },
  'linux-image-amd64': { file: '/usr/share/doc/linux-image-amd64', use: USB },
  'busybox-static': { file: '/bin/busybox', use: USB },
  cpio: { file: '/usr/bin/cpio', use: USB },
  kmod: { file: '/usr/sbin/modprobe', use: USB },
  'fonts-noto-cjk': {
    file: '/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc',
    use: /\bchromium\.launch\(/,
  },
}

/** Debian starts the services it installs; this refuses, so that only tests start servers. */
const POLICY = '/usr/sbin/policy-rc.d'

function withoutServiceStarts(work) {
  const ours = !existsSync(POLICY)
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    work()
  } finally {
    if (ours) rmSync(POLICY)
  }
}

/** @returns those test files, by their path in the project, that cannot run without these packages */
export function testsThatNeed(packages) {
  const needed = (path, seen = new Set()) => {
    if (seen.has(path) || !existsSync(path)) return false
    seen.add(path)
    const text = readFileSync(path, 'utf8')
    if (packages.some((name) => PACKAGES[name].use.test(text))) return true
    const imported = [...text.matchAll(/ from '(\.[^']+)'/g)].map(([, other]) => join(dirname(path), other))
    return imported.some((other) => other.startsWith(TESTS) && !ABLE.includes(other) && needed(other, seen))
  }
  return readdirSync(TESTS, { recursive: true })
    .filter((name) => /\.test\.tsx?$/.test(name) && needed(join(TESTS, name)))
    .map((name) => join('test', name))
    .sort()
}

/** @returns the Debian packages that are not there and could not be installed */
export function install() {
  installPackages()
  const missing = Object.keys(PACKAGES).filter((name) => !existsSync(PACKAGES[name].file))
  if (missing.length === 0) return []
  const debian = spawnSync('apt-get', ['--version']).status === 0
  if (!debian || process.getuid?.() !== 0) {
    const why = debian ? 'not root' : 'not a Debian system'
    process.stderr.write(`Left out, since this is ${why}: the tests that need ${missing.join(', ')}.\n`)
    if (process.env.CI) throw new Error(`CI needs ${missing.join(', ')}`)
    return missing
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  withoutServiceStarts(() => {
    run('apt-get', ['update', '-q'], env)
    run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing], env)
  })
  return []
}
