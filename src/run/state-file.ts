import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { DefaultDeserializer, serialize } from 'node:v8'
import type { Disk } from '../disk.ts'
import { DataError } from '../errors.ts'

/** A file as it was written. */
export interface FileDigest {
  /** Its path below the checkpoint's folder. */
  readonly path: string
  /** Its size. */
  readonly bytes: number
  /** Its SHA-256, in hexadecimal digits. */
  readonly sha256: string
}

/** Bytes of a file that are hashed at a time. */
const pieceBytes = 2 ** 18

declare module 'v8' {
  interface Deserializer {
    _readHostObject(): unknown
  }
}

/** Typed arrays come with memory of their own: as views of what was read, one that is transferred would take the others along. */
class OwnArrays extends DefaultDeserializer {
  override _readHostObject(): unknown {
    const view = super._readHostObject() as Uint8Array | DataView
    return view instanceof DataView
      ? new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength))
      : Uint8Array.prototype.slice.call(view)
  }
}

/**
 * Writes values one behind the other: anything `structuredClone` takes, of 4 GiB each at most. Holds
 * one at a time. Returns the bytes of each.
 *
 * @throws {Error} for a value that cannot be written, with its name
 */
export async function writeStates(
  disk: Disk,
  path: string,
  values: readonly (readonly [name: string, value: unknown])[],
): Promise<readonly number[]> {
  const file = await disk.open(path, 'create')
  const lengths: number[] = []
  let position = 0
  try {
    for (const [name, value] of values) {
      const bytes = serialized(name, value)
      await file.write(bytes, position)
      lengths.push(bytes.length)
      position += bytes.length
    }
  } finally {
    await file.close()
  }
  return lengths
}

/** Reads what {@link writeStates} wrote. The file is known to be as it was. */
export async function readStates(
  disk: Disk,
  path: string,
  lengths: readonly number[],
): Promise<readonly unknown[]> {
  const file = await disk.open(path, 'read')
  const values: unknown[] = []
  let position = 0
  try {
    for (const length of lengths) {
      const bytes = Buffer.allocUnsafeSlow(length)
      await file.read(bytes, position)
      position += length
      const reader = new OwnArrays(bytes)
      reader.readHeader()
      values.push(reader.readValue())
    }
  } finally {
    await file.close()
  }
  return values
}

/** Makes durable all files below a folder of a checkpoint, and the folders; returns the files with `prefix` before their path. */
export async function syncFiles(
  disk: Disk,
  folder: string,
  prefix = '',
): Promise<readonly FileDigest[]> {
  const files: FileDigest[] = []
  for (const name of [...(await disk.readdir(join(folder, prefix)))].sort()) {
    const path = prefix === '' ? name : `${prefix}/${name}`
    const entry = await disk.stat(join(folder, path))
    if (entry?.folder) files.push(...(await syncFiles(disk, folder, path)))
    else files.push({ path, ...(await digestOf(disk, join(folder, path), true)) })
  }
  await disk.syncFolder(join(folder, prefix))
  return files
}

/**
 * Reads a file and compares it with what was written.
 *
 * @throws {DataError} if it is missing or another one
 */
export async function verifyFile(disk: Disk, folder: string, expected: FileDigest): Promise<void> {
  const url = join(folder, expected.path)
  const entry = await disk.stat(url)
  if (!entry) throw new DataError(`Expected ${expected.path}, got no such file`, { url })
  if (entry.bytes !== expected.bytes)
    throw new DataError(
      `Expected ${expected.path} to have ${String(expected.bytes)} bytes, got ${String(entry.bytes)}`,
      { url },
    )
  const { sha256 } = await digestOf(disk, url, false)
  if (sha256 !== expected.sha256)
    throw new DataError(`Expected ${expected.path} as it was written, got another checksum`, {
      url,
    })
}

async function digestOf(
  disk: Disk,
  path: string,
  sync: boolean,
): Promise<Omit<FileDigest, 'path'>> {
  const file = await disk.open(path, sync ? 'update' : 'read')
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafeSlow(pieceBytes)
  let bytes = 0
  try {
    if (sync) await file.sync()
    for (let length = pieceBytes; length === pieceBytes; bytes += length) {
      length = await file.read(piece, bytes)
      hash.update(piece.subarray(0, length))
    }
  } finally {
    await file.close()
  }
  return { bytes, sha256: hash.digest('hex') }
}

function serialized(name: string, value: unknown): Uint8Array {
  try {
    return serialize(value)
  } catch (cause) {
    throw new Error(
      `Expected the state of ${name} to be what structuredClone takes, of 4 GiB at most, got ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}
