import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { nodeDisk } from '../disk.ts'
import type { Context } from '../flow/context.ts'
import { parseLocation } from '../storage/location.ts'
import { type StorageOptions, storageSettings } from '../storage/storage-options.ts'
import { diskOutputs } from './output-file.ts'
import type { OutputStore } from './output.ts'
import { s3Outputs } from './s3-outputs.ts'

/** Where a path lies, and how it is reached. */
export interface OutputTarget {
  /** A path, or `s3://bucket/key`. */
  readonly path: string
  /** How buckets are reached. */
  readonly storage?: StorageOptions | undefined
}

/** The place for what is written to a target; hidden files of it that are not published yet carry the run's `id`. */
export function outputsAt(
  { path, storage }: OutputTarget,
  { run, signal }: Pick<Context, 'run' | 'signal'>,
  id = run?.id ?? randomBytes(6).toString('hex'),
): OutputStore {
  return parseLocation('path', path).kind === 's3'
    ? s3Outputs({ settings: storageSettings(storage), signal, again: run?.durable ?? false })
    : diskOutputs({ id, disk: run?.disk ?? nodeDisk })
}

/** What tells a target from others. */
export function targetOf(path: string): string {
  return parseLocation('path', path).kind === 'file' ? resolve(path) : path
}
