import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { ConnectorError, DataError } from '../errors.ts'
import { pathInside } from '../path-inside.ts'
import { checkedManifest, type Manifest, modelLimits } from './manifest.ts'

/** The file of a model folder that says what is in it. */
export const manifestName = 'model.json'

/** Version of the folder's layout. */
export const formatVersion = 1

/**
 * Reads and checks `model.json`.
 *
 * @throws {DataError} if there is none, or a damaged one
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const text = await inFile(folder, manifestName, async (file) => {
    const { size } = await file.stat()
    if (size <= modelLimits.manifestBytes) return file.readFile('utf8')
    throw new DataError(
      `Expected \`${manifestName}\` of at most ${String(modelLimits.manifestBytes)} bytes, got ${String(size)}`,
      { url: folder },
    )
  })
  let signed: (Readonly<Record<string, unknown>> & { readonly sha256?: string }) | null
  try {
    signed = JSON.parse(text) as typeof signed
  } catch (cause) {
    throw new DataError(`Expected JSON in \`${manifestName}\``, { url: folder }, { cause })
  }
  if (signed?.['format'] !== 'millrace-model')
    throw new DataError(`Expected a model in \`${manifestName}\`, got another kind of JSON`, {
      url: folder,
    })
  if (signed['formatVersion'] !== formatVersion)
    throw new DataError(
      `Expected model format version ${String(formatVersion)}, got ${String(signed['formatVersion'])}`,
      { url: folder },
    )
  const { sha256: checksum, ...manifest } = signed
  if (checksum !== manifestChecksum(manifest))
    throw new DataError(`Expected \`${manifestName}\` as it was saved, got another checksum`, {
      url: folder,
    })
  return checkedManifest(manifest, folder)
}

/**
 * Opens a file of the folder: no link that leads out of it, and nothing that has no end (a pipe, a device).
 *
 * @throws {DataError} if there is no such file
 * @throws {ConnectorError} if it cannot be read
 */
export async function inFile<T>(
  folder: string,
  name: string,
  read: (file: FileHandle) => Promise<T>,
): Promise<T> {
  let file: FileHandle | undefined
  try {
    const path = await pathInside(folder, name)
    if (path === undefined)
      throw new DataError(`Expected \`${name}\` in the model folder, got a link out of it`, {
        url: folder,
      })
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    if ((await file.stat()).isFile()) return await read(file)
    throw new DataError(`Expected \`${name}\` to be a file`, { url: folder })
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    const { code = '' } = cause as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw unreadable(folder, name, cause)
    throw new DataError(`Expected a model folder with \`${name}\``, { url: folder }, { cause })
  } finally {
    await file?.close()
  }
}

function unreadable(folder: string, name: string, cause: unknown): ConnectorError {
  const { code = 'an error' } = cause as NodeJS.ErrnoException
  const denied = code === 'EACCES' || code === 'EPERM'
  const got = denied ? `no permission (${code}); give yourself the right to read it` : code
  return new ConnectorError(
    `Expected to read \`${name}\` of the model in \`${folder}\`, got ${got}`,
    { url: folder, retryable: false },
    { cause },
  )
}

/** The checksum of a manifest as compact JSON, so that its layout does not count. */
export function manifestChecksum(manifest: object): string {
  return sha256(JSON.stringify(manifest))
}

/** In hex. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}
