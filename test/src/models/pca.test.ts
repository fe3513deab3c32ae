import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { DataError, OptionError } from '../../../src/errors.ts'
import { closeKernel } from '../../../src/kernels/kernel.ts'
import { Random } from '../../../src/kernels/random.ts'
import type { Matrix } from '../../../src/models/model.ts'
import { Pca, type PcaOptions } from '../../../src/models/pca.ts'
import { loadModel, saveModel } from '../../../src/models/save.ts'
import { digits, learnAll, matrixOf, sklearn, slice } from '../../helpers/digits.ts'

afterAll(closeKernel)

interface Golden {
  readonly components: number[][]
  readonly explained_variance: number[]
  readonly explained_variance_ratio: number[]
  readonly mean: number[]
  readonly scores: number[][]
  readonly whitened: number[][]
}

const golden = sklearn('pca') as Golden
const { train, heldOut } = digits()

type Incremental = Omit<Golden, 'whitened'> & { readonly whiten: boolean }
const { cases: incremental } = sklearn('incremental-pca') as {
  readonly cases: Readonly<Record<string, Incremental>>
}

async function fit(rows: Matrix, options: PcaOptions, size = rows.rows): Promise<Pca> {
  const pca = new Pca(options)
  pca.begin()
  await learnAll(pca, rows, size)
  expect(await pca.end()).toBe(false)
  return pca
}

/** Largest difference, relative to the largest expected value. */
function difference(got: ArrayLike<number>, expected: readonly number[]): number {
  expect(got.length).toBe(expected.length)
  const largest = Math.max(...expected.map(Math.abs))
  return Math.max(...expected.map((value, i) => Math.abs((got[i] ?? NaN) - value))) / largest
}

/** `numbers` as rows of `columns`, each turned so that its largest entry is positive. */
function oriented(rows: readonly (readonly number[])[]): { rows: number[][]; signs: number[] } {
  const signs = rows.map((row) =>
    Math.sign(row.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0)),
  )
  return { rows: rows.map((row, i) => row.map((value) => value * (signs[i] ?? 1))), signs }
}

/** A random matrix of given rank plus noise, with an offset. */
function planted(rows: number, columns: number, rank: number, noise: number): Matrix {
  const random = new Random(5)
  const factors = Float64Array.from({ length: rank * columns }, () => random.normal())
  const values = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    const weights = Array.from({ length: rank }, (_, i) => random.normal() * (rank - i))
    for (let j = 0; j < columns; j++) {
      const sum = weights.reduce((s, w, i) => s + w * (factors[i * columns + j] ?? 0), 0)
      values[row * columns + j] = 100 + sum + noise * random.normal()
    }
  }
  return { rows, columns, values }
}

/** Cosine of the largest angle between the spans of two sets of orthonormal rows, from below. */
function leastOverlap(a: Matrix, b: Matrix): number {
  const norms = Array.from({ length: a.rows }, (_, i) => {
    let sum = 0
    for (let k = 0; k < b.rows; k++) {
      let dot = 0
      for (let j = 0; j < a.columns; j++)
        dot += (a.values[i * a.columns + j] ?? 0) * (b.values[k * a.columns + j] ?? 0)
      sum += dot * dot
    }
    return Math.sqrt(sum)
  })
  return Math.min(...norms)
}

describe('Pca', () => {
  it('equals scikit-learn on the digits', async () => {
    const pca = await fit(train, { components: 20 })
    const { rows, signs } = oriented(golden.components)
    expect(difference(pca.components.values, rows.flat())).toBeLessThan(1e-6)
    expect(difference(pca.mean, golden.mean)).toBeLessThan(1e-12)
    pca.explainedVariance.forEach((value, i) => {
      expect(value / (golden.explained_variance[i] ?? NaN)).toBeCloseTo(1, 9)
    })
    expect(difference(pca.explainedVarianceRatio, golden.explained_variance_ratio)).toBeLessThan(
      1e-9,
    )
    const scores = await pca.apply(slice(heldOut, 0, 5))
    const turned = golden.scores.map((row) => row.map((s, i) => s * (signs[i] ?? 1)))
    expect(scores.values).toBeInstanceOf(Float32Array)
    expect(difference(scores.values, turned.flat())).toBeLessThan(1e-6)
    const whitening = await fit(train, { components: 20, whiten: true })
    const whitened = await whitening.apply(slice(heldOut, 0, 5))
    const expected = golden.whitened.map((row) => row.map((s, i) => s * (signs[i] ?? 1)))
    expect(difference(whitened.values, expected.flat())).toBeLessThan(1e-6)
  })

  it.each(Object.entries(incremental))(
    'in batches of %s rows equals scikit-learn’s IncrementalPCA, however its rows come',
    async (batch, expected) => {
      const options = { components: 8, batchRows: Number(batch), whiten: expected.whiten }
      for (const size of [train.rows, 97]) {
        const pca = await fit(train, options, size)
        const { values } = pca.components
        expect(difference(values, expected.components.flat())).toBeLessThan(1e-6)
        expect(difference(pca.explainedVariance, expected.explained_variance)).toBeLessThan(1e-9)
        expect(
          difference(pca.explainedVarianceRatio, expected.explained_variance_ratio),
        ).toBeLessThan(1e-9)
        expect(difference(pca.mean, expected.mean)).toBeLessThan(1e-12)
        const scores = await pca.apply(slice(heldOut, 0, 5))
        expect(difference(scores.values, expected.scores.flat())).toBeLessThan(1e-6)
      }
    },
  )

  it('leaves more out in batches than at once', async () => {
    const exact = await fit(train, { components: 8 })
    const pca = await fit(train, { components: 8, batchRows: 160 })
    expect(difference(pca.components.values, [...exact.components.values])).toBeGreaterThan(1e-3)
    expect(pca.state().parameters).toMatchObject({ batchRows: 160 })
    const again = Pca.fromState(pca.state())
    await pca.learnOnline(slice(train, 0, 100))
    await again.learnOnline(slice(train, 0, 100))
    expect(again.state()).toEqual(pca.state())
  })

  it('gives the same bits however its rows are batched', async () => {
    const rows = planted(3000, 600, 10, 0.1)
    const whole = await fit(rows, { components: 5 })
    for (const size of [1000, 777]) {
      const cut = await fit(rows, { components: 5 }, size)
      expect(cut.state()).toEqual(whole.state())
    }
  })

  it('merges parts to the whole', async () => {
    const whole = await fit(train, { components: 20 })
    const [left, right] = [new Pca({ components: 20 }), new Pca({ components: 20 })]
    await left.learn(slice(train, 0, 300))
    await right.learn(slice(train, 300, train.rows))
    await left.merge(right)
    await left.end()
    const empty = new Pca({ components: 20 })
    const other = new Pca({ components: 20 })
    await other.learn(train)
    await empty.merge(other)
    await empty.merge(new Pca({ components: 20 }))
    await empty.end()
    for (const merged of [left, empty]) {
      expect(merged.rowsSeen).toBe(train.rows)
      expect(difference(merged.components.values, [...whole.components.values])).toBeLessThan(1e-10)
      expect(difference(merged.explainedVariance, [...whole.explainedVariance])).toBeLessThan(1e-12)
    }
  })

  it('finds a planted subspace among many columns, far from the origin', async () => {
    const rows = planted(2000, 700, 12, 0.01)
    const pca = await fit(rows, { components: 12 })
    const back = await pca.inverse(await pca.apply(rows))
    let worst = 0
    rows.values.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - (back.values[i] ?? NaN)))
    })
    expect(worst).toBeLessThan(0.06)
    const explained = pca.explainedVarianceRatio.reduce((a, b) => a + b, 0)
    expect(explained).toBeGreaterThan(0.999)
    expect(explained).toBeLessThan(1)
  })

  it('is saved and loaded bit for bit', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'millrace-pca-'))
    const pca = await fit(train, { components: 3, whiten: true })
    await saveModel(join(parent, 'pca'), pca.state())
    const loaded = Pca.fromState(await loadModel(join(parent, 'pca'), 'pca'))
    await rm(parent, { recursive: true })
    expect(await loaded.apply(heldOut)).toEqual(await pca.apply(heldOut))
    expect(loaded.explainedVarianceRatio).toEqual(pca.explainedVarianceRatio)
    await loaded.learnOnline(heldOut)
    await pca.learnOnline(heldOut)
    expect(loaded.components).toEqual(pca.components)
  })

  it('learns windows online, close to the fit of all rows', async () => {
    const pca = await fit(slice(train, 0, 256), { components: 10 })
    for (let from = 256; from < train.rows; from += 256)
      await pca.learnOnline(slice(train, from, from + 256))
    const whole = await fit(train, { components: 10 })
    expect(pca.rowsSeen).toBe(train.rows)
    expect(difference(pca.mean, [...whole.mean])).toBeLessThan(1e-12)
    expect(difference(pca.explainedVariance, [...whole.explainedVariance])).toBeLessThan(0.01)
    expect(leastOverlap(pca.components, whole.components)).toBeGreaterThan(0.98)
    expect(pca.state().arrays['vectors']?.shape).toEqual([26, 64])
  })

  it('learns online exactly while the rank stays within its bound', async () => {
    const rows = slice(train, 0, 600)
    const narrow = { rows: 600, columns: 8, values: rows.values.slice(0, 4800) }
    const pca = await fit(slice(narrow, 0, 100), { components: 4 })
    await pca.learnOnline(slice(narrow, 100, 350))
    await pca.learnOnline(slice(narrow, 350, 600))
    const whole = await fit(narrow, { components: 4 })
    expect(difference(pca.explainedVariance, [...whole.explainedVariance])).toBeLessThan(1e-12)
    expect(leastOverlap(pca.components, whole.components)).toBeGreaterThan(1 - 1e-12)
  })

  it('keeps a bounded state for very wide rows', async () => {
    const rows = planted(600, 5000, 6, 0.01)
    const pca = await fit(rows, { components: 6 })
    expect(pca.state().arrays['vectors']?.shape).toEqual([22, 5000])
    expect(pca.explainedVarianceRatio.reduce((a, b) => a + b, 0)).toBeGreaterThan(0.999)
    const [left, right] = [new Pca({ components: 6 }), new Pca({ components: 6 })]
    await left.learn(slice(rows, 0, 250))
    await right.learn(slice(rows, 250, 600))
    await left.merge(right)
    await left.end()
    expect(leastOverlap(left.components, pca.components)).toBeGreaterThan(1 - 1e-6)
  })
})

describe('Pca on few or odd rows', () => {
  const cases = [
    { name: 'one row', rows: [[1, 2, 3]], variance: [0, 0], components: [0, 0, 0, 0, 0, 0] },
    {
      name: 'identical rows',
      rows: [
        [5, 5, 5],
        [5, 5, 5],
        [5, 5, 5],
      ],
      variance: [0, 0],
      components: [0, 0, 0, 0, 0, 0],
    },
    {
      name: 'fewer rows than components and a constant column',
      rows: [
        [-3, 7, -4],
        [3, 7, 4],
      ],
      variance: [50, 0],
      components: [0.6, 0, 0.8, 0, 0, 0],
    },
  ]

  it.each(cases)('$name: directions that are not there are zero', async (c) => {
    for (const whiten of [false, true]) {
      const pca = await fit(matrixOf(c.rows), { components: 2, whiten })
      expect([...pca.explainedVariance].map((v) => Math.round(v * 1e9) / 1e9)).toEqual(c.variance)
      pca.components.values.forEach((value, i) => {
        expect(value).toBeCloseTo(c.components[i] ?? NaN, 12)
      })
      const scores = await pca.apply(matrixOf(c.rows))
      expect([...scores.values].every(Number.isFinite)).toBe(true)
    }
  })

  it('refuses values that are not finite, naming the place, and scores them NaN', async () => {
    const pca = new Pca({ components: 1 })
    const rows = matrixOf([
      [1, 2],
      [3, NaN],
      [5, 8],
    ])
    await expect(pca.learn(rows)).rejects.toThrow(
      new DataError('Expected finite numbers, got NaN in row 1, column 1', { url: 'memory' }),
    )
    const fitted = await fit(
      matrixOf([
        [0, 0],
        [1, 1],
      ]),
      { components: 1 },
    )
    const scores = await fitted.apply(rows)
    expect([...scores.values].map(Number.isNaN)).toEqual([false, true, false])
    await expect(fitted.learnOnline(rows)).rejects.toBeInstanceOf(DataError)
  })

  it('refuses no rows, too few columns, and rows of another width or type', async () => {
    await expect(new Pca({ components: 1 }).end()).rejects.toThrow(
      'Expected at least one row, got none',
    )
    await expect(new Pca({ components: 3 }).learn(matrixOf([[1, 2]]))).rejects.toThrow(
      'Expected at least 3 columns for as many components, got 2',
    )
    const pca = new Pca({ components: 1 })
    await pca.learn(matrixOf([[1, 2]]))
    await expect(pca.learn(matrixOf([[1, 2, 3]]))).rejects.toThrow(
      'Expected rows of 2 columns, got 3 values in 1 rows of 3',
    )
    const single = { rows: 1, columns: 2, values: Float32Array.of(1, 2) }
    await expect(pca.learn(single)).rejects.toThrow(
      'Expected rows of Float64Array, got Float32Array',
    )
    expect(() => pca.components).toThrow('Expected a fitted model, got one before its first `end`')
  })

  it('checks its options and its state', async () => {
    expect(() => new Pca({ components: 8, batchRows: 7 })).toThrow(
      'Expected option `batchRows` to be at least as many as `components`, 8, got 7',
    )
    expect(() => new Pca({ components: 0 })).toThrow(OptionError)
    expect(() => new Pca({ components: 1, whitened: true } as PcaOptions)).toThrow(
      'Expected Pca to be given only known options, got `whitened`; did you mean `whiten`?',
    )
    const state = (
      await fit(
        matrixOf([
          [0, 1],
          [1, 0],
        ]),
        { components: 1 },
      )
    ).state()
    expect(() => Pca.fromState({ ...state, version: 2 })).toThrow(
      'Expected version 1 of `pca`, got 2',
    )
    const mean = { shape: [3], values: new Float64Array(3) }
    expect(() => Pca.fromState({ ...state, arrays: { ...state.arrays, mean } })).toThrow(
      'Expected array `vectors` of shape 2×3, got 2×2 with 4 values',
    )
  })
})
