/** A file that is written and not published yet, in what a checkpoint keeps of it. */
export interface OutputState {
  /** What it will be called: a path or a URL. */
  readonly path: string
  /** Bytes that are durable. */
  readonly bytes: number
}

/** A file that is being written; nobody sees it before it is published. The calls come one at a time. */
export interface Output {
  /** What it will be called. */
  readonly path: string
  /** Bytes written. */
  readonly bytes: number
  /** Writes `bytes` at the end. They may be used again when that is done. */
  append(bytes: Uint8Array): Promise<void>
  /** Writes the first `length` bytes of the file at `path` at the end. */
  copy(path: string, length: number): Promise<void>
  /** Makes durable what was written; more may follow. */
  stage(): Promise<OutputState>
  /** Makes durable what was written; nothing follows. */
  finish(): Promise<OutputState>
  /** Lets go of it and leaves it for a run that resumes. */
  close(): Promise<void>
  /** Lets go of it and removes it, as far as that can be done. */
  discard(): Promise<void>
}

/** Where files are written: the file system, or buckets. */
export interface OutputStore {
  /** Starts a file that will be called `path`, over one of that name. */
  create(path: string): Promise<Output>
  /** Goes on with a file where `state` left it; what was written after that is lost. */
  resume(state: OutputState): Promise<Output>
  /**
   * Gives a whole file its final name, durably. Does nothing if that has been done; the file may
   * have been `taken` away since by whom it was for.
   */
  publish(state: OutputState, how: { readonly taken: boolean }): Promise<void>
  /** Removes a file that is not published, as far as that can be done. */
  remove(state: OutputState): Promise<void>
  /** Whether there is a file at `path`. */
  has(path: string): Promise<boolean>
  /** Makes a folder, and those above it. */
  makeFolder(path: string): Promise<void>
  /** What is in a folder, and in the folders below it that have a column's value for a name (`label=cat`). */
  entries(folder: string): AsyncIterable<FolderEntry>
  /** The path of the file called `name` in a folder. */
  within(folder: string, name: string): string
}

/** A file in a folder of outputs. */
export interface FolderEntry {
  /** Its path below the folder; of one that is not published the one that it will have. */
  readonly path: string
  /** Whether readers of the folder see it. */
  readonly published: boolean
  /** Removes it. */
  remove(): Promise<void>
}
