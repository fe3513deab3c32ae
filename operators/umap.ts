import type { RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { mapped, mappedOptionNames, type MappedOptions } from '../src/learn/mapped.ts'
import { knownOptions } from '../src/options.ts'

/** Options of {@link umap}. */
export interface UmapOptions extends MappedOptions {
  /**
   * Neighbours of a row that count: few show detail, many the whole.
   *
   * @default 15
   */
  readonly neighbors?: number
  /**
   * Least distance of points, 0 to 1: how tightly they may pack.
   *
   * @default 0.1
   */
  readonly minDist?: number
  /**
   * Passes over the neighbours.
   *
   * @default 500 up to 2,500 rows in the sample, 400 up to 5,000, 300 up to 7,500, else 200
   */
  readonly epochs?: number
  /**
   * Rows that are laid out, at most 20,000; the rest is placed among them.
   *
   * @default 5000
   */
  readonly sampleRows?: number
}

/**
 * Maps a tensor column to a few coordinates that keep neighbours together, by UMAP.
 *
 * - Rows: n to n, in input order. In mode `fit` the first comes out after the last came in.
 * - Columns: adds `into`, a tensor of `dimensions` values of the type of `column`; `online` adds
 *   `<into>_model_rows` (Int64) too, the rows that the map was made of.
 * - Nulls: a null is not learned, and its point is null.
 * - State: the sample, twice in float64, and 80 KB for each of its rows while it is laid out. `fit` keeps the rows on disk; `online` maps the first
 *   `warmupRows` rows and places all others on that map, which stays as it is.
 * - Concurrency: the layout runs in a thread of its own, which ends with it.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} at `schema()`, if `column` is no tensor of floats, has fewer values than
 *   `dimensions`, too many for the sample, or another number than the frozen `model`
 * @throws {DataError} on the stream, if there are fewer than 4 rows, a value is not finite, or a saved
 *   model is damaged
 * @see SampleMap in src/models/sample-map.ts for the method
 * @example
 * embedded$.pipe(pca({ components: 40 }), umap({ column: 'pca' })) // adds `umap`: FixedSizeList[2]<Float32>
 */
export function umap(options: UmapOptions = {}): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('umap', options, [
    ...['neighbors', 'minDist', 'epochs', 'sampleRows'],
    ...mappedOptionNames,
  ])
  const { neighbors = 15, minDist = 0.1, epochs, sampleRows = 5000 } = options
  return mapped(options, {
    ...{ method: 'umap', neighbors, minDist, sampleRows },
    ...(epochs !== undefined && { epochs }),
  })
}
