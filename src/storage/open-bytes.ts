import { OptionError } from '../errors.ts'
import type { ByteSource } from './byte-source.ts'
import { openFile } from './file-bytes.ts'
import { parseLocation } from './location.ts'
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
  storageSettings(options)
  throw new OptionError(`Expected a path, got ${location}`)
}
