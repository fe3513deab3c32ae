import { type Disk, type DiskFile } from '../disk.ts'
import type { Reject } from '../flow/control.ts'
import { failPoint } from './fail-point.ts'

/** How far a file of rejects goes. */
export interface RejectMark {
  /** Bytes. */
  readonly bytes: number
  /** Rejects in them. */
  readonly rows: number
}

/** Bytes read at a time. */
const chunkBytes = 2 ** 18

const start: RejectMark = { bytes: 0, rows: 0 }

/** Rejects in a file that only grows, one JSON object a line. The file is made when the first arrives. */
export class RejectFile {
  readonly #path: () => Promise<string>
  readonly #disk: Disk
  #file: Promise<DiskFile> | undefined
  #end: RejectMark
  #restored: boolean

  /** Goes on at `mark`; what the file has behind it is cut off. */
  constructor(path: () => Promise<string>, disk: Disk, mark: RejectMark = start) {
    this.#path = path
    this.#disk = disk
    this.#end = mark
    this.#restored = mark.bytes > 0
  }

  /** How far it goes. */
  get end(): RejectMark {
    return this.#end
  }

  /** Adds `rejects` at the end. One call at a time. */
  async append(rejects: readonly Reject[]): Promise<void> {
    const bytes = Buffer.from(rejects.map((reject) => `${JSON.stringify(reject)}\n`).join(''))
    const file = await (this.#file ??= this.#open())
    await file.write(bytes, this.#end.bytes)
    failPoint('rejects: after append')
    this.#end = { bytes: this.#end.bytes + bytes.length, rows: this.#end.rows + rejects.length }
  }

  /** Makes durable what was added. */
  async sync(): Promise<void> {
    await (await this.#file)?.sync()
  }

  /** Reads from one mark to another; holds a quarter of a mebibyte. */
  async *read(from: number, to: number): AsyncGenerator<readonly Reject[]> {
    if (from === to) return
    const file = await (this.#file ??= this.#open())
    let rest = Buffer.alloc(0)
    for (let at = from; at < to;) {
      const bytes = Buffer.alloc(Math.min(chunkBytes, to - at))
      const read = await file.read(bytes, at)
      if (read === 0) throw new Error(`Expected ${String(to)} bytes of rejects, got ${String(at)}`)
      at += read
      const text = Buffer.concat([rest, bytes.subarray(0, read)])
      const end = text.lastIndexOf(10) + 1
      rest = text.subarray(end)
      const lines = text.toString('utf8', 0, end).split('\n').slice(0, -1)
      if (lines.length > 0) yield lines.map((line) => JSON.parse(line) as Reject)
    }
  }

  /** Closes the file. */
  async close(): Promise<void> {
    const file = await this.#file?.catch(() => undefined)
    this.#file = undefined
    await file?.close()
  }

  async #open(): Promise<DiskFile> {
    const path = await this.#path()
    if (!this.#restored) {
      await this.#disk.rm(path)
      return this.#disk.open(path, 'create')
    }
    const file = await this.#disk.open(path, 'update')
    await file.truncate(this.#end.bytes)
    return file
  }
}
