import { randomBytes } from 'node:crypto'
import type { RecordBatch } from 'apache-arrow'
import type { Context } from '../flow/context.ts'
import type { Finished, SinkSpec, Writer } from '../flow/sink.ts'
import type { Output, OutputState, OutputStore } from './output.ts'
import { outputsAt, targetOf } from './outputs-at.ts'
import type { StorageOptions } from '../storage/storage-options.ts'
import { failPoint } from '../run/fail-point.ts'

/** Writes rows into one file, in some format. The calls come one at a time. */
export interface Encoder<S> {
  /** Rows given so far. */
  readonly rows: number
  /** Adds the rows of a batch. */
  readonly write: (batch: RecordBatch) => Promise<void>
  /** What it takes to go on, besides the bytes in the file: anything `structuredClone` takes. */
  readonly save: () => Promise<S>
  /** Writes what is left, and the end of the file. */
  readonly finish: () => Promise<void>
  /** Lets go of threads and the like. */
  readonly close: () => Promise<void>
}

/** A format that rows are written in. */
export interface FileFormat<S> {
  /** Name of the sink. */
  readonly name: string
  /** Ends the names of parts, without dot. */
  readonly extension: string
  /** Starts to write `file`, or goes on with it where `from` was saved. */
  readonly encode: (
    file: Output,
    from: S | undefined,
    context: Context,
  ) => Encoder<S> | Promise<Encoder<S>>
  /** What it takes to add rows to the file at `path`; throws {@link DataError} if it is damaged. */
  readonly reopen: (path: string) => Promise<Reopened<S>>
}

/** A file that rows are added to. */
export interface Reopened<S> {
  /** Bytes of it that stay. */
  readonly bytes: number
  /** What an encoder goes on from, behind them. */
  readonly state: S
  /** Rows that the encoder counts from there. */
  readonly rows: number
}

/** Where rows are written. */
export interface FileTarget {
  /** A file, or a folder of parts; or an object, or the prefix of parts in a bucket. */
  readonly path: string
  /** Whether it is a folder: of a flow that does not end by itself. */
  readonly parts: boolean
  /** How buckets are reached. */
  readonly storage?: StorageOptions | undefined
}

/** What a checkpoint keeps of a sink into files. */
export interface FileSinkState<S> {
  /** The file that is being written. */
  readonly open?: {
    readonly file: OutputState
    readonly encoder: S
    /** Rows that it had before the run. */
    readonly before: number
  }
  /** Files that are whole, and have their names once this checkpoint is in place. */
  readonly whole: readonly OutputState[]
  /** What is in the files that are whole, these and the earlier ones. */
  readonly written: { readonly rows: number; readonly bytes: number; readonly files: number }
  /** Number of the newest part. */
  readonly part: number
}

/**
 * The part of a sink that is the same for all formats of files: how they are staged and published.
 *
 * - A single file grows under its temporary name, through all checkpoints, and is published when it is whole.
 * - In a run that does some rows again (`only`), they go behind those of the file that is there; its bytes are copied.
 * - A folder of parts gets one at each checkpoint, `part-<run>-000001.parquet`, and one for what follows the last.
 *   Runs add to what is there. Without checkpoints there is one part, at the end.
 */
export function fileSink<S>(
  format: FileFormat<S>,
  target: FileTarget,
): Pick<SinkSpec<FileSinkState<S>>, 'name' | 'guarantee' | 'target' | 'adds' | 'open' | 'publish'> {
  const { path, parts } = target
  return {
    name: format.name,
    guarantee: 'exactly-once',
    target: targetOf(path),
    adds: true,
    open: (context, from) => FileWriter.open(format, target, context, from),
    async publish({ whole }, context) {
      const store = outputsAt(target, context)
      // Who reads the parts may take them away as they come.
      for (const file of whole) await store.publish(file, { taken: parts })
    },
  }
}

interface Place {
  readonly context: Context
  readonly id: string
  readonly store: OutputStore
}

/** A file that is being written. */
interface Current<S> {
  readonly file: Output
  readonly encoder: Encoder<S>
  /** Rows that it had before the run. */
  readonly before: number
}

class FileWriter<S> implements Writer<FileSinkState<S>> {
  readonly #format: FileFormat<S>
  readonly #target: FileTarget
  readonly #place: Place
  #current: Current<S> | undefined
  /** Whole, and not known to be published. */
  #whole: OutputState[] = []
  #written = { rows: 0, bytes: 0, files: 0 }
  #part = 0

  private constructor(format: FileFormat<S>, target: FileTarget, place: Place) {
    this.#format = format
    this.#target = target
    this.#place = place
  }

  static async open<S>(
    format: FileFormat<S>,
    target: FileTarget,
    context: Context,
    from: FileSinkState<S> | undefined,
  ): Promise<FileWriter<S>> {
    const { id = randomBytes(6).toString('hex') } = context.run ?? {}
    const store = outputsAt(target, context, id)
    const writer = new FileWriter(format, target, { id, store, context })
    if (from) await writer.#restore(from)
    if (target.parts) await writer.#openFolder()
    else if (!writer.#current) {
      const there = context.adding && (await store.has(target.path))
      await (there ? writer.#add(target.path) : writer.#start(target.path))
    }
    return writer
  }

  async write(batch: RecordBatch): Promise<void> {
    const { encoder } = this.#current ?? (await this.#start(this.#partPath(this.#part + 1)))
    await encoder.write(batch)
  }

  async stage(): Promise<FileSinkState<S>> {
    if (!this.#current) return this.#state([])
    if (this.#target.parts) return this.#state([await this.#end(this.#current)])
    const { file, encoder, before } = this.#current
    const saved = await encoder.save()
    return { ...this.#state([]), open: { file: await file.stage(), encoder: saved, before } }
  }

  async finish(): Promise<Finished<FileSinkState<S>>> {
    if (this.#current) this.#whole = [await this.#end(this.#current)]
    const summary = { sink: this.#format.name, location: this.#target.path, ...this.#written }
    return { summary, state: this.#state(this.#whole) }
  }

  async abort(keep: boolean): Promise<void> {
    const current = this.#current
    this.#current = undefined
    await current?.encoder.close()
    await (keep ? current?.file.close() : current?.file.discard())
    if (keep) return
    for (const state of this.#whole) await this.#place.store.remove(state)
  }

  async #restore({ open, written, part }: FileSinkState<S>): Promise<void> {
    this.#written = { ...written }
    this.#part = part
    if (!open) return
    const file = await this.#place.store.resume(open.file)
    await this.#encode(file, open.encoder, open.before)
  }

  /**
   * Makes the folder of the parts. What the run has there behind the checkpoint that it goes on from
   * is removed, published or not: an older checkpoint may have been gone back to, and it comes again.
   */
  async #openFolder(): Promise<void> {
    const { store, id } = this.#place
    const begin = `part-${id}-`
    await store.openFolder(this.#target.path, {
      begin,
      stale: (name) => name.startsWith(begin) && parseInt(name.slice(begin.length)) > this.#part,
    })
  }

  async #start(path: string): Promise<Current<S>> {
    return this.#encode(await this.#place.store.create(path), undefined)
  }

  /** Starts a file with what the one at `path` has. */
  async #add(path: string): Promise<Current<S>> {
    const file = await this.#place.store.create(path)
    try {
      const { bytes, state, rows } = await this.#format.reopen(path)
      await file.copy(path, bytes)
      return await this.#encode(file, state, rows)
    } catch (error) {
      await file.discard()
      throw error
    }
  }

  async #encode(file: Output, from: S | undefined, before = 0): Promise<Current<S>> {
    try {
      const encoder = await this.#format.encode(file, from, this.#place.context)
      return (this.#current = { file, encoder, before })
    } catch (error) {
      await (from === undefined ? file.discard() : file.close())
      throw error
    }
  }

  /** Ends the file that is being written; it is whole and durable, and not published. */
  async #end({ file, encoder, before }: Current<S>): Promise<OutputState> {
    await encoder.finish()
    failPoint('file: assembled')
    await encoder.close()
    const state = await file.finish()
    await file.close()
    this.#current = undefined
    if (this.#target.parts) this.#part++
    const { rows, bytes, files } = this.#written
    this.#written = {
      rows: rows + encoder.rows - before,
      bytes: bytes + state.bytes,
      files: files + 1,
    }
    return state
  }

  #partPath(part: number): string {
    const name = `part-${this.#place.id}-${String(part).padStart(6, '0')}`
    return this.#place.store.within(this.#target.path, `${name}.${this.#format.extension}`)
  }

  #state(whole: readonly OutputState[]): FileSinkState<S> {
    return { whole, written: { ...this.#written }, part: this.#part }
  }
}
