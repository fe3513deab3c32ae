import { parseLocation } from '../storage/location.ts'
import { storageSettings } from '../storage/storage-options.ts'
import { CheckpointMirror } from './checkpoint-mirror.ts'
import { CheckpointStore, type CheckpointStoreOptions } from './checkpoint-store.ts'

/** The checkpoints of a run, and where they are kept beside this machine. */
export interface OpenCheckpoints {
  /** In a folder of this machine. */
  readonly store: CheckpointStore
  /** What keeps them in a bucket, if they are to be there. */
  readonly mirror: CheckpointMirror | undefined
}

/**
 * Opens the checkpoints at `location`, a folder or `s3://bucket/prefix`.
 *
 * @throws {ConnectorError} if they cannot be used, or are in use
 */
export async function openCheckpoints(
  location: string,
  options: CheckpointStoreOptions,
): Promise<OpenCheckpoints> {
  const parsed = parseLocation('checkpoint', location)
  const mirror =
    parsed.kind === 's3' ? await CheckpointMirror.open(parsed, storageSettings()) : undefined
  try {
    const store = await CheckpointStore.open(mirror?.folder ?? location, options)
    return { store, mirror }
  } catch (error) {
    await mirror?.close()
    throw error
  }
}
