import { open, readFile, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { fileError } from './storage/file-bytes.ts'
import { ConnectorError } from './errors.ts'

/** Who holds a lock. */
interface Holder {
  readonly pid: number
  readonly host: string
  /** When the process started, in ticks since the machine did; null where the system does not tell. */
  readonly started: string | null
}

/**
 * Takes the lock file at `path`: it names this process until the function returned is called. The
 * lock of a process that is gone is taken over; that of a process on another machine, whose end
 * cannot be seen from here, is not.
 *
 * @throws {ConnectorError} if another process, or this one, holds it
 */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  const { pid } = process
  const own = JSON.stringify({ pid, host: hostname(), started: await startOf(pid) })
  for (;;) {
    const created = await create(path, own)
    const there = await textOf(path)
    // Who found the file before it had its text may have taken it for the lock of a dead process.
    if (created && there === own) return () => rm(path, { force: true })
    if (there === undefined) continue
    const holder = parse(there)
    if (holder && (await mayLive(holder))) throw held(path, holder)
    await moveAside(path, there)
  }
}

/** Makes the file with its text; false if there is one. */
async function create(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx')
    await file.writeFile(text).finally(() => file.close())
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw fileError('write', path, error)
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fileError('read', path, error)
  }
}

/** Removes the lock that says `text`, unless somebody else has put theirs there meanwhile. */
async function moveAside(path: string, text: string): Promise<void> {
  const aside = `${path}.${String(process.pid)}`
  try {
    await rename(path, aside)
    if ((await textOf(aside)) === text) await rm(aside, { force: true })
    else await rename(aside, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function parse(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null
    const { pid, host, started = null } = holder ?? {}
    if (Number.isSafeInteger(pid) && typeof host === 'string')
      return { pid: pid as number, host, started }
  } catch {
    // A lock that was cut by a crash of the machine: its process is gone too.
  }
  return undefined
}

/** A process number is given again, after a restart of a container always the same: the start tells them apart. */
async function mayLive({ pid, host, started }: Holder): Promise<boolean> {
  if (host !== hostname()) return true
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return started === (await startOf(pid))
}

/** Field 22 of Linux' `/proc/PID/stat`; field 2, a name in brackets, may hold spaces. */
async function startOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null
}

function held(path: string, { pid, host }: Holder): ConnectorError {
  const here = host === hostname()
  const way = here
    ? 'wait for its end, or stop it'
    : `remove ${path} if that process is no longer running`
  return new ConnectorError(
    `Expected no other run in the folder, got process ${String(pid)}${here ? '' : ` on ${host}`}: ${way}`,
    { url: path, retryable: true },
  )
}
