import { basename, dirname, join } from 'node:path'
import { fileError } from '../bytes.ts'
import type { Disk, DiskFile } from '../disk.ts'
import { ConnectorError } from '../errors.ts'
import { failPoint } from '../run/fail-point.ts'

/** A file that is not published yet. */
export interface OutputState {
  /** What it will be called. */
  readonly path: string
  /** Its temporary name, beside the other. */
  readonly temporary: string
  /** Bytes that are durable. */
  readonly bytes: number
}

/**
 * A file that is written under a hidden temporary name beside its final one, and renamed when it is whole.
 * Every error of the system is a {@link ConnectorError} with the final name.
 */
export class OutputFile {
  readonly #path: string
  readonly #temporary: string
  readonly #disk: Disk
  readonly #file: DiskFile
  #bytes: number

  private constructor(state: OutputState, disk: Disk, file: DiskFile) {
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
        throw new ConnectorError(`Expected ${path} to be a file, got a folder`, {
          url: path,
          retryable: false,
        })
      const temporary = join(dirname(path), `.${basename(path)}.${id}.tmp`)
      await disk.rm(temporary)
      return new OutputFile(
        { path, temporary, bytes: 0 },
        disk,
        await disk.open(temporary, 'create'),
      )
    })
  }

  /** Goes on with a file where `state` left it; what was written after that is cut off. */
  static async resume(state: OutputState, disk: Disk): Promise<OutputFile> {
    return writing(state.path, async () => {
      const file = await disk.open(state.temporary, 'update')
      await file.truncate(state.bytes)
      return new OutputFile(state, disk, file)
    })
  }

  /** Gives a whole file its final name, durably. Does nothing if that has been done. */
  static async publish({ path, temporary }: OutputState, disk: Disk): Promise<void> {
    await writing(path, async () => {
      failPoint('file: before rename')
      if (await disk.stat(temporary)) await disk.rename(temporary, path)
      else if (!(await disk.stat(path)))
        throw new ConnectorError(
          `Expected ${temporary}, which is complete and is to be called ${path}, got neither: one of them was removed`,
          { url: path, retryable: false },
        )
      failPoint('file: after rename')
      await disk.syncFolder(dirname(path))
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

  /** Makes durable what was written, and that the file is there, still under the temporary name. */
  async stage(): Promise<OutputState> {
    await writing(this.#path, async () => {
      await this.#file.sync()
      await this.#disk.syncFolder(dirname(this.#temporary))
    })
    return { path: this.#path, temporary: this.#temporary, bytes: this.#bytes }
  }

  /** Closes the file and leaves it under its temporary name. */
  async close(): Promise<void> {
    await this.#file.close().catch(() => undefined)
  }

  /** Closes the file and removes it. */
  async discard(): Promise<void> {
    await this.close()
    await this.#disk.rm(this.#temporary)
  }
}

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw cause instanceof ConnectorError ? cause : fileError('write', path, cause)
  }
}
