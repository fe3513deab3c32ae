import { centredRows, type Metric, type Scaled, unitRows } from './distance.ts'

/** Unit roundoff of float32. */
const roundoff = 2 ** -24

/**
 * Rows as a product in float32 takes them, and what its rounding can hide.
 *
 * The score of a query q and an item x is q·x + bias: of unit rows for cosine; for Euclidean
 * q·x − |x|²/2, scaled and about the first item, so that neither size nor a common offset eats the
 * precision. Higher is nearer.
 */
export class ScoredRows {
  /** The queries for the product, row after row. */
  readonly queries: Float32Array
  /** The items for the product, row after row. */
  readonly items: Float32Array
  /** What is added to the product, per item. */
  readonly bias: Float32Array
  readonly #columns: number
  readonly #metric: Metric
  readonly #lengths: Float64Array
  readonly #longest: number
  /** What lengths were multiplied by: a power of two, so that no value is rounded by it. */
  readonly #scale: number

  constructor(rows: {
    readonly metric: Metric
    readonly columns: number
    readonly queries: Float32Array
    readonly items: Float32Array
  }) {
    const { columns, metric } = rows
    const { queries, items, scale } = metric === 'cosine' ? unit(rows) : centred(rows)
    this.#columns = columns
    this.#metric = metric
    this.#scale = scale
    this.#lengths = queries.lengths
    this.#longest = items.lengths.reduce((a, b) => Math.max(a, b), 0)
    this.queries = queries.values
    this.items = items.values
    this.bias = Float32Array.from(items.lengths, (length) =>
      metric === 'cosine' ? 0 : (-length * length) / 2,
    )
  }

  /** The least distance that an item with at most this score can have. */
  leastDistance(query: number, score: number): number {
    const length = this.#lengths[query] ?? 0
    const most = score + this.#error(length)
    if (this.#metric === 'cosine') return length === 0 ? 1 : 1 - most
    return Math.sqrt(Math.max(0, this.#square(length) - 2 * most)) / this.#scale
  }

  /** The score below which no item is within `limit`. */
  leastScore(query: number, limit: number): number {
    const length = this.#lengths[query] ?? 0
    const error = this.#error(length)
    if (this.#metric === 'cosine') return 1 - limit - error
    return limit < 0 ? Infinity : (this.#square(length) - (limit * this.#scale) ** 2) / 2 - error
  }

  /** Bound on the error of a score of a query. */
  #error(length: number): number {
    const reach = this.#metric === 'cosine' ? 1 : length + this.#longest
    return (this.#columns + 4) * roundoff * this.#longest * reach
  }

  /** The square of a length, at least. */
  #square(length: number): number {
    return length * length * (1 - (this.#columns + 4) * roundoff)
  }
}

interface Rows {
  readonly columns: number
  readonly queries: Float32Array
  readonly items: Float32Array
}

interface Prepared {
  readonly queries: Scaled
  readonly items: Scaled
  readonly scale: number
}

function unit({ columns, queries, items }: Rows): Prepared {
  return { queries: unitRows(queries, columns), items: unitRows(items, columns), scale: 1 }
}

function centred({ columns, queries, items }: Rows): Prepared {
  const center = items.slice(0, columns)
  const scale = powerOfTwo(1 / Math.max(largest(items), largest(queries)))
  return {
    queries: centredRows(queries, columns, { center, scale }),
    items: centredRows(items, columns, { center, scale }),
    scale,
  }
}

function largest(values: Float32Array): number {
  let most = 0
  for (const x of values) if (x > most || -x > most) most = Math.abs(x)
  return most
}

/** The power of two next to `x`; 1 for what has none. */
function powerOfTwo(x: number): number {
  const power = 2 ** Math.round(Math.log2(x))
  return Number.isFinite(power) && power > 0 ? power : 1
}
