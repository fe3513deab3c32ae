import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { RecordBatch, type Schema, Table, tableFromIPC, tableToIPC } from 'apache-arrow'
import { DataError } from '../errors.ts'
import { failPoint } from '../run/fail-point.ts'

/** Where a spilled value lies. */
export interface Spilled {
  /** Length on disk. */
  readonly bytes: number
  /** The file. */
  readonly file: SpillFile
  /** Where in the file. */
  readonly at: number
  /** The schema, of a batch. */
  readonly schema: Schema | undefined
}

interface SpillFile {
  readonly path: string
  readonly handle: FileHandle
  length: number
  /** Values in it that are still wanted. */
  wanted: number
}

/**
 * A queue on disk: record batches as Arrow IPC, other values as `structuredClone` takes them.
 *
 * - Disk: files of `fileBytes` or a little more, each removed when nothing in it is wanted any more.
 */
export class Spill {
  readonly #folder: () => Promise<string>
  readonly #fileBytes: number
  readonly #files = new Set<SpillFile>()
  #last: SpillFile | undefined

  constructor(folder: () => Promise<string>, fileBytes: number) {
    this.#folder = folder
    this.#fileBytes = fileBytes
  }

  /** Bytes on disk. */
  get bytes(): number {
    let bytes = 0
    for (const file of this.#files) bytes += file.length
    return bytes
  }

  /** Writes `value` at the end. One write at a time. */
  async write(value: unknown): Promise<Spilled> {
    const isBatch = value instanceof RecordBatch
    const bytes = isBatch ? tableToIPC(new Table([value])) : serialize(value)
    const file = (this.#last ??= await this.#create())
    const at = file.length
    // Counted before it is written, or a value read meanwhile may take the file along.
    file.wanted++
    for (let done = 0; done < bytes.length;) {
      const left = bytes.length - done
      done += (await file.handle.write(bytes, done, left, at + done)).bytesWritten
    }
    file.length += bytes.length
    failPoint('fan-out: spilling')
    if (file.length >= this.#fileBytes) this.#last = undefined
    const schema = isBatch ? value.schema : undefined
    return { bytes: bytes.length, file, at, schema }
  }

  /** Reads what {@link Spill.write} wrote. */
  async read({ file, at, bytes, schema }: Spilled): Promise<unknown> {
    const buffer = Buffer.allocUnsafeSlow(bytes)
    for (let done = 0; done < bytes;) {
      const { bytesRead } = await file.handle.read(buffer, done, bytes - done, at + done)
      if (bytesRead === 0)
        throw new DataError(`Expected ${file.path} to be whole`, { url: file.path })
      done += bytesRead
    }
    if (!schema) return deserialize(buffer)
    const [batch] = tableFromIPC(buffer).batches
    return batch ? new RecordBatch(schema, batch.data) : undefined
  }

  /** Says that `spilled` will not be read again. */
  async forget({ file }: Spilled): Promise<void> {
    if (--file.wanted > 0) return
    if (file === this.#last) this.#last = undefined
    await this.#remove(file)
  }

  /** Removes everything. */
  async close(): Promise<void> {
    this.#last = undefined
    for (const file of [...this.#files]) await this.#remove(file)
  }

  async #create(): Promise<SpillFile> {
    const folder = await this.#folder()
    await mkdir(folder, { recursive: true })
    const path = join(folder, `fan-out-${String(process.pid)}-${String(serial++)}.spill`)
    const file = { path, handle: await open(path, 'wx+'), length: 0, wanted: 0 }
    this.#files.add(file)
    return file
  }

  async #remove(file: SpillFile): Promise<void> {
    if (!this.#files.delete(file)) return
    await file.handle.close()
    await rm(file.path, { force: true })
  }
}

let serial = 0
