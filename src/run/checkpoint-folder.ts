import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { fileError } from '../storage/file-bytes.ts'
import { type Disk, isMissing } from '../disk.ts'
import { ConnectorError, DataError, FlowError } from '../errors.ts'
import { failPoint } from './fail-point.ts'

/** The file with the run's id. */
export const runFile = 'run.json'

/** The file with the states, in the folder of each checkpoint. */
export const stateFile = 'state.bin'

/** Name of the lock file. */
export const lockName = 'lock'

/** What a damaged manifest is called, once it is passed over. */
export const damagedSuffix = '.damaged'

const manifestPattern = /^manifest-(\d{6,})\.json$/

const ownNames =
  /^(run|lock(\.\d+)?|\d{6,}|\.?(run|manifest-\d{6,})\.json(\.tmp)?|manifest-\d{6,}\.json\.damaged)$/

/** Name of the folder with what a manifest points to. */
export function folderName(checkpoint: number): string {
  return String(checkpoint).padStart(6, '0')
}

/** Name of the manifest of a checkpoint. */
export function manifestName(checkpoint: number): string {
  return `manifest-${folderName(checkpoint)}.json`
}

/** Name of the folder for the files of a slot: its key, as far as a file can be called that. */
export function slotFolderName(key: string): string {
  const name = key.replace(/[^\w@#+-]/gu, (letter) =>
    encodeURIComponent(letter).replace('.', '%2E'),
  )
  if (name.length <= 120) return name
  return `${name.slice(0, 100)}-${createHash('sha256').update(key).digest('hex').slice(0, 16)}`
}

/** Numbers of the checkpoints in a folder that have a manifest, newest first. */
export async function manifestNumbers(disk: Disk, folder: string): Promise<readonly number[]> {
  const found = (await disk.readdir(folder)).map((name) => manifestPattern.exec(name)?.[1])
  return found
    .flatMap((digits) => (digits === undefined ? [] : [Number(digits)]))
    .sort((a, b) => b - a)
}

/** Fails if a folder has what no run puts there: it might be removed. */
export async function refuseStrange(disk: Disk, folder: string): Promise<void> {
  const strange = (await disk.readdir(folder)).find((name) => !ownNames.test(name))
  if (strange === undefined) return
  throw new ConnectorError(
    `Expected ${folder} to be empty or the folder of a run's checkpoints, got \`${strange}\` in it`,
    { url: folder, retryable: false },
  )
}

/** Puts a file in place as a whole: written under a temporary name, synced, renamed. */
export async function putFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = await writeTemporary(disk, path, bytes)
  await disk.rename(temporary, path)
  await disk.syncFolder(dirname(path))
}

/** Writes a file durably under a temporary name beside `path`, over an old one of that name; returns it. */
export async function writeTemporary(disk: Disk, path: string, bytes: Uint8Array): Promise<string> {
  const temporary = `${path}.tmp`
  await disk.rm(temporary)
  const file = await disk.open(temporary, 'create')
  try {
    const half = bytes.length >> 1
    await file.write(bytes.subarray(0, half), 0)
    failPoint('manifest: amid write')
    await file.write(bytes.subarray(half), half)
    await file.sync()
  } finally {
    await file.close()
  }
  return temporary
}

/**
 * Why a file cannot be what was written: what a {@link DataError} says, or the system's word that it
 * is missing or cannot be read from the medium. Any other error is thrown on.
 */
export function damage(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof DataError || isMissing(error) || code === 'EIO') return message
  throw error
}

/** Makes an error of the system a {@link ConnectorError} about `path`. */
export async function wrapped<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const system = typeof (cause as NodeJS.ErrnoException).code === 'string'
    throw system && !(cause instanceof FlowError) ? fileError('write', path, cause) : cause
  }
}
