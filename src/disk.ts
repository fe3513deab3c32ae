import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { lockFile } from './lock-file.ts'

/** An open file. */
export interface DiskFile {
  /** Writes all of `bytes` at `position`. */
  readonly write: (bytes: Uint8Array, position: number) => Promise<void>
  /** Fills `bytes` from `position` on; returns how many there were, fewer only at the end of the file. */
  readonly read: (bytes: Uint8Array, position: number) => Promise<number>
  /** Cuts the file to `length` bytes. */
  readonly truncate: (length: number) => Promise<void>
  /** Makes durable what was written and cut. */
  readonly sync: () => Promise<void>
  /** Closes the file. */
  readonly close: () => Promise<void>
}

/**
 * The file system as far as the promise of a run rests on it. A file's bytes are durable after its
 * `sync`; that it is there, under its name, after `syncFolder` of its folder. Errors are those of
 * the system, with its `code`.
 */
export interface Disk {
  /** Opens a file: to `read` it, to `create` it (fails if it is there), or to `update` one that is there. */
  readonly open: (path: string, mode: 'read' | 'create' | 'update') => Promise<DiskFile>
  /** The bytes of a whole file. */
  readonly readFile: (path: string) => Promise<Uint8Array>
  /** Gives a file or folder another name, in place of a file of that name. */
  readonly rename: (from: string, to: string) => Promise<void>
  /** Makes a folder, and those above it that are missing; all durable. */
  readonly mkdir: (path: string) => Promise<void>
  /** Names in a folder, in any order. */
  readonly readdir: (path: string) => Promise<readonly string[]>
  /** Removes a file, or a folder with all that is in it; nothing if it is not there. */
  readonly rm: (path: string) => Promise<void>
  /** What is there; undefined if nothing is. */
  readonly stat: (path: string) => Promise<DiskEntry | undefined>
  /** Makes durable which names are in a folder. */
  readonly syncFolder: (path: string) => Promise<void>
  /** Takes the lock at `path` until the function returned is called; see {@link lockFile}. */
  readonly lock: (path: string) => Promise<() => Promise<void>>
}

/** A file or a folder. */
export interface DiskEntry {
  /** Whether it is a folder. */
  readonly folder: boolean
  /** Size of a file. */
  readonly bytes: number
}

const flags = { read: 'r', create: 'wx+', update: 'r+' } as const

/** Bytes that go in one call of the system, which takes less than 2 GiB. */
const callBytes = 2 ** 30

/** The machine's own file system. */
export const nodeDisk: Disk = {
  open: async (path, mode) => nodeFile(await open(path, flags[mode])),
  readFile,
  rename,
  mkdir: makeFolders,
  readdir,
  rm: (path) => rm(path, { recursive: true, force: true }),
  async stat(path) {
    try {
      const found = await stat(path)
      return { folder: found.isDirectory(), bytes: found.size }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  },
  syncFolder,
  lock: lockFile,
}

/** Whether the system says that a file is not there. */
export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function nodeFile(handle: FileHandle): DiskFile {
  return {
    async write(bytes, position) {
      for (let done = 0; done < bytes.length;) {
        const length = Math.min(callBytes, bytes.length - done)
        done += (await handle.write(bytes, done, length, position + done)).bytesWritten
      }
    },
    async read(bytes, position) {
      let done = 0
      while (done < bytes.length) {
        const length = Math.min(callBytes, bytes.length - done)
        const { bytesRead } = await handle.read(bytes, done, length, position + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return done
    },
    truncate: (length) => handle.truncate(length),
    sync: () => handle.sync(),
    close: () => handle.close(),
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } catch (error) {
    // Some network file systems have no such call for folders.
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EINVAL' && code !== 'ENOTSUP') throw error
  } finally {
    await folder.close()
  }
}

/** Step by step, since the recursive `mkdir` of Node 20 never ends where the system makes no folder (`/proc`). */
async function makeFolders(path: string): Promise<void> {
  const parent = dirname(path)
  try {
    await mkdir(path)
  } catch (error) {
    if ((await nodeDisk.stat(path))?.folder) return
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' || (await nodeDisk.stat(parent))?.folder) throw error
    await makeFolders(parent)
    return makeFolders(path)
  }
  await syncFolder(parent)
}
