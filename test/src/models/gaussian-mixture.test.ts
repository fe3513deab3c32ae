import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DataError, OptionError } from '../../../src/errors.ts'
import { closeKernel } from '../../../src/kernels/kernel.ts'
import {
  GaussianMixture,
  type GaussianMixtureOptions,
} from '../../../src/models/gaussian-mixture.ts'
import { Random } from '../../../src/kernels/random.ts'
import { mixtureOptions } from '../../../src/models/mixture-options.ts'
import { MixturePasses } from '../../../src/models/mixture-passes.ts'
import type { Matrix } from '../../../src/models/model.ts'
import { Pca } from '../../../src/models/pca.ts'
import { loadModel, saveModel } from '../../../src/models/save.ts'
import { digits, learnAll, matrixOf, sklearn, slice } from '../../helpers/digits.ts'

afterAll(closeKernel)

interface Given {
  readonly weights: number[]
  readonly means: number[][]
  readonly covariances: number[][] | number[][][]
  readonly rows: number[][]
  readonly log_densities: number[]
  readonly responsibilities: number[][]
  readonly bic: number
}

const golden = sklearn('mixture') as {
  readonly given: Readonly<Record<string, Given>>
  readonly held_out: Readonly<Record<string, { readonly best_of_10: number }>>
}

const densities = JSON.parse(
  readFileSync(new URL('../../fixtures/density/densities.json', import.meta.url), 'utf8'),
) as {
  readonly given: {
    readonly weights: number[]
    readonly means: number[][]
    readonly diagonal: number[][]
    readonly full: number[][][]
    readonly x: number[][]
    readonly log_density: Readonly<Record<'diagonal' | 'full', number[]>>
  }
  readonly fitted: { readonly x: number[][] } & Readonly<Record<'diagonal' | 'full', number[]>>
}

let train: Matrix
let heldOut: Matrix
beforeAll(async () => {
  const raw = digits()
  const pca = new Pca({ components: 20 })
  await pca.learn(raw.train)
  await pca.end()
  train = await pca.apply(raw.train)
  heldOut = await pca.apply(raw.heldOut)
})

async function fit(
  rows: Matrix,
  options: GaussianMixtureOptions,
  size = rows.rows,
): Promise<GaussianMixture> {
  const mixture = new GaussianMixture(options)
  do {
    await mixture.begin()
    await learnAll(mixture, rows, size)
  } while (await mixture.end())
  return mixture
}

function mean(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}

async function score(mixture: GaussianMixture, rows: Matrix): Promise<number> {
  return mean((await mixture.apply(rows)).logDensity)
}

const kinds = ['diagonal', 'full'] as const

describe.each(kinds)('GaussianMixture, %s', (covariance) => {
  const given = golden.given[covariance] as Given
  const options = { components: 10, covariance }

  it('equals scikit-learn for given parameters', async () => {
    const mixture = GaussianMixture.fromParameters({
      covariance,
      weights: Float64Array.from(given.weights),
      means: Float64Array.from(given.means.flat()),
      covariances: Float64Array.from(given.covariances.flat(2)),
    })
    const rows = matrixOf(given.rows)
    const { logDensity, percentile } = await mixture.apply(rows)
    let total = 0
    logDensity.forEach((value, i) => {
      const expected = given.log_densities[i] ?? NaN
      expect(Math.abs(value - expected) / Math.abs(expected)).toBeLessThan(1e-8)
      total += value
    })
    expect(percentile.every(Number.isNaN)).toBe(true)
    const shares = await mixture.responsibilities(rows)
    shares.values.forEach((value, i) => {
      expect(value).toBeCloseTo(given.responsibilities.flat()[i] ?? NaN, 8)
    })
    const bic = mixture.freeParameters * Math.log(rows.rows) - 2 * total
    expect(bic / given.bic).toBeCloseTo(1, 8)
  })

  it.each([0, 1, 2])('fits held-out digits as well as the best of ten, seed %i', async (seed) => {
    const mixture = await fit(train, { ...options, seed })
    const best = golden.held_out[covariance]?.best_of_10 ?? NaN
    expect(await score(mixture, heldOut)).toBeGreaterThan(best - 0.3)
    expect(mixture.meanLogDensity).toBeCloseTo(await score(mixture, train), 9)
    expect(mixture.rowsSeen).toBe(train.rows)
  })

  it('keeps the best of several starts', async () => {
    const one = await fit(train, { ...options, maxIterations: 30 })
    const three = await fit(train, { ...options, starts: 3, maxIterations: 30 })
    expect(three.meanLogDensity).toBeGreaterThanOrEqual(one.meanLogDensity - 1e-3)
  })

  it('chooses the number of components by BIC, as if each had been fitted by itself', async () => {
    const settings = { covariance, maxIterations: 20, seed: 3 }
    const rows = slice(train, 0, 600)
    const chosen = await fit(rows, { ...settings, components: [4, 1, 2], starts: 2 })
    for (const { components, bic } of chosen.choice) {
      const alone = await fit(rows, { ...settings, components, starts: 2 })
      expect(alone.choice).toEqual([{ components, bic }])
      // One M step lies between the BIC of the last step and that of the model.
      expect(Math.abs(alone.bic / bic - 1)).toBeLessThan(0.01)
      if (components === chosen.weights.length)
        expect(alone.state()).toEqual({
          ...chosen.state(),
          parameters: alone.state().parameters,
        })
    }
    expect(chosen.choice.map(({ components }) => components)).toEqual([1, 2, 4])
    const best = chosen.choice.reduce((a, b) => (b.bic < a.bic ? b : a))
    expect(chosen.weights).toHaveLength(best.components)
    expect(GaussianMixture.fromState(chosen.state()).choice).toEqual(chosen.choice)
  })

  it('gives the same bits however its rows are batched', async () => {
    const settings = { ...options, maxIterations: 3 }
    const whole = await fit(train, settings)
    for (const size of [1000, 77]) {
      expect((await fit(train, settings, size)).state()).toEqual(whole.state())
    }
  })

  it('gives the same scores, nearly, where rows differ in the last bits', async () => {
    const nearly = {
      ...train,
      values: Float64Array.from(train.values, (v, i) => v * (1 + (i % 2 ? 1e-7 : -1e-7))),
    }
    const settings = { ...options, maxIterations: 5 }
    const expected = await (await fit(train, settings)).apply(train)
    const actual = await (await fit(nearly, settings)).apply(nearly)
    const off = expected.logDensity.map((v, row) => Math.abs(v - (actual.logDensity[row] ?? NaN)))
    expect(Math.max(...off)).toBeLessThan(1e-3)
  })

  it('merges the parts of each pass to the whole', async () => {
    const settings = mixtureOptions({ ...options, maxIterations: 1 })
    const whole = new MixturePasses(settings)
    const merged = new MixturePasses(settings)
    const part = new MixturePasses(settings)
    await whole.learn(train)
    await merged.learn(slice(train, 0, 500))
    await part.learn(slice(train, 500, train.rows))
    await merged.merge(part)
    await whole.end()
    await merged.end()
    expect(merged.mixtures).toEqual(whole.mixtures)

    const [start] = whole.mixtures
    if (!start) throw new Error('Expected a start')
    const left = await MixturePasses.from(settings, start)
    const right = await MixturePasses.from(settings, start)
    for (const passes of [whole, left, right]) passes.begin()
    await whole.learn(train)
    await left.learn(slice(train, 0, 500))
    await right.learn(slice(train, 500, train.rows))
    await left.merge(right)
    await whole.end()
    await left.end()
    for (const name of ['weights', 'means', 'covariances'] as const)
      left.mixtures[0]?.[name].forEach((value, i) => {
        expect(value).toBeCloseTo(whole.mixtures[0]?.[name][i] ?? NaN, 9)
      })

    const empty = await MixturePasses.from(settings, start)
    for (const passes of [whole, empty, left]) passes.begin()
    await whole.learn(train)
    await left.learn(train)
    const scored = await whole.end()
    await expect(empty.merge(left)).rejects.toThrow(
      'Expected a model in the same pass `expectation`, got `scores`',
    )
    expect((await left.end())?.quantiles).toHaveLength(scored?.quantiles.length ?? 0)
  })

  it('is saved and loaded bit for bit, also between windows', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'millrace-gmm-'))
    const mixture = await fit(slice(train, 0, 300), { ...options, maxIterations: 5 })
    await saveModel(join(parent, 'fitted'), mixture.state())
    const loaded = GaussianMixture.fromState(
      await loadModel(join(parent, 'fitted'), 'gaussian-mixture'),
    )
    expect(await loaded.apply(heldOut)).toEqual(await mixture.apply(heldOut))
    expect(loaded.bic).toBe(mixture.bic)
    await mixture.learnOnline(slice(train, 300, 556))
    await loaded.learnOnline(slice(train, 300, 556))
    await saveModel(join(parent, 'online'), loaded.state())
    await rm(join(parent, 'fitted'), { recursive: true })
    const again = GaussianMixture.fromState(
      await loadModel(join(parent, 'online'), 'gaussian-mixture'),
    )
    await rm(parent, { recursive: true })
    for (const model of [mixture, again]) await model.learnOnline(slice(train, 556, 812))
    expect(again.state()).toEqual(mixture.state())
    expect(again.rowsSeen).toBe(812)
  })

  it.each([0, 1, 2])('comes near the fit after one pass online, seed %i', async (seed) => {
    const mixture = await fit(slice(train, 0, 256), { ...options, seed })
    mixture.beginOnline()
    const warm = await score(mixture, heldOut)
    for (let from = 256; from < train.rows; from += 256)
      await mixture.learnOnline(slice(train, from, from + 256))
    const best = golden.held_out[covariance]?.best_of_10 ?? NaN
    const learned = await score(mixture, heldOut)
    expect(learned).toBeGreaterThan(best - 1.8)
    expect(learned).toBeGreaterThan(warm)
    expect(mixture.rowsSeen).toBe(train.rows)
    const { percentile } = await mixture.apply(slice(train, 942, train.rows))
    expect(mean(percentile)).toBeGreaterThan(40)
    expect(mean(percentile)).toBeLessThan(65)
  })

  it('says how many percent of the learned rows score no higher', async () => {
    const mixture = await fit(train, { ...options, maxIterations: 3 })
    const { logDensity, percentile } = await mixture.apply(train)
    const sorted = logDensity.slice().sort()
    logDensity.forEach((value, row) => {
      const rank = sorted.findIndex((other) => other > value)
      const share = (100 * (rank < 0 ? sorted.length : rank)) / sorted.length
      expect(Math.abs((percentile[row] ?? NaN) - share)).toBeLessThan(0.2)
    })
    const far = { rows: 1, columns: 20, values: new Float32Array(20).fill(1e4) }
    expect((await mixture.apply(far)).percentile).toEqual(Float64Array.of(0))
  })
})

describe('GaussianMixture beside other implementations', () => {
  it.each(kinds)('equals the log densities of another implementation, %s', async (covariance) => {
    const { weights, means, x, log_density: expected, ...covariances } = densities.given
    const mixture = GaussianMixture.fromParameters({
      covariance,
      weights: Float64Array.from(weights),
      means: Float64Array.from(means.flat()),
      covariances: Float64Array.from(covariances[covariance].flat(2)),
    })
    const { logDensity } = await mixture.apply(matrixOf(x))
    logDensity.forEach((value, row) => {
      expect(value / (expected[covariance][row] ?? NaN)).toBeCloseTo(1, 10)
    })
    const fitted = await fit(matrixOf(densities.fitted.x), { components: 1, covariance })
    const scores = (await fitted.apply(matrixOf(densities.fitted.x))).logDensity
    scores.forEach((value, row) => {
      expect(value).toBeCloseTo(densities.fitted[covariance][row] ?? NaN, 8)
    })
  })

  it.each(kinds)('scores where variances differ by a factor of 1e12, %s', async (covariance) => {
    const variances = [1e8, 1e-4]
    const mixture = GaussianMixture.fromParameters({
      covariance,
      weights: Float64Array.of(1),
      means: Float64Array.of(0, 0),
      covariances: Float64Array.from(covariance === 'full' ? [1e8, 0, 0, 1e-4] : variances),
    })
    const { logDensity } = await mixture.apply(matrixOf([[1e4, 0.01]]))
    expect(logDensity[0]).toBeCloseTo(-1 - Math.log(2 * Math.PI) - Math.log(1e4) / 2, 10)
  })
})

describe('GaussianMixture on few or odd rows', () => {
  it('scores columns of very different scales by the formula itself', async () => {
    // The variances differ by 1e18: a covariance that is decomposed as a whole counts as singular.
    const scales = [1e6, 1, 1e-3, 1e-6]
    const random = new Random(3)
    const columns = scales.length
    const values = Float64Array.from(
      { length: 400 * columns },
      (_, at) => (scales[at % columns] ?? 0) * (random.normal() + (at % 3)),
    )
    const rows = { rows: 400, columns, values }
    const mixture = await fit(rows, { components: 2, covariance: 'diagonal' })
    const { logDensity } = await mixture.apply(rows)
    const { weights, covariances } = mixture
    const means = mixture.means.values
    for (const row of [0, 17, 399]) {
      const joint = Array.from(weights, (weight, k) =>
        scales.reduce((sum, _, j) => {
          const variance = covariances[k * columns + j] ?? NaN
          const z = (values[row * columns + j] ?? NaN) - (means[k * columns + j] ?? NaN)
          return sum - 0.5 * (Math.log(2 * Math.PI * variance) + (z * z) / variance)
        }, Math.log(weight)),
      )
      const most = Math.max(...joint)
      const expected = most + Math.log(joint.reduce((sum, one) => sum + Math.exp(one - most), 0))
      expect(logDensity[row]).toBeCloseTo(expected, 6)
    }
  })

  it.each(kinds)('gives identical rows and constant columns the regularization, %s', async (c) => {
    const same = { rows: 12, columns: 2, values: new Float64Array(24).fill(1000) }
    const mixture = await fit(same, { components: 3, covariance: c, regularization: 1e-4 })
    expect([...mixture.weights]).toEqual([1, 0, 0])
    expect(mixture.covariances[0]).toBeCloseTo(1e-4, 12)
    const { logDensity, percentile } = await mixture.apply(slice(same, 0, 1))
    expect(logDensity[0]).toBeCloseTo(-Math.log(2 * Math.PI * 1e-4), 9)
    expect(percentile[0]).toBe(100)
    await mixture.learnOnline(same)
    expect([...mixture.weights]).toEqual([1, 0, 0])
  })

  it.each(kinds)('fits as many rows as components, and one row, %s', async (c) => {
    const rows = matrixOf([
      [0, 0],
      [10, 0],
      [0, 10],
    ])
    const mixture = await fit(rows, { components: 3, covariance: c })
    for (const weight of mixture.weights) expect(weight).toBeCloseTo(1 / 3, 12)
    const one = await fit(slice(rows, 1, 2), { components: 1, covariance: c })
    expect([...one.means.values]).toEqual([10, 0])
  })

  it('is as exact far from the origin', async () => {
    const near = { ...train, values: Float64Array.from(train.values, Math.fround) }
    const far = { ...train, values: near.values.map((value) => value + 2 ** 17) }
    const fitted = await fit(near, { components: 4, covariance: 'full', maxIterations: 5 })
    const { weights, covariances, means } = fitted
    const moved = GaussianMixture.fromParameters({
      covariance: 'full',
      weights,
      covariances,
      means: Float64Array.from(means.values, (value) => value + 2 ** 17),
    })
    const [a, b] = [await fitted.apply(near), await moved.apply(far)]
    a.logDensity.forEach((value, row) => {
      expect(b.logDensity[row]).toBeCloseTo(value, 6)
    })
    const [one, same] = [await fit(near, { components: 1 }), await fit(far, { components: 1 })]
    expect(same.meanLogDensity).toBeCloseTo(one.meanLogDensity, 9)
  })

  it('refuses too few rows, values that are not finite and other columns', async () => {
    await expect(fit(matrixOf([[1, 2]]), { components: 2 })).rejects.toThrow(
      new DataError('Expected at least 2 rows for as many components, got 1', { url: 'memory' }),
    )
    const rows = matrixOf([
      [0, 1],
      [Infinity, 2],
      [3, 3],
    ])
    await expect(fit(rows, { components: 1 })).rejects.toThrow(
      'Expected finite numbers, got Infinity in row 1, column 0',
    )
    const mixture = await fit(slice(rows, 2, 3), { components: 1 })
    const { logDensity, percentile } = await mixture.apply(
      matrixOf([
        [3, 3],
        [NaN, 3],
      ]),
    )
    expect([...logDensity, ...percentile].map(Number.isNaN)).toEqual([false, true, false, true])
    await expect(mixture.apply(matrixOf([[1]]))).rejects.toThrow(
      'Expected rows of 2 columns, got 1 values in 1 rows of 1',
    )
    await expect(mixture.learnOnline(rows)).rejects.toBeInstanceOf(DataError)
  })

  it.each(kinds)('names a singular covariance where nothing is added, %s', async (c) => {
    const rows = matrixOf([
      [1, 5],
      [2, 5],
      [3, 5],
    ])
    await expect(fit(rows, { components: 1, covariance: c, regularization: 0 })).rejects.toThrow(
      'Expected positive definite covariances, got a singular one in component 0: a larger `regularization` is needed',
    )
  })

  it.each(kinds)('finds the number of clouds by BIC, %s', async (c) => {
    let state = 5
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
    const gauss = (): number => Math.sqrt(-2 * Math.log(random())) * Math.cos(6.283 * random())
    const rows = matrixOf(
      Array.from({ length: 300 }, (_, i) => [gauss() + 8 * (i % 3), gauss() - 8 * (i % 3)]),
    )
    const mixture = await fit(rows, { components: { from: 1, to: 6 }, covariance: c })
    expect(mixture.weights).toHaveLength(3)
    expect(mixture.choice).toHaveLength(6)
    // 2 weights, 6 numbers of means, and 2 or 3 of each covariance.
    expect(mixture.freeParameters).toBe(c === 'diagonal' ? 14 : 17)
    const { logDensity } = await mixture.apply(rows)
    const likelihood = logDensity.reduce((a, b) => a + b)
    expect(mixture.bic).toBeCloseTo(mixture.freeParameters * Math.log(300) - 2 * likelihood, 6)
    mixture.beginOnline()
    await mixture.learnOnline(slice(rows, 0, 50))
    expect(mixture.weights).toHaveLength(3)
  })

  it('leaves out numbers of components that are too many for the rows', async () => {
    const rows = slice(train, 0, 3)
    const mixture = await fit(rows, { components: { from: 2, to: 9 } })
    expect(mixture.choice.map(({ components }) => components)).toEqual([2, 3])
    await expect(fit(rows, { components: [5, 4] })).rejects.toThrow(
      'Expected at least 4 rows for as many components, got 3',
    )
  })

  it.each([
    [[], 'Expected option `components` to leave a choice of 1 to 64 numbers, got 0'],
    [
      { from: 3, to: 2 },
      'Expected option `components` to leave a choice of 1 to 64 numbers, got 0',
    ],
    [{ from: 1, to: 1e9 }, 'to leave a choice of 1 to 64 numbers, got 65'],
    [
      { from: 1 },
      'Expected option `components` to be a number, a list, or { from, to }, got an object',
    ],
    [
      { from: 0, to: 2 },
      'Expected option `components.from` to be a positive integer, got `0` (number)',
    ],
    [[2, 1.5], 'Expected option `components` to be a positive integer, got `1.5` (number)'],
  ])('refuses a choice of %j components', (components, message) => {
    expect(() => new GaussianMixture({ components } as GaussianMixtureOptions)).toThrow(message)
  })

  it('checks its options, its order of calls and its state', async () => {
    expect(() => new GaussianMixture({ components: 2, tol: 1 } as GaussianMixtureOptions)).toThrow(
      OptionError,
    )
    expect(() => new GaussianMixture({ components: 2, covariance: 'diag' as 'full' })).toThrow(
      "Expected option `covariance` to be one of 'diagonal', 'full', got `diag` (string)",
    )
    const fresh = new GaussianMixture({ components: 2 })
    expect(() => fresh.state()).toThrow('Expected a fitted model, got one before its last `end`')
    await expect(fresh.learn(train)).rejects.toThrow('Expected a pass, got a model before `begin`')
    const state = (await fit(train, { components: 2, maxIterations: 1 })).state()
    expect(() => GaussianMixture.fromState({ ...state, kind: 'pca' })).toThrow(
      'Expected a model of kind `gaussian-mixture`, got `pca`',
    )
    const weights = { shape: [1], values: Float64Array.of(1) }
    const arrays = { ...state.arrays, weights }
    expect(() => GaussianMixture.fromState({ ...state, arrays })).toThrow(
      'Expected array `weights` of shape 2, got 1 with 1 values',
    )
  })

  it('goes on from a fitted model', async () => {
    const short = await fit(train, { components: 5, maxIterations: 2 })
    const before = short.meanLogDensity
    do {
      await short.begin()
      await short.learn(train)
    } while (await short.end())
    expect(short.meanLogDensity).toBeGreaterThan(before)
  })
})
