import type { RecordBatch } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { mapped, mappedOptionNames, type MappedOptions } from '../src/learn/mapped.ts'
import { knownOptions } from '../src/options.ts'

/** Options of {@link tsne}. */
export interface TsneOptions extends MappedOptions {
  /**
   * Neighbours of a row that count, as the exponential of an entropy; at most a third of the sample.
   *
   * @default 30
   */
  readonly perplexity?: number
  /**
   * Length of the steps.
   *
   * @default 10
   */
  readonly learningRate?: number
  /**
   * Steps.
   *
   * @default 500
   */
  readonly iterations?: number
  /**
   * Rows that are laid out, at most 3,000; the rest is placed among them. Time grows with its square.
   *
   * @default 1000
   */
  readonly sampleRows?: number
}

/**
 * Maps a tensor column to a few coordinates that show its clusters, by t-SNE.
 *
 * - Rows: n to n, in input order. In mode `fit` the first comes out after the last came in.
 * - Columns: adds `into`, a tensor of `dimensions` values of the type of `column`; `online` adds
 *   `<into>_model_rows` (Int64) too, the rows that the map was made of.
 * - Nulls: a null is not learned, and its point is null.
 * - State: five matrices of `sampleRows`² numbers while it is laid out (40 MB of 1,000). `fit` keeps the
 *   rows on disk; `online` maps the first `warmupRows` rows and places all others on that map, which
 *   stays as it is.
 * - Concurrency: the layout runs in a thread of its own, which ends with it.
 *
 * The method itself has no way to place further rows: those beyond the sample go to the mean of the
 * points of their nearest sample rows, weighted by nearness. Distances between clusters mean nothing.
 *
 * @throws {OptionError} at the call, if an option is unknown or out of range
 * @throws {SchemaError} at `schema()`, if `column` is no tensor of floats, has fewer values than
 *   `dimensions`, too many for the sample, or another number than the frozen `model`
 * @throws {DataError} on the stream, if there are fewer than 4 rows, a value is not finite, or a saved
 *   model is damaged
 * @see SampleMap in src/models/sample-map.ts for the method
 * @example
 * embedded$.pipe(pca({ components: 40 }), tsne({ column: 'pca' })) // adds `tsne`: FixedSizeList[2]<Float32>
 */
export function tsne(options: TsneOptions = {}): MonoTypeOperatorFunction<RecordBatch> {
  knownOptions('tsne', options, [
    ...['perplexity', 'learningRate', 'iterations', 'sampleRows'],
    ...mappedOptionNames,
  ])
  const { perplexity = 30, learningRate = 10, iterations = 500, sampleRows = 1000 } = options
  return mapped(options, { method: 'tsne', perplexity, learningRate, iterations, sampleRows })
}
