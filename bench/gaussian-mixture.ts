// One step of EM over 100,000 × 40 with 10 components, and scores of 1,000,000 × 40, against
// scikit-learn. Without python3-sklearn: scores against a plain loop (diagonal).
// Run: npm run build && npx jiti bench/gaussian-mixture.ts
import { closeKernel } from '../src/kernels/kernel.ts'
import { GaussianMixture } from '../src/models/gaussian-mixture.ts'
import { mixtureOptions } from '../src/models/mixture-options.ts'
import { MixturePasses } from '../src/models/mixture-passes.ts'
import type { Matrix } from '../src/models/model.ts'
import { clusteredRows, compare, seconds, Sklearn } from './compare.ts'

const components = 10

/** A mixture after two steps on the first rows. */
async function mixtureOf(rows: Matrix, covariance: 'diagonal' | 'full'): Promise<GaussianMixture> {
  const mixture = new GaussianMixture({ components, covariance, maxIterations: 2 })
  const first = { ...rows, rows: 5000, values: rows.values.slice(0, 5000 * rows.columns) }
  do {
    await mixture.begin()
    await mixture.learn(first)
  } while (await mixture.end())
  return mixture
}

/** log Σ w·N by loops over the rows. */
function plainScores(rows: Matrix, mixture: GaussianMixture): Float64Array {
  const d = rows.columns
  const { weights, covariances } = mixture
  const means = mixture.means.values
  const logs = new Float64Array(components)
  const out = new Float64Array(rows.rows)
  const bias = weights.map((w, c) => {
    const part = covariances.subarray(c * d, (c + 1) * d)
    return Math.log(w) - 0.5 * part.reduce((sum, v) => sum + Math.log(2 * Math.PI * v), 0)
  })
  for (let row = 0; row < rows.rows; row++) {
    for (let c = 0; c < components; c++) {
      let sum = 0
      for (let j = 0; j < d; j++) {
        const at = c * d + j
        const difference = (rows.values[row * d + j] ?? 0) - (means[at] ?? 0)
        sum += (difference * difference) / (covariances[at] ?? 1)
      }
      logs[c] = (bias[c] ?? 0) - 0.5 * sum
    }
    const most = Math.max(...logs)
    out[row] = most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0))
  }
  return out
}

const sklearn = await Sklearn.start()
if (!sklearn) console.log('python3-sklearn is not there: scores are compared with a plain loop')
const small = clusteredRows(100_000, 40, 10)
const large = clusteredRows(1_000_000, 40, 10)

for (const covariance of ['diagonal', 'full'] as const) {
  const mixture = await mixtureOf(small, covariance)
  const { weights, covariances, means } = mixture
  const parameters = { covariance, weights, covariances, means: means.values as Float64Array }
  const center = new Float64Array(small.columns)
  // Never converged: each pass is a step.
  const settings = mixtureOptions({ components, covariance, tolerance: 0, maxIterations: 1e9 })
  const passes = await MixturePasses.from(settings, { ...parameters, center })
  const task = { components, covariance: covariance === 'full' ? 'full' : 'diag' }
  await compare(
    `EM step, 100,000 × 40, 10 components, ${covariance}`,
    {
      GaussianMixture: () =>
        seconds(async () => {
          passes.begin()
          await passes.learn(small)
          await passes.end()
        }),
      ...(sklearn ? { 'scikit-learn': () => sklearn.time(small, { ...task, task: 'step' }) } : {}),
    },
    5,
  )
  await compare(
    `Scores of 1,000,000 × 40, ${covariance}`,
    {
      'GaussianMixture.apply': () => seconds(() => mixture.apply(large)),
      ...(sklearn
        ? { 'scikit-learn': () => sklearn.time(large, { ...task, task: 'score' }) }
        : covariance === 'diagonal'
          ? { 'plain loop': () => seconds(() => Promise.resolve(plainScores(large, mixture))) }
          : {}),
    },
    3,
  )
}
sklearn?.close()
await closeKernel()
