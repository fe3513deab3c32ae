import type { RecordBatch } from 'apache-arrow'
import { itemSchema } from '../src/pictures/item-batch.ts'
import { OptionError } from '../src/errors.ts'
import type { Flow } from '../src/flow/flow.ts'
import { memoryOf } from '../src/flow/memory.ts'
import { source } from '../src/flow/source.ts'
import { columnList, knownOptions, nonEmptyString, oneOf, positiveInteger } from '../src/options.ts'
import { foundBatches } from '../src/pictures/file-batches.ts'
import type { FileRoot } from '../src/pictures/file-root.ts'
import { fileRoots, linkChoices, type Links } from '../src/pictures/file-roots.ts'
import { labelsFromFolders, labelsFromPattern } from '../src/pictures/path-labels.ts'
import { type FilePlan, filesIn, idOf, type Position } from '../src/pictures/picture-files.ts'
import type { SeenState } from '../src/pictures/seen-files.ts'
import { type WatchOptions, watchSettings } from '../src/pictures/watch-options.ts'
import { watchedBatches } from '../src/pictures/watched-batches.ts'
import { storedLocation } from '../src/storage/location.ts'
import { type StorageOptions, storageSettings } from '../src/storage/storage-options.ts'
import { type OnError, onErrorChoices } from '../src/tasks/row-tasks.ts'

/** Options of {@link fromFiles}. */
export interface FromFilesOptions {
  /**
   * Where label and split are in the path: `{split}/{label}/{name}`; `*` stands for any part of a name, `**` for any folders.
   *
   * @default one folder is the label, two are split and label
   */
  readonly labels?: string
  /**
   * The split of all files, whatever their path says.
   *
   * @default as the path says
   */
  readonly split?: string
  /**
   * Name of the source: goes before each id, with `/`, where several sources meet.
   *
   * @default none
   */
  readonly name?: string
  /**
   * File name extensions of pictures, without dot; the rest is ignored.
   *
   * @default those of JPEG, PNG, WebP, GIF, TIFF and AVIF, and files without extension that begin like one of them
   */
  readonly extensions?: readonly string[]
  /**
   * Most rows of a batch.
   *
   * @default 64
   */
  readonly batchRows?: number
  /**
   * Most bytes of pictures in a batch; a larger one has a batch of its own.
   *
   * @default 33_554_432, less if the run's memory asks for it
   */
  readonly batchBytes?: number
  /**
   * Which links in folders are followed: those that lead to something in one of the folders given, or all. A
   * link that is not followed is at fault.
   *
   * @default 'within'
   */
  readonly links?: Links
  /**
   * How buckets and URLs are reached.
   *
   * @default as the environment says
   */
  readonly storage?: StorageOptions
  /**
   * Whether to wait for files to come when those that are there have been read; the flow then does not end by itself.
   *
   * @default false
   */
  readonly watch?: boolean | WatchOptions
  /**
   * What becomes of a file or folder that cannot be read.
   *
   * @default 'fail'
   */
  readonly onError?: OnError
}

/**
 * Reads picture files: paths, folders with all that is under them, and globs (`photos/*.jpg`, `**` for any folders).
 *
 * - Locations: also `http(s)://…`, one file, and `s3://bucket/prefix`, an object, all under it, or a glob.
 * - Order: locations as given, each depth first, names sorted by their bytes in each folder; of a bucket by key.
 * - Columns: `id` (path relative to the location, or to the folder that several have in common),
 *   `uri` (`file:`, `http(s):` or `s3:` URL), `label`, `split` (null where the path does not say), `image` (Binary, heavy), `bytes` (Int32).
 * - Ignored: files that are no pictures by their name, hidden ones, and special files; counted as `dropped`,
 *   so that files = kept + rejected + dropped. Hidden folders are not entered.
 * - Links are followed within the folders given, with `links: 'all'` everywhere, but not back to a folder on the
 *   way. A location may itself be a link.
 * - Faults (`onError`): `UNREADABLE`, `OUTSIDE` (a link that is not followed), `TOO_LARGE` (1 GiB and more).
 * - Memory: 4 times `batchBytes`: the batch in the making, at most 8 files (32 objects) read ahead, and two batches that the
 *   next operator may hold. A larger file is read alone.
 * - A service that cannot be reached ends the run, whatever `onError` says; requests are tried again for `deadlineMs`.
 * - Delivery: each file once; a resumed run goes on after the last file of the checkpoint.
 * - Watch: each path once, when its file has stayed as it is for `settleMs`, in the order in which they settle; a file
 *   that is written again, or goes, changes nothing, and one that is moved is another. Holds the names of all files
 *   given, which a run with checkpoints keeps in a log. What the system does not tell of (some files in
 *   a new folder, all behind a link to a folder) is found when all is listed again: see `relistMs`.
 *
 * @throws {OptionError} at the call, if an option is wrong; on the stream, if `labels` matches no path
 * @throws {ConnectorError} on the stream, if a location does not exist, cannot be read, or has no picture
 */
export function fromFiles(
  location: string | readonly string[],
  options: FromFilesOptions = {},
): Flow<RecordBatch> {
  const plan = planOf(location, options)
  const batchBytes =
    options.batchBytes === undefined ? undefined : positiveInteger('batchBytes', options.batchBytes)
  const watch = watchSettings(options.watch)
  const flow: Flow<RecordBatch> = source<RecordBatch, Position | SeenState | undefined>({
    name: 'fromFiles',
    schema: () => itemSchema,
    bounded: watch === undefined,
    async *read(context, from) {
      const roots = await fileRoots(plan.locations, plan)
      if (!watch && plan.pattern !== undefined && !from)
        await requireMatch(plan, roots, context.signal)
      const { columns, signal } = context
      const wanted = !columns || columns.has('image')
      const bytes = Math.ceil(memoryOf(flow, context) / windowBatches)
      const only = context.run?.only
      const tally = { rows: 0, ignored: 0 }
      const reading = { plan, roots, wanted, batchBytes: bytes, only, signal, tally }
      if (watch)
        yield* watchedBatches(reading, {
          ...watch,
          run: context.run,
          from: from as SeenState | undefined,
        })
      else yield* foundBatches(reading, from as Position | undefined)
    },
    ...(!watch && { count: (signal: AbortSignal) => countFiles(plan, signal) }),
    memoryBytes: batchBytes === undefined ? windowRange : windowBatches * batchBytes,
    settings: { location, ...options },
  })
  return flow
}

/** Batches' worth of bytes that are held: see {@link fromFiles}. */
const windowBatches = 4
const windowRange = { least: windowBatches * 2 ** 20, most: windowBatches * 2 ** 25 }

function planOf(location: string | readonly string[], options: FromFilesOptions): FilePlan {
  const known = ['labels', 'split', 'name', 'extensions', 'batchRows', 'batchBytes']
  knownOptions('fromFiles', options, [...known, 'links', 'storage', 'watch', 'onError'])
  const { labels, split, name, extensions } = options
  const locations = typeof location === 'string' ? [location] : columnList('location', location)
  const twice = locations.find((l, at) => locations.indexOf(l) !== at)
  if (twice !== undefined)
    throw new OptionError(`Expected each location once, got \`${twice}\` twice`)
  return {
    locations: locations.map((l) => storedLocation('location', l)),
    labels: labels === undefined ? labelsFromFolders : labelsFromPattern('labels', labels),
    pattern: labels,
    split: split === undefined ? undefined : nonEmptyString('split', split),
    prefix: name === undefined ? '' : `${nonEmptyString('name', name)}/`,
    extensions:
      extensions && new Set(columnList('extensions', extensions).map((e) => e.toLowerCase())),
    batchRows: positiveInteger('batchRows', options.batchRows ?? 64),
    links: oneOf('links', options.links ?? 'within', linkChoices),
    storage: storageSettings(options.storage),
    onError: oneOf('onError', options.onError ?? 'fail', onErrorChoices),
  }
}

/** Files that will be kept, rejected or ignored. */
async function countFiles(plan: FilePlan, signal: AbortSignal): Promise<number> {
  const files = filesIn(await fileRoots(plan.locations, plan), undefined, signal)
  let count = 0
  for (; !(await files.next()).done; count++) signal.throwIfAborted()
  return count
}

/** A pattern that matches nothing would cost all labels, so it is found out before a file is read. */
async function requireMatch(
  plan: FilePlan,
  roots: readonly FileRoot[],
  signal: AbortSignal,
): Promise<void> {
  let example: string | undefined
  for await (const { root, found } of filesIn(roots, undefined, signal)) {
    if (found.kind !== 'file') continue
    const id = idOf(root, found)
    if (plan.labels(id)) return
    example ??= id
  }
  if (example === undefined) return
  throw new OptionError(
    `Expected option \`labels\` to match a path, got \`${plan.pattern ?? ''}\`, which does not match \`${example}\` nor any other`,
  )
}
