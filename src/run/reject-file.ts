import { dirname } from 'node:path'
import type { Disk, DiskFile } from '../disk.ts'
import type { Reject } from '../flow/control.ts'
import { wrapped } from './checkpoint-folder.ts'
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
  /** Whether the folder durably has it. */
  #inPlace: boolean

  /** Goes on at `mark`; what the file has behind it is cut off. */
  constructor(path: () => Promise<string>, disk: Disk, mark: RejectMark = start) {
    this.#path = path
    this.#disk = disk
    this.#end = mark
    this.#inPlace = mark.bytes > 0
  }

  /** How far it goes. */
  get end(): RejectMark {
    return this.#end
  }

  /** Adds `rejects` at the end. One call at a time. */
  async append(rejects: readonly Reject[]): Promise<void> {
    const bytes = Buffer.from(rejects.map((reject) => `${JSON.stringify(reject)}\n`).join(''))
    await this.#wrapped((file) => file.write(bytes, this.#end.bytes))
    failPoint('rejects: after append')
    this.#end = { bytes: this.#end.bytes + bytes.length, rows: this.#end.rows + rejects.length }
  }

  /** Makes durable what was added. */
  async sync(): Promise<void> {
    if (!this.#file) return
    await this.#wrapped(async (file, path) => {
      await file.sync()
      if (!this.#inPlace) await this.#disk.syncFolder(dirname(path))
      this.#inPlace = true
    })
  }

  /** Reads from one mark to another; holds a quarter of a mebibyte. */
  async *read(from: number, to: number): AsyncGenerator<readonly Reject[]> {
    let rest = Buffer.alloc(0)
    for (let at = from; at < to;) {
      const bytes = Buffer.alloc(Math.min(chunkBytes, to - at))
      const read = await this.#wrapped((file) => file.read(bytes, at))
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

  /** Works with the file, open; an error of the system is a ConnectorError. */
  async #wrapped<T>(work: (file: DiskFile, path: string) => Promise<T>): Promise<T> {
    const path = await this.#path()
    return wrapped(path, async () => work(await (this.#file ??= this.#open(path)), path))
  }

  async #open(path: string): Promise<DiskFile> {
    if (!this.#inPlace) {
      await this.#disk.rm(path)
      return this.#disk.open(path, 'create')
    }
    const file = await this.#disk.open(path, 'update')
    await file.truncate(this.#end.bytes)
    return file
  }
}
