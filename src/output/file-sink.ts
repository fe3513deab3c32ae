import { randomBytes } from 'node:crypto'
import type { RecordBatch } from 'apache-arrow'
import type { Context } from '../flow/context.ts'
import type { Finished, SinkSpec, Writer } from '../flow/sink.ts'
import type { Encoder, FileFormat } from './file-format.ts'
import { type Fill, type FolderLayout, stepsFor } from './folder-layout.ts'
import { FolderParts } from './folder-parts.ts'
import type { Output, OutputState, OutputStore } from './output.ts'
import { outputsAt, targetOf } from './outputs-at.ts'
import type { StorageOptions } from '../storage/storage-options.ts'
import { failPoint } from '../run/fail-point.ts'

/** Where rows are written. */
export interface FileTarget {
  /** A file, or a folder of files; or an object, or a prefix, in a bucket. */
  readonly path: string
  /** Whether it is a folder that gets files at each checkpoint: of a flow that does not end by itself. */
  readonly parts: boolean
  /** How the rows are spread over the files of a folder; without it a folder has one at a time. */
  readonly layout?: FolderLayout | undefined
  /** How buckets are reached. */
  readonly storage?: StorageOptions | undefined
}

/** What a checkpoint keeps of a file that is being written. */
export interface OpenState<S> {
  /** The file. */
  readonly file: OutputState
  /** What its encoder goes on from. */
  readonly encoder: S
  /** Rows that it had before the run. */
  readonly before: number
  /** Its folder, below the target. */
  readonly folder: string
}

/** What a checkpoint keeps of a sink into files. */
export interface FileSinkState<S> {
  /** Files that are being written. */
  readonly open: readonly OpenState<S>[]
  /** Files that are whole, and have their names once this checkpoint is in place. */
  readonly whole: readonly OutputState[]
  /** Files that are whole, and get their names with all others at the end. */
  readonly kept: readonly OutputState[]
  /** See {@link stepsFor}. */
  readonly fills: ReadonlyMap<string, Fill>
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
 *   A folder gets further files.
 * - Files of a folder, by its layout, grow through all checkpoints as a single file does, and are published together
 *   at the end. The folder must have no other files.
 * - Of a flow that does not end the folder gets files at each checkpoint, `part-<run>-000001.parquet`, and for what
 *   follows the last. Runs add to what is there. Without checkpoints they come at the end.
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
interface Current<S> extends Pick<OpenState<S>, 'before' | 'folder'> {
  readonly file: Output
  readonly encoder: Encoder<S>
}

class FileWriter<S> implements Writer<FileSinkState<S>> {
  readonly #format: FileFormat<S>
  readonly #target: FileTarget
  readonly #place: Place
  /** The names of files, where there are several. */
  readonly #parts: FolderParts | undefined
  /** Files that are being written, by folder: one, unless the layout says otherwise. */
  readonly #open = new Map<string, Current<S>>()
  /** What is in them, where there is a layout. */
  #fills = new Map<string, Fill>()
  /** Whole, and not known to be published. */
  #whole: OutputState[] = []
  #written = { rows: 0, bytes: 0, files: 0 }

  private constructor(format: FileFormat<S>, target: FileTarget, place: Place) {
    this.#format = format
    this.#target = target
    this.#place = place
    const { path, parts, layout } = target
    const { context, id, store } = place
    // Where others' files may be, the names tell which run they are of.
    const run = parts || context.adding === true ? id : undefined
    if (parts || layout)
      this.#parts = new FolderParts({ path, extension: format.extension, run, store })
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
    try {
      if (from) await writer.#restore(from)
      if (writer.#parts) await writer.#parts.open(from?.part)
      else if (writer.#open.size === 0) {
        const there = context.adding && (await store.has(target.path))
        await (there ? writer.#add(target.path) : writer.#start(''))
      }
      return writer
    } catch (error) {
      await writer.abort(true)
      throw error
    }
  }

  async write(batch: RecordBatch): Promise<void> {
    const { layout } = this.#target
    if (!layout) return (this.#open.get('') ?? (await this.#start(''))).encoder.write(batch)
    for (const step of stepsFor(batch, layout, this.#fills)) {
      const { folder } = step
      const current = this.#open.get(folder)
      if (step.kind === 'write')
        await (current ?? (await this.#start(folder))).encoder.write(step.rows)
      else if (current) await this.#end(current)
    }
  }

  async stage(): Promise<FileSinkState<S>> {
    if (this.#target.parts) {
      await this.#endAll()
      return this.#state({ whole: this.#whole.splice(0) })
    }
    const open: OpenState<S>[] = []
    for (const { file, encoder, before, folder } of this.#open.values()) {
      const saved = await encoder.save()
      open.push({ file: await file.stage(), encoder: saved, before, folder })
    }
    return this.#state({ open, kept: [...this.#whole] })
  }

  async finish(): Promise<Finished<FileSinkState<S>>> {
    const { layout, parts } = this.#target
    const none = this.#written.files === 0 && this.#open.size === 0
    // A reader of the folder finds what columns there are.
    if (none && layout?.partitionBy.length === 0 && !parts) await this.#start('')
    await this.#endAll()
    const summary = { sink: this.#format.name, location: this.#target.path, ...this.#written }
    return { summary, state: this.#state({ whole: this.#whole }) }
  }

  async abort(keep: boolean): Promise<void> {
    const open = [...this.#open.values()]
    this.#open.clear()
    for (const { encoder, file } of open) {
      await encoder.close()
      await (keep ? file.close() : file.discard())
    }
    if (keep) return
    for (const state of this.#whole) await this.#place.store.remove(state)
  }

  async #restore({ open, kept, fills, written, part }: FileSinkState<S>): Promise<void> {
    this.#written = { ...written }
    this.#whole = [...kept]
    this.#fills = new Map(structuredClone(fills))
    if (this.#parts) this.#parts.count = part
    for (const { file: state, encoder, ...rest } of open) {
      const file = await this.#place.store.resume(state)
      await this.#encode(file, encoder, rest)
    }
  }

  async #start(folder: string): Promise<Current<S>> {
    const path = (await this.#parts?.next(folder)) ?? this.#target.path
    return this.#encode(await this.#place.store.create(path), undefined, {
      before: 0,
      folder,
    })
  }

  /** Starts a file with what the one at `path` has. */
  async #add(path: string): Promise<Current<S>> {
    const file = await this.#place.store.create(path)
    try {
      const { bytes, state, rows } = await this.#format.reopen(path)
      await file.copy(path, bytes)
      return await this.#encode(file, state, { before: rows, folder: '' })
    } catch (error) {
      await file.discard()
      throw error
    }
  }

  async #encode(
    file: Output,
    from: S | undefined,
    about: Pick<Current<S>, 'before' | 'folder'>,
  ): Promise<Current<S>> {
    try {
      const encoder = await this.#format.encode(file, from, this.#place.context)
      const current = { file, encoder, ...about }
      this.#open.set(about.folder, current)
      return current
    } catch (error) {
      await (from === undefined ? file.discard() : file.close())
      throw error
    }
  }

  async #endAll(): Promise<void> {
    for (const current of [...this.#open.values()]) await this.#end(current)
    this.#fills.clear()
  }

  /** Ends a file that is being written; it is whole and durable, and not published. */
  async #end({ file, encoder, before, folder }: Current<S>): Promise<void> {
    await encoder.finish()
    failPoint('file: assembled')
    await encoder.close()
    const state = await file.finish()
    await file.close()
    this.#open.delete(folder)
    this.#whole.push(state)
    const { rows, bytes, files } = this.#written
    this.#written = {
      rows: rows + encoder.rows - before,
      bytes: bytes + state.bytes,
      files: files + 1,
    }
  }

  #state(of: Partial<Pick<FileSinkState<S>, 'open' | 'whole' | 'kept'>>): FileSinkState<S> {
    const about = { fills: structuredClone(this.#fills), part: this.#parts?.count ?? 0 }
    return { open: [], whole: [], kept: [], ...of, ...about, written: { ...this.#written } }
  }
}
