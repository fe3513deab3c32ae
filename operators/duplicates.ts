import { Bool, Field, Float64, Int32, type RecordBatch, type Schema, Utf8 } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { operateTable } from '../src/table/column-store.ts'
import { findDuplicates } from '../src/neighbors/find-duplicates.ts'
import { knownOptions, nonEmptyString, numberBetween } from '../src/options.ts'
import { type ColumnKind, requireField, schemaWith } from '../src/batch/schema.ts'
import { OptionError } from '../src/errors.ts'

/** Options of {@link duplicates}. */
export interface DuplicatesOptions {
  /**
   * Column of embeddings, as they come from the model: not reduced by PCA. `false`: not used.
   *
   * @default 'embedding'
   */
  readonly embedding?: string | false
  /**
   * Column of perceptual hashes. `false`: not used.
   *
   * @default 'phash'
   */
  readonly phash?: string | false
  /**
   * Column of content hashes. `false`: not used, no exact groups.
   *
   * @default 'content_hash'
   */
  readonly contentHash?: string | false
  /**
   * How many pairs of unrelated items may be taken for near duplicates, per 1,000 items: the default
   * is one such pair per 10,000 items. `docs/duplicates.md` says by which null model.
   *
   * @default 0.1
   */
  readonly falsePairs?: number
}

const added = [
  new Field('exact_group', new Int32(), true),
  new Field('near_group', new Int32(), true),
  new Field('exact_keep', new Bool(), true),
  new Field('near_keep', new Bool(), true),
  new Field('near_by', new Utf8(), true),
  new Field('embedding_distance', new Float64(), true),
  new Field('hash_distance', new Int32(), true),
]

/**
 * Groups items that are copies of one another, exactly or nearly.
 *
 * - Rows: n to n, in input order.
 * - Columns: `embedding` (tensor), `phash` (Binary of 8 bytes), `content_hash` (Utf8), and for what to
 *   keep `width`, `height`, `bytes` where they are there → `exact_group`, `near_group` (Int32, each
 *   numbered from 0 by first item), `exact_keep`, `near_keep` (Bool: whether it is the one to keep: most
 *   pixels, then bytes, then the first id), `near_by` (`hash`, `embedding`, `phash`: what ties it to the
 *   kept one), `embedding_distance` (1 − cos) and `hash_distance` (bits), both to the kept one of the
 *   near group. All null for an item without duplicates.
 * - Exact: equal content hashes. Exact copies are in one near group too.
 * - Near: embedding and perceptual hash speak together, and every member is like the kept one: no
 *   chains. A mirrored copy counts. A zero embedding and a null hash say nothing.
 * - Nulls: a row without embedding or hash takes part by the other.
 * - State: about 200 bytes per row, and blocks of embeddings: 192 MiB, less if the run's memory asks for it.
 * - Time: all pairs are compared, by matrix products. Of embeddings of 1,792 numbers, 10,000 took 10 s of
 *   processor time, 20,000 26 s and 40,000 66 s; by that, 100,000 would take about 5 minutes.
 *
 * @throws {OptionError} at the call, if an option is unknown or wrong
 * @throws {SchemaError} on the stream, if a column is missing or of another type
 * @throws {DataError} on the stream, if an embedding has a value that is not finite
 * @see duplicateGroups for the table of groups
 */
export function duplicates(
  options: DuplicatesOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('duplicates', options, ['embedding', 'phash', 'contentHash', 'falsePairs'])
  const embedding = columnOrNone('embedding', options.embedding ?? 'embedding')
  const phash = columnOrNone('phash', options.phash ?? 'phash')
  const contentHash = columnOrNone('contentHash', options.contentHash ?? 'content_hash')
  const falsePairs = numberBetween('falsePairs', options.falsePairs ?? 0.1, 1e-9, 1000)
  if (embedding === undefined && phash === undefined && contentHash === undefined)
    throw new OptionError('Expected duplicates to be given a column, got `false` for all three')

  return operateTable({
    name: 'duplicates',
    // A block and the kernel's copy of it, and the rows that it is compared with.
    memoryBytes: { least: 3 * 2 ** 22, most: 3 * 2 ** 26 },
    holds: 'about 200 bytes per row',
    settings: { embedding, phash, contentHash, falsePairs },
    schema(input) {
      require(input, 'id', 'text')
      if (embedding !== undefined) require(input, embedding, 'tensor')
      if (phash !== undefined) require(input, phash, 'binary')
      if (contentHash !== undefined) require(input, contentHash, 'text')
      return schemaWith(input, added)
    },
    run: (table, _, memoryBytes) => {
      const blockBytes = memoryBytes / 3
      const search = { embedding, phash, contentHash, falsePairs, blockBytes, added }
      return findDuplicates(table, search)
    },
  })
}

function columnOrNone(name: string, value: string | false): string | undefined {
  return value === false ? undefined : nonEmptyString(name, value)
}

function require(input: Schema, name: string, kind: ColumnKind): void {
  requireField(input, name, { owner: 'duplicates', kind })
}
