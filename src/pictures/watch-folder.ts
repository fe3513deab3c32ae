import { once } from 'node:events'
import { lstat, stat } from 'node:fs/promises'
import { relative, sep } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMissing } from '../disk.ts'
import { ConnectorError } from '../errors.ts'
import type { Told } from './file-root.ts'
import type { Glob } from './glob.ts'
import { type BytePath, bytePath, type Found, isWithin, leadsOut, pathText } from './walk-files.ts'

/** Which files are told of. */
export interface Watched {
  /** Files that do not match are passed over. */
  readonly glob?: Glob
  /** Folders that links may lead into; everywhere without it. */
  readonly inside?: readonly BytePath[]
}

/**
 * Has the system tell of files that come or change under a folder, until the signal aborts. Hidden folders are
 * not entered, nor are links to folders: what comes there is found by a walk only. So is what comes into a new
 * folder after chokidar has read it and before it watches it.
 */
export async function watchFolder(
  folder: BytePath,
  { glob, inside }: Watched,
  { told, signal }: { readonly told: Told; readonly signal: AbortSignal },
): Promise<void> {
  const { watch } = await import('chokidar')
  const root = pathText(folder)
  const watcher = watch(root, {
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (path) => !glob && path !== root && isHidden(path),
  })
  signal.addEventListener('abort', () => void watcher.close(), { once: true })

  async function look(path: string): Promise<void> {
    const way = relative(root, path).split(sep).join('/')
    if (glob && !glob.matchesPath(way)) return
    const bytes = Buffer.from(path)
    const kind = (await leadsOutside(bytes, inside)) ? 'outside' : 'file'
    // A link to a folder comes as a file would.
    if (kind === 'file' && (await stat(bytes)).isDirectory()) {
      told.folder()
      return
    }
    const found: Found = { path: bytePath(way), kind }
    told.found(kind === 'outside' ? { ...found, cause: leadsOut } : found)
  }

  function failed(cause: unknown): void {
    told.failed(unwatchable(root, cause))
  }

  for (const event of ['add', 'change'] as const)
    // A file that is gone by now has nothing to be told of.
    watcher.on(event, (path) => void look(path).catch(() => undefined))
  watcher.on('addDir', () => {
    told.folder()
  })
  const ready = once(watcher, 'ready')
  watcher.on('error', failed)
  await ready
  void untilRemoved(root, signal).then(() => {
    if (!signal.aborted) failed(new Error('it was removed'))
  })
}

/** How often a folder is looked at, in milliseconds: chokidar does not always tell when it is removed. */
const lookMs = 500

/** Waits until a folder is removed, or another one has taken its place, or the signal aborts. */
async function untilRemoved(folder: string, signal: AbortSignal): Promise<void> {
  const first = await stat(folder).catch(() => undefined)
  while (!signal.aborted) {
    const now = await stat(folder).catch((error: unknown) => (isMissing(error) ? undefined : first))
    if (!first || !now || now.ino !== first.ino || now.dev !== first.dev) return
    await sleep(lookMs, undefined, { signal, ref: false }).catch(() => undefined)
  }
}

function isHidden(path: string): boolean {
  return path.slice(path.lastIndexOf(sep) + 1).startsWith('.')
}

async function leadsOutside(path: Buffer, inside: Watched['inside']): Promise<boolean> {
  if (!inside || !(await lstat(path)).isSymbolicLink()) return false
  return !(await isWithin(path, inside))
}

function unwatchable(folder: string, cause: unknown): ConnectorError {
  const { code, message } = cause as NodeJS.ErrnoException
  const why =
    code === 'ENOSPC'
      ? 'too many folders for this system: raise fs.inotify.max_user_watches, or set `pollMs`'
      : message
  return new ConnectorError(
    `Expected to watch \`${folder}\`, got ${why}`,
    { url: folder, retryable: false },
    { cause },
  )
}
