import { access, constants } from 'node:fs/promises'
import { nodeDisk } from '../disk.ts'
import { ConnectorError } from '../errors.ts'
import { localPath } from '../options.ts'
import { putFile, wrapped } from '../run/checkpoint-folder.ts'

/**
 * Makes the folder `path`, if it is not there.
 *
 * @throws {OptionError} if it is a URL
 * @throws {ConnectorError} if it cannot be made, or nothing can be written there
 */
export async function makeFolder(path: string): Promise<void> {
  localPath('out', path)
  try {
    await nodeDisk.mkdir(path)
    await access(path, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new ConnectorError(
      `Expected \`${path}\` to be a folder that can be written, got ${cause instanceof Error ? cause.message : String(cause)}`,
      { url: path, retryable: false },
      { cause },
    )
  }
}

/** Puts a text file in place as a whole: what an earlier run wrote there stays until the new one is durable. */
export async function putText(path: string, text: string): Promise<void> {
  await wrapped(path, () => putFile(nodeDisk, path, Buffer.from(text)))
}
