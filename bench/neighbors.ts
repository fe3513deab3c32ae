/**
 * Nearest neighbours: exact blocks, plain JavaScript, and the usearch index.
 *
 * Run: npm run build && node bench/neighbors.ts [rows] [columns]
 * Node 20 needs `--import jiti/register` in front of the file's name.
 */
import { closeKernel, kernel } from '../src/kernels/kernel.ts'
import { neighborIndex } from '../src/models/indexes.ts'

const rows = Number(process.argv[2] ?? 20_000)
const columns = Number(process.argv[3] ?? 40)
const k = 10
const plainQueries = Math.min(rows, 500)

let state = 1
function uniform(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32 - 0.5
}
const values = Float32Array.from({ length: rows * columns }, uniform)
const keys = Array.from({ length: rows }, (_, row) => String(row))
const matrix = { rows, columns, values }

async function timed<T>(name: string, work: () => Promise<T> | T): Promise<T> {
  const from = performance.now()
  const result = await work()
  console.log(`${name.padEnd(34)} ${((performance.now() - from) / 1000).toFixed(2)} s`)
  return result
}

/** Rows of the k nearest, by keeping a sorted list: what one writes first. */
function plain(queries: number): string[] {
  const out: string[] = []
  for (let i = 0; i < queries; i++) {
    const best: { row: number; squares: number }[] = []
    for (let j = 0; j < rows; j++) {
      let squares = 0
      for (let c = 0; c < columns; c++)
        squares += ((values[i * columns + c] ?? 0) - (values[j * columns + c] ?? 0)) ** 2
      if (best.length === k && squares >= (best[k - 1]?.squares ?? 0)) continue
      best.push({ row: j, squares })
      best.sort((a, b) => a.squares - b.squares)
      if (best.length > k) best.pop()
    }
    out.push(...best.map(({ row }) => String(row)))
  }
  return out
}

console.log(`${String(rows)} × ${String(columns)}, k = ${String(k)}, Euclidean`)
await kernel().call('pairScale', {
  columns: 1,
  embeddings: new Float32Array(0),
  hashes: new Uint32Array(0),
})
const exact = neighborIndex('exact', 'euclidean', columns)
await exact.insert(matrix, keys)
const truth = await timed('exact, in blocks', () => exact.search(matrix, k))
const few = await timed(`plain, ${String(plainQueries)} queries only`, () => plain(plainQueries))
const agree = few.filter((key, i) => truth.keys[i] === key).length
console.log(`plain and exact agree on ${String(agree)} of ${String(few.length)}`)
const hnsw = neighborIndex('hnsw', 'euclidean', columns)
await timed('usearch, insert', () => hnsw.insert(matrix, keys))
const found = await timed('usearch, search', () => hnsw.search(matrix, k))
let hits = 0
for (let row = 0; row < rows; row++) {
  const best = new Set(truth.keys.slice(row * k, (row + 1) * k))
  for (const key of found.keys.slice(row * k, (row + 1) * k)) if (best.has(key)) hits++
}
console.log(`usearch recall@${String(k)} ${(hits / (rows * k)).toFixed(4)}`)
await hnsw.close()
await closeKernel()
