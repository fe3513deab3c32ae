import { distance, type Metric } from './distance.ts'
import { ScoredRows } from './scored-rows.ts'
import { topScoreGraph } from './scores.ts'
import { runGraph } from './sessions.ts'

/** Rows to search for, rows to search among, and the best found so far. */
export interface NearestMessage {
  /** Length of a row. */
  readonly columns: number
  /** The rows searched for, one after another. */
  readonly queries: Float32Array
  /** The rows searched among, one after another. */
  readonly items: Float32Array
  /** Number of the first row of `items`. */
  readonly itemOffset: number
  /** Number of the first row of `queries`, if an item of the same number is the row itself and does not count. */
  readonly queryOffset?: number
  /** Whether only items of lower numbers than the query's own count; needs `queryOffset`. */
  readonly earlierOnly?: boolean
  /** Neighbours wanted per row. */
  readonly k: number
  /** How far apart two rows are. */
  readonly metric: Metric
  /** `k` distances per query, ascending, and ∞ where there are fewer. Taken over and given back. */
  readonly distances: Float64Array
  /** The numbers of their rows, and −1 where there are fewer. */
  readonly rows: Int32Array
}

/** The nearest rows found so far. */
export interface Nearest {
  /** `k` distances per query, ascending; ∞ where there are fewer. */
  readonly distances: Float64Array
  /** The numbers of their rows; −1 where there are fewer. */
  readonly rows: Int32Array
}

/** Rows of a product computed at a time: the scores of 256 rows stay in the processor's cache. */
const stripRows = 256
/** Candidates taken beyond k, so that rounding in float32 rarely asks for a second look. */
const spare = 12

/**
 * Finds for each query the nearest items, exactly, and merges them with those found before.
 *
 * The product of queries and items is taken in float32 (`q·x`, for Euclidean `q·x − |x|²/2`, scaled and
 * about the first item, so that neither size nor a common offset eats the precision), the best
 * `k + 12` per query are measured again in float64, and where the rounding of the product could hide
 * a nearer item the query is searched again with more candidates. So the result is that of float64
 * arithmetic on float32 values, ties by the lower row.
 *
 * Cosine is 1 − cos, 0 to 2; a zero vector has no direction and is at 1 from everything.
 */
export async function nearest(message: NearestMessage): Promise<Nearest> {
  const { columns, distances, rows, queries, items } = message
  if (items.length === 0 || queries.length === 0) return { distances, rows }
  const search = new BlockSearch(message)
  for (let from = 0; from < queries.length / columns; from += stripRows)
    await search.strip(from, Math.min(from + stripRows, queries.length / columns))
  return { distances, rows }
}

/** One block of queries against one block of items. */
class BlockSearch {
  readonly #message: NearestMessage
  readonly #numItems: number
  readonly #scored: ScoredRows

  constructor(message: NearestMessage) {
    this.#message = message
    this.#numItems = message.items.length / message.columns
    this.#scored = new ScoredRows(message)
  }

  /** The queries `from` to `to` (exclusive). */
  async strip(from: number, to: number): Promise<void> {
    let pending = Array.from({ length: to - from }, (_, i) => from + i)
    let wanted = Math.min(this.#numItems, this.#message.k + 1 + spare)
    while (pending.length > 0) {
      const found = await this.#candidates(pending, wanted)
      pending = pending.filter((query, i) => !this.#settle(query, found, i))
      wanted = Math.min(this.#numItems, wanted * 8)
    }
  }

  /** The `wanted` items of the highest scores, for each of `queries`. */
  async #candidates(queries: readonly number[], wanted: number): Promise<Candidates> {
    const { columns } = this.#message
    const { items, bias } = this.#scored
    const values = gather(this.#scored.queries, queries, columns)
    const rows = queries.length
    const outputs = await runGraph(topScoreGraph(), {
      queries: { type: 'float32', dims: [rows, columns], values },
      items: { type: 'float32', dims: [this.#numItems, columns], values: items },
      bias: { type: 'float32', dims: [1, this.#numItems], values: bias },
      k: { type: 'int64', dims: [1], values: BigInt64Array.of(BigInt(wanted)) },
    })
    const scores = outputs['scores']?.values as Float32Array
    const indices = outputs['indices']?.values as Int32Array
    return { wanted, scores, indices }
  }

  /** Measures a query's candidates; false if items beyond them could still be nearer. */
  #settle(query: number, { wanted, scores, indices }: Candidates, at: number): boolean {
    const { k, distances } = this.#message
    const last = query * k + k - 1
    for (let i = at * wanted; i < (at + 1) * wanted; i++) {
      const best = this.#scored.leastDistance(query, value(scores, i))
      if (best > value(distances, last)) return true
      this.#offer(query, value(indices, i))
    }
    if (wanted === this.#numItems) return true
    const rest = value(scores, (at + 1) * wanted - 1)
    return this.#scored.leastDistance(query, rest) > value(distances, last)
  }

  /** Puts an item among the query's neighbours if it is near enough and not there yet. */
  #offer(query: number, item: number): void {
    const { k, columns, metric, itemOffset, queryOffset, earlierOnly } = this.#message
    const { distances, rows } = this.#message
    const row = itemOffset + item
    const own = queryOffset === undefined ? Infinity : queryOffset + query
    if (row === own || (earlierOnly === true && row > own)) return
    const a = { values: this.#message.queries, from: query * columns }
    const b = { values: this.#message.items, from: item * columns }
    const measured = distance(metric, a, b, columns)
    const first = query * k
    let at = first + k
    for (let i = first; i < first + k; i++) if (rows[i] === row) return
    while (at > first && before(measured, row, value(distances, at - 1), value(rows, at - 1))) at--
    if (at === first + k) return
    distances.copyWithin(at + 1, at, first + k - 1)
    rows.copyWithin(at + 1, at, first + k - 1)
    distances[at] = measured
    rows[at] = row
  }
}

interface Candidates {
  readonly wanted: number
  readonly scores: Float32Array
  readonly indices: Int32Array
}

function gather(values: Float32Array, rows: readonly number[], columns: number): Float32Array {
  const [first = 0] = rows
  if (rows.at(-1) === first + rows.length - 1)
    return values.subarray(first * columns, (first + rows.length) * columns)
  const out = new Float32Array(rows.length * columns)
  for (const [i, row] of rows.entries())
    out.set(values.subarray(row * columns, (row + 1) * columns), i * columns)
  return out
}

/** Nearer first, then the lower row. */
function before(nearer: number, row: number, other: number, otherRow: number): boolean {
  return nearer < other || (nearer === other && (otherRow < 0 || row < otherRow))
}

function value(values: Float32Array | Float64Array | Int32Array, at: number): number {
  return values[at] ?? 0
}
