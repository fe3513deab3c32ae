/**
 * Clusters of rows: the operator with its minimum spanning tree, and a plain Prim.
 *
 * Run: npm run build && npx jiti bench/clusters.ts [rows] [columns] [blobs | uniform]
 * A plain Prim, which takes rows² · columns, runs for at most 20,000 rows.
 */
import type { RecordBatch } from 'apache-arrow'
import { lastValueFrom, reduce } from 'rxjs'
import { clusters } from '../operators/clusters.ts'
import { batchOf, textColumn } from '../src/batch/batch.ts'
import { tensorColumn } from '../src/batch/tensor.ts'
import { Flow } from '../src/flow/flow.ts'
import { closeKernel } from '../src/kernels/kernel.ts'
import { Random } from '../src/kernels/random.ts'

const rows = Number(process.argv[2] ?? 20_000)
const columns = Number(process.argv[3] ?? 64)
const shape = process.argv[4] ?? 'blobs'
const blobs = 20
const random = new Random(1)
const centres = Float32Array.from({ length: blobs * columns }, () => 2 * random.normal())

/** The rows from `from` on: around one of twenty centres, one in ten anywhere. */
function values(from: number, length: number): Float32Array {
  const own = new Random(2, from)
  const out = new Float32Array(length * columns)
  for (let row = 0; row < length; row++) {
    const blob = Math.floor(own.uniform() * blobs)
    const loose = shape === 'uniform' || own.uniform() < 0.1
    for (let at = 0; at < columns; at++)
      out[row * columns + at] = loose
        ? 12 * own.uniform() - 6
        : (centres[blob * columns + at] ?? 0) + own.normal()
  }
  return out
}

const batchRows = 1000
const flow = new Flow<RecordBatch>(
  async function* () {
    for (let from = 0; from < rows; from += batchRows) {
      const length = Math.min(batchRows, rows - from)
      const ids = Array.from({ length }, (_, i) => String(from + i))
      await Promise.resolve()
      yield batchOf([
        textColumn('id', ids),
        tensorColumn('embedding', [columns], values(from, length)),
      ])
    }
  },
  { name: 'rows', role: 'source', bounded: true },
)

interface Clock {
  readonly wall: number
  readonly processor: NodeJS.CpuUsage
}

function clock(): Clock {
  return { wall: performance.now(), processor: process.cpuUsage() }
}

function seconds({ wall, processor }: Clock): string {
  const { user, system } = process.cpuUsage(processor)
  const waited = (performance.now() - wall) / 1000
  return `${waited.toFixed(1)} s, of processors ${((user + system) / 1e6).toFixed(1)} s`
}

console.log(`${String(rows)} × ${String(columns)}, ${shape}, Euclidean`)
let start = clock()
const found = await lastValueFrom(
  flow.pipe(
    clusters({ metric: 'euclidean' }),
    reduce((labels, batch) => {
      for (const label of batch.getChild('cluster') ?? []) {
        const key = String(label)
        labels.set(key, (labels.get(key) ?? 0) + 1)
      }
      return labels
    }, new Map<string, number>()),
  ),
)
console.log(`clusters                ${seconds(start)}`)
const peak = process.resourceUsage().maxRSS / 1024
const held = (rows * columns * 4) / 2 ** 20
console.log(`most memory held        ${peak.toFixed(0)} MiB (the rows ${held.toFixed(0)} MiB)`)
const none = found.get('-1') ?? 0
found.delete('-1')
console.log(`${String(found.size)} clusters, ${String(none)} rows in none`)

/** A minimum spanning tree as one writes it first. */
function prim(all: Float32Array): number {
  const least = new Float64Array(rows).fill(Infinity)
  const inside = new Uint8Array(rows)
  let sum = 0
  for (let row = 0, next = 0; row < rows; row++) {
    const last = next
    inside[last] = 1
    if (row > 0) sum += Math.sqrt(least[last] ?? 0)
    next = -1
    for (let other = 0; other < rows; other++) {
      if (inside[other] === 1) continue
      let squares = 0
      for (let at = 0; at < columns; at++)
        squares += ((all[last * columns + at] ?? 0) - (all[other * columns + at] ?? 0)) ** 2
      if (squares < (least[other] ?? 0)) least[other] = squares
      if (next < 0 || (least[other] ?? 0) < (least[next] ?? 0)) next = other
    }
  }
  return sum
}

if (rows <= 20_000) {
  const all = new Float32Array(rows * columns)
  for (let from = 0; from < rows; from += batchRows)
    all.set(values(from, Math.min(batchRows, rows - from)), from * columns)
  start = clock()
  prim(all)
  console.log(`plain Prim, tree alone  ${seconds(start)}`)
}
await closeKernel()
