import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/**
 * Where the system's browser is. Where there is none, root installs Debian's; else the tests that
 * need it are skipped with a line that says so, but fail under CI.
 */
export function chromiumPath(): string | undefined {
  const found = places.find((place) => existsSync(place)) ?? install()
  if (found !== undefined) return found
  const message = 'No chromium: install it (apt-get install chromium) to run the browser tests'
  if (process.env['CI'] === 'true') throw new Error(message)
  console.error(`\n*** SKIPPED: ${message} ***\n`)
  return undefined
}

/** Starts the browser, without the requests that it makes on its own behalf. */
export async function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

function install(): string | undefined {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return undefined
  const lock = ['-o', 'DPkg::Lock::Timeout=300']
  for (const command of [['update'], ['install', '-y', '--no-install-recommends', 'chromium']])
    spawnSync('apt-get', [...lock, ...command], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
  return places.find((place) => existsSync(place))
}
