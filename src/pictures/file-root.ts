import type { ByteSource } from '../storage/byte-source.ts'
import type { BytePath, Found } from './walk-files.ts'

/** Where to look for files. */
export interface FileRoot {
  /** As the caller wrote it. */
  readonly location: string
  /** What paths found are relative to: the absolute path of a folder, or a URL; without `/` at its end. */
  readonly folder: BytePath
  /** Files read ahead at most. */
  readonly ahead: number
  /** What goes before a path found, to tell it from those of other roots. */
  readonly prefix: BytePath
  /** Finds the files, on after a path. */
  readonly find: (after: BytePath | undefined, signal: AbortSignal) => AsyncIterable<Found>
  /** The URL of a file, without secrets. */
  readonly uriOf: (found: Found) => string
  /** How many bytes a file has; 0 if that cannot be said now. */
  readonly sizeOf: (found: Found) => Promise<number>
  /** Opens a file. */
  readonly open: (found: Found) => Promise<ByteSource>
}
