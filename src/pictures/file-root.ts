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
  /** What a file is like now; undefined if that cannot be said. */
  readonly look: (found: Found) => Promise<Look | undefined>
  /** Opens a file. */
  readonly open: (found: Found) => Promise<ByteSource>
  /** Tells paths of files that come or change, until the signal aborts; undefined where nobody tells. */
  readonly watch?: (told: Told, signal: AbortSignal) => Promise<void>
}

/** What a file is like from outside. */
export interface Look {
  /** How many bytes it has. */
  readonly bytes: number
  /** When it was last written, in milliseconds since 1970. */
  readonly modified: number
  /** Another one, if it is written again. */
  readonly mark: string
}

/** Takes what a watch has to tell. */
export interface Told {
  /** A file has come, or has changed. */
  readonly found: (found: Found) => void
  /** A folder has come. Of what came into it before it was watched, nobody tells. */
  readonly folder: () => void
  /** The watch cannot go on. */
  readonly failed: (error: unknown) => void
}
