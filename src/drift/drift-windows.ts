import type { RecordBatch } from 'apache-arrow'
import { concat, select } from '../batch/batch.ts'
import { decodeBatch, encodeBatch } from '../batch/ipc.ts'
import { Reservoir, type ReservoirState } from '../batch/reservoir.ts'
import {
  type DriftReference,
  driftReferenceKind,
  driftReferenceOf,
} from '../models/drift-reference.ts'
import { referenceDistances } from '../models/reference-distance.ts'
import { restoredModel } from '../models/save.ts'
import { presentRows } from '../neighbors/neighbor-search.ts'
import { columnsOfReference, namesIn, referenceOf, requireColumns } from './drift-columns.ts'

/**
 * The reference saved in `folder`, loaded when it is first asked for; of its columns those that are named.
 *
 * @throws {OptionError} when loaded, if it has no such column
 */
export function savedReference(
  folder: string,
  columns?: readonly string[],
): () => Promise<DriftReference> {
  async function load(): Promise<DriftReference> {
    const reference = await restoredModel(folder, driftReferenceKind, driftReferenceOf)
    return columns ? referenceOf(reference, columns) : reference
  }
  let loading: Promise<DriftReference> | undefined
  return () => (loading ??= load())
}

/**
 * The rows with their ids and the columns of the reference alone.
 *
 * @throws {SchemaError} if one is missing or of another kind
 */
export function comparedRows(
  batch: RecordBatch,
  reference: DriftReference,
  owner: string,
): RecordBatch {
  const columns = columnsOfReference(reference)
  requireColumns(batch.schema, columns, {
    owner,
    length: reference.embedding?.reference.columns,
  })
  return select(batch, [...new Set(['id', ...namesIn(columns)])])
}

/** How far each row is from the reference; NaN without embedding. `offset` is the number of the first row, for messages. */
export async function distancesOf(
  rows: RecordBatch,
  { embedding }: DriftReference,
  offset = 0,
): Promise<Float64Array> {
  const distances = new Float64Array(rows.numRows).fill(NaN)
  if (!embedding) return distances
  const present = presentRows(rows, embedding.column, offset)
  const found = await referenceDistances(embedding, present.matrix)
  for (const [i, row] of present.rows.entries()) distances[row] = found[i] as number
  return distances
}

/** What it takes to go on with a window. */
export interface HeldRowsState {
  /** Of a window of so many rows: the rows, as an Arrow IPC stream. */
  readonly rows?: Uint8Array | undefined
  /** Of a sample. */
  readonly sample?: ReservoirState
}

/** The rows of a window: all of them, up to its size, or a sample of those of a window without end. */
export class HeldRows {
  readonly #size: number
  readonly #sample: Reservoir | undefined
  #batches: RecordBatch[] = []
  #count = 0

  /** `size` is that of a window; without it `sampleRows` are drawn of all. */
  constructor(
    size: number | undefined,
    { sampleRows, seed }: { readonly sampleRows: number; readonly seed: number },
  ) {
    this.#size = size ?? Infinity
    if (size === undefined)
      this.#sample = new Reservoir({ rows: sampleRows, per: undefined, maxGroups: 1, seed })
  }

  /** How many rows there is room for. */
  get room(): number {
    return this.#size - this.#count
  }

  /** Adds rows, no more than there is room for. */
  add(rows: RecordBatch): void {
    this.#count += rows.numRows
    if (this.#sample) this.#sample.add(rows)
    else this.#batches.push(rows)
  }

  /** The rows, of which none is held any more; undefined if there are none. */
  take(): RecordBatch | undefined {
    const rows = this.#rows()
    this.#batches = []
    this.#count = 0
    return rows
  }

  /** What it takes to go on. */
  save(): HeldRowsState {
    if (this.#sample) return { sample: this.#sample.save() }
    const rows = this.#rows()
    return { rows: rows && encodeBatch(rows) }
  }

  /** Goes on where one was saved. Called before the first row. */
  restore({ rows, sample }: HeldRowsState): void {
    if (sample) this.#sample?.restore(sample)
    if (rows) this.add(decodeBatch(rows))
  }

  #rows(): RecordBatch | undefined {
    if (this.#sample) return this.#sample.drawn()
    return this.#batches.length > 0 ? concat(this.#batches) : undefined
  }
}
