import { access, constants, mkdir } from 'node:fs/promises'
import { ConnectorError } from '../errors.ts'

/**
 * Makes the folder `path`, if it is not there.
 *
 * @throws {ConnectorError} if it cannot be made, or nothing can be written there
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
    await access(path, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new ConnectorError(
      `Expected \`${path}\` to be a folder that can be written, got ${cause instanceof Error ? cause.message : String(cause)}`,
      { url: path, retryable: false },
      { cause },
    )
  }
}
