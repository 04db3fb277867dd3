// Installs what the tests need and the machine lacks: npm packages, and on Debian as root the real servers and the browser.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { installPackages, run } from '../simulators/build.mjs'

/** Debian package → the file that shows it is there. */
const PACKAGES = {
  influxdb: '/usr/bin/influxd',
  mosquitto: '/usr/sbin/mosquitto',
  systemd: '/usr/bin/systemd-notify',
  python3: '/usr/bin/python3',
  chromium: '/usr/bin/chromium',
  faketime: '/usr/bin/faketime',
  'qemu-system-x86': '/usr/bin/qemu-system-x86_64',
  'linux-image-amd64': '/usr/share/doc/linux-image-amd64',
  'busybox-static': '/bin/busybox',
  cpio: '/usr/bin/cpio',
  kmod: '/usr/sbin/modprobe',
  'fonts-noto-cjk': '/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc',
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

/** @returns the Debian packages that are not there and could not be installed */
export function install() {
  installPackages()
  const missing = Object.keys(PACKAGES).filter((name) => !existsSync(PACKAGES[name]))
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
