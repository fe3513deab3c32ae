/**
 * What a map costs: seconds to lay a sample out by UMAP and by t-SNE, and rows placed on it per second.
 *
 * Run: npm run build && node bench/layouts.ts [umapRows] [tsneRows] [columns]
 * Node 20 needs `--import jiti/register` in front of the file's name.
 */
import { closeKernel } from '../src/kernels/kernel.ts'
import { Random } from '../src/kernels/random.ts'
import type { Matrix } from '../src/models/model.ts'
import { SampleMap, type SampleMapOptions } from '../src/models/sample-map.ts'

const umapRows = Number(process.argv[2] ?? 5000)
const tsneRows = Number(process.argv[3] ?? 1000)
const columns = Number(process.argv[4] ?? 40)

const random = new Random(1)

/** Ten Gaussian clusters. */
function clusters(rows: number): Matrix {
  const values = Float32Array.from(
    { length: rows * columns },
    (_, at) => random.normal() + (at % columns === Math.floor(at / columns) % 10 ? 8 : 0),
  )
  return { rows, columns, values }
}

const others = clusters(10_000)
const any = { dimensions: 2, metric: 'euclidean', seed: 1 } as const
const maps: readonly SampleMapOptions[] = [
  { ...any, method: 'umap', neighbors: 15, minDist: 0.1, sampleRows: umapRows },
  {
    ...{ ...any, method: 'tsne', perplexity: 30, learningRate: 10, iterations: 500 },
    sampleRows: tsneRows,
  },
]
for (const options of maps) {
  const map = new SampleMap(options)
  const started = performance.now()
  map.begin()
  await map.learn(clusters(options.sampleRows))
  await map.end()
  const fitted = performance.now()
  await map.apply(others)
  const placed = performance.now()
  console.log(
    `${options.method}: ${String(options.sampleRows)} × ${String(columns)} laid out in ${((fitted - started) / 1000).toFixed(1)} s, ` +
      `then ${Math.round(others.rows / ((placed - fitted) / 1000)).toLocaleString('en')} rows/s placed`,
  )
}
await closeKernel()
