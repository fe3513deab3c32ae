import { afterAll, describe, expect, it } from 'vitest'
import { closeKernel } from '../../../src/kernels/kernel.ts'
import { type Gap, gapBand, GapTally, type ScoreReference } from '../../../src/models/gap.ts'
import { GaussianMixture } from '../../../src/models/gaussian-mixture.ts'
import type { Matrix } from '../../../src/models/model.ts'
import { quantilesOf } from '../../../src/models/quantiles.ts'

afterAll(closeKernel)

function gapOf(reference: ScoreReference, scores: Iterable<number>): Gap {
  const tally = new GapTally(reference)
  for (const score of scores) tally.add(score)
  if (!tally.gap) throw new Error('Expected a gap')
  return tally.gap
}

/** Scores from −100 to 0, evenly. */
const even: ScoreReference = {
  rows: 48,
  meanLogDensity: -50,
  quantiles: quantilesOf(Float64Array.from({ length: 1001 }, (_, i) => -i / 10)),
  optimism: 0,
}

describe('gapBand', () => {
  it.each([
    [0, 'huge gap'],
    [0.599, 'huge gap'],
    [0.6, 'small gap'],
    [0.799, 'small gap'],
    [0.8, 'no gap'],
    [1.2, 'no gap'],
    [1.201, 'gap'],
    [2, 'gap'],
  ])('calls a ratio of %d a %s', (ratio, band) => {
    expect(gapBand(ratio)).toBe(band)
  })
})

describe('GapTally', () => {
  it('measures by mean percentile and by mean log density', () => {
    expect(gapOf(even, [-90, -70, -50, -30])).toEqual({
      rows: 4,
      percentileRatio: expect.closeTo(0.8, 9) as number,
      // The shares are .1, .3, .5, .7: their variance is .2/3.
      standardError: expect.closeTo(2 * Math.sqrt(0.2 / 3 / 4 + 1 / (12 * 48)), 9) as number,
      band: 'no gap',
      logDensityRatio: 1.2,
      logDensityBand: 'no gap',
    })
  })

  it('adds the optimism of the fit to the scores of the other set', () => {
    const fitted = { ...even, optimism: 10 }
    expect(gapOf(fitted, [-60]).percentileRatio).toBeCloseTo(1, 9)
    expect(gapOf(fitted, [-60]).logDensityRatio).toBe(1.2)
  })

  it('gives no ratio of log densities where their signs differ', () => {
    const apart = { logDensityRatio: null, logDensityBand: null }
    expect(gapOf(even, [3])).toMatchObject({ ...apart, percentileRatio: 2, band: 'gap' })
    expect(gapOf({ ...even, meanLogDensity: 0 }, [-50])).toMatchObject(apart)
    expect(gapOf(even, [0])).toMatchObject(apart)
  })

  it('goes on from its sums, and says nothing without rows', () => {
    const half = new GapTally(even)
    for (const score of [-90, -70]) half.add(score)
    const rest = new GapTally(even, structuredClone(half.sums))
    for (const score of [-50, NaN, -30]) rest.add(score)
    expect(rest.gap).toEqual(gapOf(even, [-90, -70, -50, -30]))
    expect(new GapTally(even).gap).toBeUndefined()
    const none = { ...even, quantiles: new Float64Array(0) }
    const tally = new GapTally(none)
    tally.add(-1)
    expect(tally.gap).toBeUndefined()
  })
})

/** Rows about six centres, `shift` standard deviations away along the diagonal, and `spread` times as wide. */
function rowsLike(
  seed: number,
  { rows = 400, columns = 8, shift = 0, spread = 1, unit = 1, clusters = 6 },
): Matrix {
  let state = seed
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  const gauss = (): number => Math.sqrt(-2 * Math.log(random())) * Math.cos(6.283185 * random())
  const values = new Float64Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    const cluster = Math.floor(random() * clusters)
    for (let i = 0; i < columns; i++) {
      const center = 4 * Math.sin(cluster * 7.3 + i * 1.1)
      values[row * columns + i] = unit * (center + spread * gauss() + shift / Math.sqrt(columns))
    }
  }
  return { rows, columns, values }
}

async function fit(rows: Matrix): Promise<GaussianMixture> {
  const mixture = new GaussianMixture({ components: 10 })
  do {
    await mixture.begin()
    await mixture.learn(rows)
  } while (await mixture.end())
  return mixture
}

async function gapTo(mixture: GaussianMixture, other: Matrix): Promise<Gap> {
  return gapOf(mixture.reference, (await mixture.apply(other)).logDensity)
}

describe('a gap between sets', () => {
  it.each([101, 202, 303])('is none where both are drawn alike, from seed %i', async (seed) => {
    // 169 parameters and 200 rows: in the sample a model says that any other set is far away.
    const mixture = await fit(rowsLike(seed, { rows: 200 }))
    const same = rowsLike(seed + 1, { rows: 1000 })
    const gap = await gapTo(mixture, same)
    expect(gap.band).toBe('no gap')
    expect(Math.abs(gap.percentileRatio - 1)).toBeLessThan(3.5 * gap.standardError)
    expect(gap.standardError).toBeLessThan(0.05)
    const uncorrected = gapOf(
      { ...mixture.reference, optimism: 0 },
      (await mixture.apply(same)).logDensity,
    )
    expect(uncorrected.percentileRatio).toBeLessThan(gap.percentileRatio - 0.15)
  })

  it('grows with the distance', async () => {
    const mixture = await fit(rowsLike(404, {}))
    const ratios: number[] = []
    for (const shift of [0, 1, 2, 3, 5])
      ratios.push((await gapTo(mixture, rowsLike(505, { shift }))).percentileRatio)
    expect(ratios.toSorted((a, b) => b - a)).toEqual(ratios)
    expect(ratios.map(gapBand)).toEqual([
      ...['no gap', 'no gap', 'small gap', 'huge gap', 'huge gap'],
    ])
  })

  it('is seen where the other set is wider, and named where it is narrower', async () => {
    const mixture = await fit(rowsLike(404, {}))
    expect((await gapTo(mixture, rowsLike(505, { spread: 1.5 }))).band).toBe('huge gap')
    expect((await gapTo(mixture, rowsLike(505, { spread: 0.5 }))).band).toBe('gap')
  })

  it('has no unit, as the ratio of log densities has', async () => {
    const gaps: Gap[] = []
    for (const unit of [1, 1 / 16]) {
      const mixture = await fit(rowsLike(404, { unit }))
      gaps.push(await gapTo(mixture, rowsLike(505, { unit, shift: 3 })))
    }
    const [one, other] = gaps
    expect(other?.percentileRatio).toBeCloseTo(one?.percentileRatio ?? NaN, 2)
    expect(one?.band).toBe('huge gap')
    // Above 1 in the one unit, below 0.6 in the other: from the same rows.
    expect(one?.logDensityRatio).toBeGreaterThan(1)
    expect(other?.logDensityRatio).toBeLessThan(0.9)
  })

  it('compares with the latest windows while learning online', async () => {
    const rows = rowsLike(606, { rows: 3000 })
    const part = (from: number, to: number): Matrix => ({
      ...rows,
      rows: to - from,
      values: rows.values.slice(from * 8, to * 8),
    })
    const mixture = await fit(part(0, 500))
    for (let at = 500; at < 3000; at += 250) await mixture.learnOnline(part(at, at + 250))
    expect(mixture.reference).toMatchObject({ optimism: 0, rows: 3501 })
    expect((await gapTo(mixture, rowsLike(707, {}))).band).toBe('no gap')
    expect((await gapTo(mixture, rowsLike(707, { shift: 3 }))).band).toBe('huge gap')
  })
})
