import { Index, MetricKind, ScalarKind } from 'usearch'
import type { Metric } from '../kernels/distance.ts'
import { serve, Transfer } from '../worker.ts'
import { checkUsearchFile, type UsearchShape } from './usearch-file.ts'

let index: Index | undefined

function create({ metric, columns }: { metric: Metric; columns: number }): void {
  index = new Index({
    dimensions: columns,
    metric: metric === 'cosine' ? MetricKind.Cos : MetricKind.L2sq,
    quantization: ScalarKind.F32,
    connectivity: 0,
    expansion_add: 0,
    expansion_search: 0,
    multi: false,
  })
}

/** One thread adds: with more, the graph depends on their timing. */
function insert({ from, values }: { from: number; values: Float32Array }): void {
  const open = opened()
  const rows = values.length / open.dimensions()
  const keys = BigUint64Array.from({ length: rows }, (_, row) => BigInt(from + row))
  if (rows > 0) open.add(keys, values, 1)
}

function search({ values, k }: { values: Float32Array; k: number }): Transfer<{
  rows: Int32Array
  distances: Float64Array
}> {
  const open = opened()
  const queries = values.length / open.dimensions()
  const rows = new Int32Array(queries * k).fill(-1)
  const distances = new Float64Array(queries * k).fill(Infinity)
  for (let query = 0; query < queries && open.size() > 0; query++) {
    const row = values.subarray(query * open.dimensions(), (query + 1) * open.dimensions())
    const matches = open.search(row, Math.min(k, open.size()), 1)
    for (const [i, key] of matches.keys.entries()) {
      rows[query * k + i] = Number(key)
      distances[query * k + i] = matches.distances[i] ?? Infinity
    }
  }
  return new Transfer({ rows, distances }, [rows.buffer, distances.buffer] as ArrayBuffer[])
}

function save({ path }: { path: string }): void {
  opened().save(path)
}

/** `load` follows whatever the file says, without a word: the file is checked before. */
function load({ path, shape }: { path: string; shape: UsearchShape }): void {
  checkUsearchFile(path, shape)
  opened().load(path)
}

function opened(): Index {
  if (!index) throw new Error('Expected an index to be created first')
  return index
}

const methods = { create, insert, search, save, load }

/** What the index worker answers. */
export type HnswMethods = typeof methods

serve(methods, () => {
  index = undefined
})
