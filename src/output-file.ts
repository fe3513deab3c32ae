import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileError } from './bytes.ts'
import { ConnectorError } from './errors.ts'

/** What it takes to go on with a file that is not published yet. */
export interface OutputState {
  /** Its temporary name. */
  readonly temporary: string
  /** Bytes that are durable. */
  readonly bytes: number
}

/**
 * A file that is written under a temporary name beside its final one, and renamed when it is whole.
 * Every error of the system is a {@link ConnectorError} with the final name.
 */
export class OutputFile {
  readonly #path: string
  readonly #temporary: string
  readonly #file: FileHandle
  #bytes: number

  private constructor(path: string, temporary: string, file: FileHandle, bytes: number) {
    this.#path = path
    this.#temporary = temporary
    this.#file = file
    this.#bytes = bytes
  }

  /**
   * Starts a file that will be called `path`, over one of that name.
   *
   * @throws {ConnectorError} if it cannot be written there
   */
  static async create(path: string): Promise<OutputFile> {
    return wrapped(path, async () => {
      const there = await stat(path).catch(() => undefined)
      if (there?.isDirectory())
        throw new ConnectorError(`Expected ${path} to be a file, got a folder`, {
          url: path,
          retryable: false,
        })
      const name = `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`
      const temporary = join(dirname(path), name)
      return new OutputFile(path, temporary, await open(temporary, 'wx'), 0)
    })
  }

  /** Goes on with a file where `state` left it; what was written after that is cut off. */
  static async resume(path: string, { temporary, bytes }: OutputState): Promise<OutputFile> {
    return wrapped(path, async () => {
      const file = await open(temporary, 'r+')
      await file.truncate(bytes)
      return new OutputFile(path, temporary, file, bytes)
    })
  }

  /** Bytes written. */
  get bytes(): number {
    return this.#bytes
  }

  /** Writes `bytes` at the end. */
  async append(bytes: Uint8Array): Promise<void> {
    await wrapped(this.#path, async () => {
      for (let done = 0; done < bytes.length;) {
        const left = bytes.length - done
        const { bytesWritten } = await this.#file.write(bytes, done, left, this.#bytes + done)
        done += bytesWritten
      }
    })
    this.#bytes += bytes.length
  }

  /** Makes durable what was written, still under the temporary name. */
  async stage(): Promise<OutputState> {
    await wrapped(this.#path, () => this.#file.sync())
    return { temporary: this.#temporary, bytes: this.#bytes }
  }

  /** Makes the file durable under its final name, and closes it. */
  async publish(): Promise<void> {
    await wrapped(this.#path, async () => {
      await this.#file.sync()
      await this.#file.close()
      await rename(this.#temporary, this.#path)
      await syncFolder(dirname(this.#path))
    })
  }

  /** Closes the file and leaves it under its temporary name. */
  async close(): Promise<void> {
    await this.#file.close().catch(() => undefined)
  }

  /** Closes the file and removes it, unless it is published. */
  async discard(): Promise<void> {
    await this.close()
    await rm(this.#temporary, { force: true })
  }
}

/** A rename is durable once its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function wrapped<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw cause instanceof ConnectorError ? cause : fileError('write', path, cause)
  }
}
