import type { RecordBatch } from 'apache-arrow'
import { ConnectorError } from '../errors.ts'
import { type Reject, Rejects } from '../flow/control.ts'
import { Skipped } from '../flow/source.ts'
import type { Selection } from '../run/selection.ts'
import type { FileRoot } from './file-root.ts'
import { type Item, itemBatch } from './item-batch.ts'
import {
  type FilePlan,
  filesIn,
  type idle,
  loaded,
  type Placed,
  type Position,
} from './picture-files.ts'

/** How files are read into batches. */
export interface Reading {
  /** Which files, and what is made of their paths. */
  readonly plan: FilePlan
  /** Where they are. */
  readonly roots: readonly FileRoot[]
  /** Whether anybody wants the pictures themselves. */
  readonly wanted: boolean
  /** Most bytes of a batch. */
  readonly batchBytes: number
  /** The files that are read; undefined for all. */
  readonly only: Selection | undefined
  /** Ends the reading. */
  readonly signal: AbortSignal
  /** What has been read so far. */
  readonly tally: { rows: number; ignored: number }
}

/**
 * The files that are there, on after a position, as batches.
 *
 * @throws {ConnectorError} if there is no picture
 */
export async function* foundBatches(
  reading: Reading,
  from: Position | undefined,
): AsyncGenerator<readonly [Skipped<RecordBatch>, Position]> {
  const { plan, roots, only, signal, tally } = reading
  yield* fileBatches(filesIn(roots, from, signal), reading)
  if (tally.rows === 0 && !from && !only) throw noPicture(plan, tally.ignored)
}

/** Files as batches, each with the position of its last file. */
export async function* fileBatches(
  files: AsyncIterable<Placed | typeof idle>,
  { plan, wanted, batchBytes, only, signal, tally }: Reading,
): AsyncGenerator<readonly [Skipped<RecordBatch>, Position]> {
  let items: Item[] = []
  let bytes = 0
  let last: Position | undefined
  let skipped = 0

  /** The files up to `last` that have not gone on. */
  function upToHere(): Skipped<RecordBatch> {
    const here = new Skipped<RecordBatch>(
      skipped,
      ...(items.length > 0 ? [itemBatch(items, wanted)] : []),
    )
    items = []
    bytes = skipped = 0
    return here
  }

  const loading = { plan, wanted, only, aheadBytes: batchBytes, signal }
  for await (const file of loaded(files, loading)) {
    if (file.kind === 'idle') {
      if (last && (items.length > 0 || skipped > 0)) yield [upToHere(), last]
      continue
    }
    const more = file.kind === 'item' ? (file.item.image?.length ?? 0) : 0
    const full = items.length === plan.batchRows || bytes + more > batchBytes
    if (last && items.length > 0 && (full || file.kind === 'fault')) yield [upToHere(), last]
    last = file.position
    if (file.kind === 'ignored') tally.ignored++
    else tally.rows++
    if (file.kind === 'item') {
      items.push(file.item)
      bytes += more
    } else if (file.kind === 'fault' && plan.onError === 'reject') {
      yield [new Skipped<RecordBatch>(skipped, new Rejects([rejectOf(file)])), last]
      skipped = 0
    } else skipped++
  }
  if (last && (items.length > 0 || skipped > 0)) yield [upToHere(), last]
}

function rejectOf({ id, code, message }: { id: string; code: string; message: string }): Reject {
  return { id, operator: 'fromFiles', code, message, attempt: 1 }
}

function noPicture({ locations, extensions }: FilePlan, ignored: number): ConnectorError {
  const where = locations.map((l) => `\`${l}\``).join(', ')
  const what = extensions
    ? `files with extension ${[...extensions].join(', ')}`
    : 'pictures (JPEG, PNG, WebP, GIF, TIFF, AVIF)'
  const got = ignored === 0 ? 'no files' : `${String(ignored)} other files`
  return new ConnectorError(`Expected ${what} in ${where}, got ${got}`, {
    url: locations.join(', '),
    retryable: false,
  })
}
