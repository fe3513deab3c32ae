import type { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { operateTable } from '../src/table/column-store.ts'
import { duplicateFields } from '../src/neighbors/duplicate-columns.ts'
import { type DuplicateSearch, findDuplicates, heldBy } from '../src/neighbors/find-duplicates.ts'
import { searchRule } from '../src/neighbors/search-rule.ts'
import { knownOptions, nonEmptyString, oneOf, trueOrFalse } from '../src/options.ts'
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
   * What makes a pair near.
   *
   * - `'evidence'`: embedding and perceptual hash together, at a stated rate of false pairs.
   * - `{ slope }`: the distance where the sorted distances to the `k` nearest others break off (above 2, as a
   *   rule 5; the higher, the fewer).
   * - `{ percentile }`: the distance that so many percent of these reach or exceed (98: the lowest fiftieth).
   * - `{ distance }`: a distance.
   * - `{ bits }`: so many bits of the perceptual hash, by which alone it goes then; 0 to 63.
   * - a function: takes these distances, ascending and without those of equal embeddings, and returns one.
   *
   * All but `evidence` and `bits` go by the embedding alone. Slope and percentile find pairs in any data.
   *
   * @default 'evidence'
   */
  readonly rule?:
    | 'evidence'
    | { readonly slope: number }
    | { readonly percentile: number }
    | { readonly distance: number }
    | { readonly bits: number }
    | ((distances: Float64Array) => number)
  /**
   * For `evidence`: how many pairs of unrelated items may be taken for near duplicates, per 1,000 items: the
   * default is one such pair per 10,000 items. `docs/duplicates.md` says by which null model.
   *
   * @default 0.1
   */
  readonly falsePairs?: number
  /**
   * For `slope`, `percentile` and a function: the nearest others whose distances are looked at. Which pairs are
   * near does not depend on it further: all within the distance are found.
   *
   * @default 9
   */
  readonly k?: number
  /**
   * For rules of a distance: 1 − cos, the length of the difference, or that with each column divided by its length
   * over all rows (`scaled`), so that no column outweighs the others.
   *
   * @default 'cosine'
   */
  readonly metric?: 'cosine' | 'euclidean' | 'scaled'
  /**
   * How pairs make groups. `star`: every member is near the kept one. `single`: all that hangs together by near
   * pairs. `complete`: every two members are near.
   *
   * @default 'star'
   */
  readonly linkage?: 'star' | 'single' | 'complete'
  /** Column of sets (such as `split`): only rows of different sets make pairs. Null is a set too. */
  readonly across?: string
  /** Column of sets: only rows of one set make pairs. Null is a set too. */
  readonly within?: string
  /**
   * Whether to add how each near group lies.
   *
   * @default false
   */
  readonly spread?: boolean
}

const names = [
  ...(['embedding', 'phash', 'contentHash', 'rule', 'falsePairs', 'k', 'metric'] as const),
  ...(['linkage', 'across', 'within', 'spread'] as const),
]

/**
 * Groups items that are copies of one another, exactly or nearly.
 *
 * - Rows: n to n, in input order.
 * - Columns: `embedding` (tensor), `phash` (Binary of 8 bytes; by `bits` also of 64, all forms of a picture, of which
 *   the nearest counts), `content_hash` (Utf8), and for what to keep `width`, `height`, `bytes` where they are there → `exact_group`, `near_group` (Int32, each
 *   numbered from 0 by first item), `exact_keep`, `near_keep` (Bool: whether it is the one to keep: most
 *   pixels, then bytes, then the first id), `near_by` (`hash`, `embedding`, `phash`: what ties it to the
 *   kept one), `embedding_distance` (1 − cos, or by `metric`) and `hash_distance` (bits), both to the kept one of
 *   the near group. All null for an item without duplicates.
 * - With `spread` also `centroid_distance`, `group_x`, `group_y` (Float64): how far the item is from the mean of its
 *   near group, and where it lies along the group's two main directions; by cosine, of embeddings brought to length 1.
 * - Exact: equal content hashes. Exact copies are in one near group too.
 * - Near: by `rule` and `linkage`; groups of any size are found whole. By default embedding and perceptual hash speak
 *   together, and every member is like the kept one: no chains. A mirrored copy counts. A zero embedding (by cosine) and
 *   a null hash say nothing.
 * - `across`: both rows of each near pair are in a group with linkage `single`, else mostly one. Exact groups span sets.
 * - Nulls: a row without embedding or hash takes part by the other.
 * - State: about 200 bytes per row, and blocks of embeddings: 192 MiB, less if the run's memory asks for it. With `k` 20
 *   bytes per row and neighbour more; for linkage `complete` 100 per near pair, of which there may be 2,000,000.
 * - Time: by `bits` an index finds the pairs (1,000,000 hashes within 6 bits: some seconds); else all pairs are compared, by matrix products. Of embeddings of 1,792 numbers, 10,000 took 10 s of
 *   processor time, 20,000 26 s and 40,000 66 s; by that, 100,000 would take about 5 minutes. Rules with `k` compare twice.
 *
 * @throws {OptionError} at the call, if an option is unknown or wrong; on the stream, if a function returns no distance
 *   or linkage `complete` has too many pairs
 * @throws {SchemaError} on the stream, if a column is missing or of another type
 * @throws {DataError} on the stream, if an embedding has a value that is not finite
 * @see duplicateGroups for the table of groups
 * @see onlineDuplicates for a flow that does not end
 * @example
 * flow.pipe(duplicates({ rule: { slope: 5 }, linkage: 'complete' })) // => { id: 'a.png', near_group: 0, near_keep: true, … }
 */
export function duplicates(
  options: DuplicatesOptions = {},
): OperatorFunction<RecordBatch, RecordBatch> {
  const search = checkedOptions(options)
  const { embedding, phash, contentHash, sets, spread } = search
  const fields = duplicateFields(spread)

  return operateTable({
    name: 'duplicates',
    // A block and the kernel's copy of it, and the rows that it is compared with.
    memoryBytes: { least: 3 * 2 ** 22, most: 3 * 2 ** 26 },
    holds: heldBy(search),
    settings: { ...search },
    schema(input) {
      require(input, 'id', 'text')
      if (embedding !== undefined) require(input, embedding, 'tensor')
      if (phash !== undefined) require(input, phash, 'binary')
      if (contentHash !== undefined) require(input, contentHash, 'text')
      if (sets) requireField(input, sets.column, { owner: 'duplicates' })
      return schemaWith(input, fields)
    },
    run: (table, _, memoryBytes) =>
      findDuplicates(table, { ...search, blockBytes: memoryBytes / 3, added: fields }),
  })
}

type Search = Omit<DuplicateSearch, 'blockBytes' | 'added'>

function checkedOptions(options: DuplicatesOptions): Search {
  knownOptions('duplicates', options, names)
  const rule = searchRule(options)
  const byBits = rule.type === 'bits'
  const byBoth = rule.type === 'evidence'
  const embedding = byBits ? undefined : columnOrNone('embedding', options.embedding ?? 'embedding')
  const phash = byBoth || byBits ? columnOrNone('phash', options.phash ?? 'phash') : undefined
  const contentHash = columnOrNone('contentHash', options.contentHash ?? 'content_hash')
  const spread = trueOrFalse('spread', options.spread ?? false)
  if (byBits && phash === undefined)
    throw new OptionError('Expected a column of perceptual hashes for rule `bits`, got `false`')
  if (embedding === undefined && (spread || !(byBoth || byBits)))
    throw new OptionError(
      `Expected a column of embeddings for ${spread ? '`spread`' : 'a rule of distances'}, got \`false\``,
    )
  if (embedding === undefined && phash === undefined && contentHash === undefined)
    throw new OptionError('Expected duplicates to be given a column, got `false` for all three')
  return {
    ...{ embedding, phash, contentHash, rule, spread },
    metric: oneOf('metric', options.metric ?? 'cosine', ['cosine', 'euclidean', 'scaled']),
    linkage: oneOf('linkage', options.linkage ?? 'star', ['star', 'single', 'complete']),
    sets: checkedSets(options),
  }
}

function checkedSets({ across, within }: DuplicatesOptions): Search['sets'] {
  if (across !== undefined && within !== undefined)
    throw new OptionError('Expected one of the options `across` and `within`, got both')
  if (across !== undefined) return { column: nonEmptyString('across', across), pairs: 'across' }
  if (within !== undefined) return { column: nonEmptyString('within', within), pairs: 'within' }
  return undefined
}

function columnOrNone(name: string, value: string | false): string | undefined {
  return value === false ? undefined : nonEmptyString(name, value)
}

function require(input: Schema, name: string, kind: ColumnKind): void {
  requireField(input, name, { owner: 'duplicates', kind })
}
