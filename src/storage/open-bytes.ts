import type { ByteSource } from './byte-source.ts'
import { openFile } from './file-bytes.ts'
import { httpBytes } from './http-bytes.ts'
import { parseLocation } from './location.ts'
import { s3Bytes } from './s3-bytes.ts'
import { type StorageOptions, storageSettings } from './storage-options.ts'

/**
 * Opens what is at `location`, a path or URL, for reading.
 *
 * @throws {ConnectorError} if it is not there, or cannot be read
 */
export async function openBytes(
  location: string,
  options: StorageOptions = {},
): Promise<ByteSource> {
  const parsed = parseLocation('location', location)
  if (parsed.kind === 'file') return openFile(parsed.path)
  const settings = storageSettings(options)
  return parsed.kind === 'http' ? httpBytes(parsed.url, settings) : s3Bytes(parsed, settings)
}
