import { DataError, OptionError } from '../errors.ts'
import { unitRows } from '../kernels/distance.ts'
import { kernel } from '../kernels/kernel.ts'
import { numberBetween, oneOf, positiveInteger, wholeNumber } from '../options.ts'
import { indexRows } from './index-rows.ts'
import { type Layout, type LayoutWatch, layOut } from './layout.ts'
import { float64Array, type Matrix, type Model, type ModelState, requireState } from './model.ts'
import { type Near, placed } from './placement.ts'
import { requireFinite } from './row-blocks.ts'
import { hashRows, RowSample } from './row-sample.ts'

/** Options of {@link SampleMap} by whatever method. */
interface AnyMapOptions {
  /** Coordinates of a point. */
  readonly dimensions: number
  /** Rows that are laid out. */
  readonly sampleRows: number
  /** How far apart rows are; `cosine` is Euclidean of the rows brought to length 1. */
  readonly metric: 'euclidean' | 'cosine'
  /** For the points that the layout starts from, and for whatever else is random. */
  readonly seed: number
}

/** Options of a map by UMAP. */
export interface UmapMapOptions extends AnyMapOptions {
  /** UMAP. */
  readonly method: 'umap'
  /** Neighbours of a row that count, the row itself not among them; at most two fewer than there are rows. */
  readonly neighbors: number
  /** Least distance of points, 0 to 1. */
  readonly minDist: number
  /** Passes over the neighbours; by default 200 to 500, the fewer the more rows. */
  readonly epochs?: number
}

/** Options of a map by t-SNE. */
export interface TsneMapOptions extends AnyMapOptions {
  /** t-SNE. */
  readonly method: 'tsne'
  /** Neighbours of a row that count, as the exponential of an entropy; at most a third of the rows. */
  readonly perplexity: number
  /** Length of the steps. */
  readonly learningRate: number
  /** Steps, of which the first 100 exaggerate. */
  readonly iterations: number
}

/** Options of {@link SampleMap}. */
export type SampleMapOptions = UmapMapOptions | TsneMapOptions

/** Rows that are laid out; of length 1 where the metric is cosine. */
interface Sample extends Matrix {
  readonly values: Float32Array
}

interface Fitted extends Sample {
  /** Rows that the sample was drawn from. */
  readonly rowsSeen: number
  /** Where the rows of the sample are. */
  readonly points: Float64Array
}

const version = 1
const fewestRows = 4

/** The most rows that a method lays out: umap-js takes 80 KB a row, t-SNE five matrices of rows² numbers, 360 MB of 3,000. */
const mostRows = { umap: 20_000, tsne: 3_000 } as const

/**
 * A map of rows: a sample is laid out by UMAP or t-SNE, and every other row is placed among its
 * nearest sample rows (see {@link placed}).
 *
 * - The sample is drawn by a hash of the rows, so neither their order nor their batches change it; it
 *   is all rows if there are no more than `sampleRows`.
 * - UMAP is that of umap-js, from exact neighbours and random points. Its own `transform` is not used:
 *   where it puts a row depends on the other rows of the call, duplicates in the sample mislead it, and
 *   neighbours are kept less well.
 * - t-SNE is that of druidjs: exact, early exaggeration 4, momentum .5 and after 250 steps .8. The
 *   method has no transform; rows beyond the sample are placed as above.
 * - `learnOnline` learns nothing: a map that moved would lose whoever looks at it.
 * - Rows are taken as float32. A value that is not finite, or fewer than 4 rows: an error.
 * - Cost: UMAP rows² · columns multiplications and about 8 ms per epoch and 1,000 rows; t-SNE rows² per
 *   step; to place a row, sampleRows · columns. Memory: twice the sample in float64 to fit.
 *
 * @see L. McInnes, J. Healy, J. Melville, "UMAP", 2018, arXiv:1802.03426
 * @see L. van der Maaten, G. Hinton, "Visualizing Data using t-SNE", JMLR 9, 2008
 */
export class SampleMap implements Model<Matrix> {
  readonly kind: SampleMapOptions['method']
  readonly #options: SampleMapOptions
  readonly #watch: LayoutWatch
  #sample: RowSample | undefined
  #columns = 0
  #seen = 0
  #fitted: Fitted | undefined

  /** @throws {OptionError} if an option is not as documented */
  constructor(options: SampleMapOptions, watch: LayoutWatch = {}) {
    this.#options = checked(options)
    this.#watch = watch
    this.kind = options.method
  }

  /**
   * Makes a map from what {@link SampleMap.state} gave.
   *
   * @throws {DataError} if the state is of another kind, version or shape
   */
  static fromState(state: ModelState, kind: SampleMapOptions['method']): SampleMap {
    requireState(state, kind, version)
    const map = new SampleMap(state.parameters as unknown as SampleMapOptions)
    const sample = float64Array(state, 'sample', [null, null])
    const [rows = 0, columns = 0] = state.arrays['sample']?.shape ?? []
    const points = float64Array(state, 'points', [rows, map.dimensions])
    if (map.kind !== kind || rows < fewestRows)
      throw new DataError(
        `Expected a map by ${kind} of at least ${String(fewestRows)} rows, got one by ${map.kind} of ${String(rows)}`,
        { url: state.origin ?? 'memory' },
      )
    requireFinite({ rows, columns: map.dimensions, values: points })
    const values = indexRows({ rows, columns, values: sample }, columns)
    map.#fitted = { rowsSeen: state.rowsSeen, rows, columns, values, points }
    return map
  }

  /** Rows that the sample was drawn from. */
  get rowsSeen(): number {
    return this.#fitted?.rowsSeen ?? 0
  }

  /** Values of the rows that it places. */
  get columns(): number {
    return this.#map().columns
  }

  /** Coordinates of a point. */
  get dimensions(): number {
    return this.#options.dimensions
  }

  /** Starts a fit from nothing. */
  begin(): void {
    this.#sample = undefined
    this.#seen = 0
  }

  /** @throws {DataError} if a value is not finite */
  learn(rows: Matrix): Promise<void> {
    return Promise.resolve().then(() => {
      this.#columns = rows.columns
      this.#sample ??= new RowSample(this.#options.sampleRows, rows.columns)
      const values = this.#rows(rows)
      this.#sample.add(hashRows({ ...rows, values }), values)
      this.#seen += rows.rows
    })
  }

  /** Adds the sample of other rows. */
  merge(other: SampleMap): Promise<void> {
    if (other.#sample) {
      this.#columns = other.#columns
      this.#sample ??= new RowSample(this.#options.sampleRows, other.#columns)
      this.#sample.merge(other.#sample)
      this.#seen += other.#seen
    }
    return Promise.resolve()
  }

  /** @throws {DataError} if there were fewer than 4 rows */
  async end(): Promise<false> {
    const rows = Math.min(this.#seen, this.#options.sampleRows)
    if (!this.#sample || rows < fewestRows)
      throw new DataError(
        `Expected at least ${String(fewestRows)} rows for ${this.kind}, got ${String(rows)}; give so few points with \`manual\``,
        { url: 'memory' },
      )
    const columns = this.#columns
    const values = Float32Array.from(this.#sample.rows().values)
    const points = await layOut(await this.#layout({ rows, columns, values }), this.#watch)
    this.#fitted = { rowsSeen: this.#seen, rows, columns, values, points }
    this.begin()
    return false
  }

  /** Learns nothing: the map stays as it is. */
  learnOnline(): Promise<void> {
    return Promise.resolve()
  }

  /** The points of rows: `dimensions` values, of the type that came in. */
  async apply(rows: Matrix): Promise<Matrix> {
    const map = this.#map()
    const options = this.#options
    const k = options.method === 'umap' ? options.neighbors : Math.ceil(options.perplexity)
    const near = await nearest(this.#rows(rows, map.columns), map, Math.min(k, map.rows))
    const points = placed(near, map.points, this.dimensions)
    const values = rows.values instanceof Float32Array ? Float32Array.from(points) : points
    return { rows: rows.rows, columns: this.dimensions, values }
  }

  /** The sample and its points. */
  state(): ModelState {
    const { rowsSeen, rows, columns, values, points } = this.#map()
    return {
      ...{ kind: this.kind, version, rowsSeen },
      parameters: { ...this.#options },
      arrays: {
        sample: { shape: [rows, columns], values: Float64Array.from(values) },
        points: { shape: [rows, this.dimensions], values: points },
      },
    }
  }

  async #layout(sample: Sample): Promise<Layout> {
    const options = this.#options
    if (options.method === 'tsne') {
      const perplexity = Math.min(options.perplexity, (sample.rows - 1) / 3)
      return { ...options, perplexity, rows: sample }
    }
    const k = Math.min(options.neighbors, sample.rows - 2)
    return { ...options, neighbors: await nearest(sample.values, sample, k, { own: false }) }
  }

  /** Rows as they are compared. */
  #rows(rows: Matrix, columns = this.#columns): Float32Array<ArrayBuffer> {
    const values = indexRows(rows, columns)
    return this.#options.metric === 'cosine'
      ? (unitRows(values, columns).values as Float32Array<ArrayBuffer>)
      : values
  }

  #map(): Fitted {
    if (this.#fitted) return this.#fitted
    throw new Error('Expected a fitted map, got one before its first `end`')
  }
}

/** The `k` rows of `sample` that are nearest to each of `queries`; without `own`, the queries are the sample. */
function nearest(
  queries: Float32Array,
  sample: Sample,
  k: number,
  { own = true } = {},
): Promise<Near> {
  const { columns, values: items } = sample
  const numQueries = queries.length / columns
  const found = kernel().call('nearest', {
    ...{ columns, queries, items, itemOffset: 0, k, metric: 'euclidean' },
    ...(!own && { queryOffset: 0 }),
    distances: new Float64Array(numQueries * k).fill(Infinity),
    rows: new Int32Array(numQueries * k).fill(-1),
  })
  return found.then(({ distances, rows }) => ({ k, distances, rows }))
}

function checked(options: SampleMapOptions): SampleMapOptions {
  const method = oneOf('method', options.method, ['umap', 'tsne'])
  positiveInteger('dimensions', options.dimensions)
  oneOf('metric', options.metric, ['euclidean', 'cosine'])
  wholeNumber('seed', options.seed)
  if (options.method === 'umap') {
    positiveInteger('neighbors', options.neighbors)
    numberBetween('minDist', options.minDist, 0, 1)
    if (options.epochs !== undefined) positiveInteger('epochs', options.epochs)
  } else {
    numberBetween('perplexity', options.perplexity, 1, 1000)
    numberBetween('learningRate', options.learningRate, Number.MIN_VALUE, 10_000)
    positiveInteger('iterations', options.iterations)
  }
  const rows = positiveInteger('sampleRows', options.sampleRows)
  if (rows >= fewestRows && rows <= mostRows[method]) return options
  throw new OptionError(
    `Expected option \`sampleRows\` of ${method} to be from ${String(fewestRows)} to ${String(mostRows[method])}, got ${String(rows)}; rows beyond the sample are placed by their nearest sample rows${method === 'tsne' ? ', and `umap` lays out more' : ''}`,
  )
}
