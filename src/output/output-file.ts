import { basename, dirname, join } from 'node:path'
import { fileError } from '../storage/file-bytes.ts'
import type { Disk, DiskFile } from '../disk.ts'
import { ConnectorError } from '../errors.ts'
import { failPoint } from '../run/fail-point.ts'
import type { FolderEntry, Output, OutputState, OutputStore } from './output.ts'

/** What a checkpoint keeps of a file. */
interface FileState extends OutputState {
  /** Its temporary name, beside the other. */
  readonly temporary: string
}

/** Bytes copied at a time. */
const copyBytes = 2 ** 22

/**
 * A file that is written under a hidden temporary name beside its final one, and renamed when it is whole.
 * Every error of the system is a {@link ConnectorError} with the final name.
 */
export class OutputFile implements Output {
  readonly #path: string
  readonly #temporary: string
  readonly #disk: Disk
  readonly #file: DiskFile
  #bytes: number

  private constructor(state: FileState, disk: Disk, file: DiskFile) {
    this.#path = state.path
    this.#temporary = state.temporary
    this.#bytes = state.bytes
    this.#disk = disk
    this.#file = file
  }

  /**
   * Starts a file that will be called `path`, over one of that name. Its temporary name carries `id`;
   * what an earlier attempt of the same run left under it is removed.
   *
   * @throws {ConnectorError} if it cannot be written there
   */
  static async create(path: string, { id, disk }: { id: string; disk: Disk }): Promise<OutputFile> {
    return writing(path, async () => {
      if ((await disk.stat(path))?.folder)
        throw unusable(path, `Expected ${path} to be a file, got a folder`)
      const temporary = join(dirname(path), `.${basename(path)}.${id}.tmp`)
      await disk.rm(temporary)
      return new OutputFile(
        { path, temporary, bytes: 0 },
        disk,
        await disk.open(temporary, 'create'),
      )
    })
  }

  /**
   * Goes on with a file where `state` left it; what was written after that is cut off.
   *
   * @throws {ConnectorError} if it is gone, or shorter than that
   */
  static async resume(state: OutputState, disk: Disk): Promise<OutputFile> {
    const { path, temporary, bytes } = state as FileState
    return writing(path, async () => {
      const found = (await disk.stat(temporary))?.bytes ?? 0
      // Cutting a shorter file would fill it up with zeros.
      if (found < bytes)
        throw unusable(path, changed(state as FileState, `one of ${String(found)} bytes`))
      const file = await disk.open(temporary, 'update')
      await file.truncate(bytes)
      return new OutputFile(state as FileState, disk, file)
    })
  }

  /**
   * Gives a whole file its final name, durably. Does nothing if that has been done; the file may
   * have been `taken` away since by whom it was for.
   *
   * @throws {ConnectorError} if it has neither name
   */
  static async publish(
    state: OutputState,
    disk: Disk,
    { taken }: { readonly taken: boolean },
  ): Promise<void> {
    const { path, temporary, bytes } = state as FileState
    await writing(path, async () => {
      const folder = dirname(path)
      failPoint('file: before rename')
      if (await disk.stat(temporary)) await disk.rename(temporary, path)
      else if (taken && !(await disk.stat(folder))) return
      else if (!taken && (await disk.stat(path))?.bytes !== bytes)
        throw unusable(
          path,
          changed(state as FileState, `neither that nor ${path} as it was written`),
        )
      failPoint('file: after rename')
      await disk.syncFolder(folder)
    })
  }

  /** What it will be called. */
  get path(): string {
    return this.#path
  }

  /** Bytes written. */
  get bytes(): number {
    return this.#bytes
  }

  /** Writes `bytes` at the end. */
  async append(bytes: Uint8Array): Promise<void> {
    await writing(this.#path, () => this.#file.write(bytes, this.#bytes))
    this.#bytes += bytes.length
  }

  /** Writes the first `length` bytes of the file at `path` at the end. */
  async copy(path: string, length: number): Promise<void> {
    const from = await writing(path, () => this.#disk.open(path, 'read'))
    try {
      for (let at = 0; at < length;) {
        const chunk = new Uint8Array(Math.min(copyBytes, length - at))
        const read = await writing(path, () => from.read(chunk, at))
        if (read < chunk.length)
          throw unusable(path, `Expected ${path} not to change, got it shorter`)
        await this.append(chunk)
        at += read
      }
    } finally {
      await from.close()
    }
  }

  /** Makes durable what was written, and that the file is there, still under the temporary name. */
  async stage(): Promise<FileState> {
    await writing(this.#path, async () => {
      await this.#file.sync()
      await this.#disk.syncFolder(dirname(this.#temporary))
    })
    return { path: this.#path, temporary: this.#temporary, bytes: this.#bytes }
  }

  /** As {@link stage}: the end of a file needs nothing more. */
  finish(): Promise<FileState> {
    return this.stage()
  }

  /** Closes the file and leaves it under its temporary name. */
  async close(): Promise<void> {
    await this.#file.close().catch(() => undefined)
  }

  /** Closes the file and removes it, as far as the system lets it. */
  async discard(): Promise<void> {
    await this.close()
    await OutputFile.remove({ temporary: this.#temporary }, this.#disk)
  }

  /** Removes a file that is not published, as far as the system lets it. */
  static async remove({ temporary }: Pick<FileState, 'temporary'>, disk: Disk): Promise<void> {
    await disk.rm(temporary).catch(() => undefined)
  }
}

/** The file system as a place for outputs; temporary names carry `id`. */
export function diskOutputs(place: { readonly id: string; readonly disk: Disk }): OutputStore {
  const { disk } = place
  return {
    create: (path) => OutputFile.create(path, place),
    resume: (state) => OutputFile.resume(state, disk),
    publish: (state, how) => OutputFile.publish(state, disk, how),
    remove: (state) => OutputFile.remove(state as FileState, disk),
    has: async (path) => (await writing(path, () => disk.stat(path))) !== undefined,
    makeFolder: (path) => writing(path, () => disk.mkdir(path)),
    entries: (folder) => entriesIn(disk, folder, ''),
    within: join,
  }
}

async function* entriesIn(disk: Disk, folder: string, below: string): AsyncGenerator<FolderEntry> {
  const here = join(folder, below)
  for (const name of await writing(here, () => disk.readdir(here))) {
    const place = join(here, name)
    const isPartition = name.includes('=') && (await disk.stat(place))?.folder === true
    if (isPartition) yield* entriesIn(disk, folder, join(below, name))
    else {
      const hidden = name.startsWith('.')
      const path = join(below, hidden ? name.slice(1) : name)
      yield { path, published: !hidden, remove: () => writing(place, () => disk.rm(place)) }
    }
  }
}

function unusable(path: string, message: string): ConnectorError {
  return new ConnectorError(message, { url: path, retryable: false })
}

function changed({ path, temporary, bytes }: FileState, got: string): string {
  return `Expected ${temporary}, the ${String(bytes)} bytes of ${path} that the run has written, got ${got}: start over`
}

/** Makes an error of the system one about writing `path`. */
export async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw cause instanceof ConnectorError ? cause : fileError('write', path, cause)
  }
}
