// The ratio of percentiles between two sets drawn from the same distribution, which should be 1: as the
// model scores its own rows, with p/n added, and by held-out rows of 4 models of ¾ of the rows each.
// Run: npm run build && npx jiti bench/familiarity-gap.ts
import { closeKernel } from '../src/kernels/kernel.ts'
import { GapTally, type ScoreReference } from '../src/models/gap.ts'
import { GaussianMixture } from '../src/models/gaussian-mixture.ts'
import type { Matrix } from '../src/models/model.ts'
import { quantilesOf } from '../src/models/quantiles.ts'

const draws = 5
const folds = 4
const sizes = [
  [60, 32],
  [200, 32],
  [400, 8],
  [400, 32],
  [1_000, 32],
  [5_000, 32],
] as const

let state = 12_345
const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
const gauss = (): number => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())

/** Six clusters; each column varies less than the one before, and one row in ten twice as much. */
function draw(rows: number, columns: number): Matrix {
  const values = new Float64Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    const cluster = Math.floor(random() * 6)
    const wide = random() < 0.1 ? 2 : 1
    for (let i = 0; i < columns; i++) {
      const center = (4 * Math.sin(cluster * 7.3 + i * 1.1)) / (1 + i * 0.1)
      values[row * columns + i] = center + (3 * wide * gauss()) / (1 + i * 0.15)
    }
  }
  return { rows, columns, values }
}

async function fit(rows: Matrix, components: number): Promise<GaussianMixture> {
  const mixture = new GaussianMixture({ components })
  do {
    await mixture.begin()
    await mixture.learn(rows)
  } while (await mixture.end())
  return mixture
}

function ratio(reference: ScoreReference, scores: Float64Array): number {
  const tally = new GapTally(reference)
  for (const score of scores) tally.add(score)
  return tally.gap?.percentileRatio ?? NaN
}

const scoresOf = async (mixture: GaussianMixture, rows: Matrix): Promise<Float64Array> =>
  (await mixture.apply(rows)).logDensity

function rowsWhere({ rows, columns, values }: Matrix, holds: (row: number) => boolean): Matrix {
  const kept = [...Array(rows).keys()].filter(holds)
  const parts = kept.flatMap((row) => [...values.subarray(row * columns, (row + 1) * columns)])
  return { rows: kept.length, columns, values: Float64Array.from(parts) }
}

for (const [rows, columns] of sizes) {
  const components = Math.min(10, Math.max(1, Math.floor(rows / 20)))
  const sums = { inSample: 0, corrected: 0, heldOut: 0 }
  for (let i = 0; i < draws; i++) {
    const [own, other] = [draw(rows, columns), draw(2_000, columns)]
    const mixture = await fit(own, components)
    const scores = await scoresOf(mixture, other)
    sums.inSample += ratio({ ...mixture.reference, optimism: 0 }, scores)
    sums.corrected += ratio(mixture.reference, scores)
    const held: number[] = []
    for (let fold = 0; fold < folds; fold++) {
      const rest = rowsWhere(own, (row) => row % folds !== fold)
      const without = await fit(rest, Math.min(components, Math.max(1, Math.floor(rest.rows / 20))))
      held.push(
        ...(await scoresOf(
          without,
          rowsWhere(own, (row) => row % folds === fold),
        )),
      )
    }
    const quantiles = quantilesOf(Float64Array.from(held))
    sums.heldOut += ratio({ ...mixture.reference, quantiles, optimism: 0 }, scores)
  }
  const shown = Object.entries(sums).map(([name, sum]) => `${name} ${(sum / draws).toFixed(2)}`)
  console.log(`${String(rows)} × ${String(columns)}, ${String(components)}: ${shown.join(', ')}`)
}
await closeKernel()
