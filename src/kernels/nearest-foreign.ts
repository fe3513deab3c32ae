import { distance, type Metric } from './distance.ts'
import { ScoredRows } from './scored-rows.ts'
import { scoreGraph } from './scores.ts'
import { runGraph } from './sessions.ts'

/** Rows to search for, rows to search among, and the best found so far. */
export interface NearestForeignMessage {
  /** Length of a row. */
  readonly columns: number
  /** How far apart two rows are. */
  readonly metric: Metric
  /** The rows searched for. */
  readonly queries: ComponentRows
  /** The rows searched among. */
  readonly items: ComponentRows
  /** Number of the first row of `items`. */
  readonly itemOffset: number
  /** Per query the least distance so far; ∞ where there is none. Taken over and given back. */
  readonly distances: Float64Array
  /** The numbers of their rows; −1 where there is none. */
  readonly rows: Int32Array
}

/** Rows of which each belongs to a component. */
export interface ComponentRows {
  /** The rows, one after another. */
  readonly values: Float32Array
  /** Per row: its component. */
  readonly components: Int32Array
  /** Per row: the distance within which it has as many others as it must. */
  readonly cores: Float64Array
}

/** The nearest rows of other components so far. */
export interface NearestForeign {
  /** Per query the least distance; ∞ where there is none. */
  readonly distances: Float64Array
  /** The numbers of their rows; −1 where there is none. */
  readonly rows: Int32Array
}

/** Rows of a product computed at a time: the scores of 256 rows stay in the processor's cache. */
const stripRows = 256

/**
 * Finds for each query the item of another component that is the nearest by mutual reachability, the largest
 * of the distance and the two core distances; exactly, ties by the lower row if items come in ascending order.
 *
 * Most items are told to be too far by a product in float32 whose rounding is bounded; the others are
 * measured in float64.
 */
export async function nearestForeign(message: NearestForeignMessage): Promise<NearestForeign> {
  const { columns, metric, queries, items, distances, rows } = message
  const numQueries = queries.components.length
  const numItems = items.components.length
  if (numQueries === 0 || numItems === 0) return { distances, rows }
  const values = { columns, metric, queries: queries.values, items: items.values }
  const scored = new ScoredRows(values)
  for (let from = 0; from < numQueries; from += stripRows) {
    const to = Math.min(numQueries, from + stripRows)
    const outputs = await runGraph(scoreGraph(), {
      queries: {
        type: 'float32',
        dims: [to - from, columns],
        values: scored.queries.subarray(from * columns, to * columns),
      },
      items: { type: 'float32', dims: [numItems, columns], values: scored.items },
      bias: { type: 'float32', dims: [1, numItems], values: scored.bias },
    })
    const scores = outputs['scores']?.values as Float32Array
    for (let query = from; query < to; query++)
      scan(message, { scored, query, scores, base: (query - from) * numItems })
  }
  return { distances, rows }
}

interface Scan {
  readonly scored: ScoredRows
  readonly query: number
  readonly scores: Float32Array
  readonly base: number
}

function scan(message: NearestForeignMessage, { scored, query, scores, base }: Scan): void {
  const { columns, metric, queries, items, itemOffset, distances, rows } = message
  const { components, cores } = items
  const own = queries.components[query] ?? 0
  const core = queries.cores[query] ?? 0
  const a = { values: queries.values, from: query * columns }
  let best = distances[query] ?? Infinity
  let least = scored.leastScore(query, best)
  for (let item = 0; item < components.length && best > core; item++) {
    if ((scores[base + item] ?? 0) < least || components[item] === own) continue
    const itemCore = cores[item] ?? 0
    if (itemCore >= best) continue
    const measured = distance(metric, a, { values: items.values, from: item * columns }, columns)
    const reached = Math.max(measured, core, itemCore)
    if (reached >= best) continue
    best = reached
    least = scored.leastScore(query, best)
    rows[query] = itemOffset + item
  }
  distances[query] = best
}
