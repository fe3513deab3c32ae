import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { DataError, OptionError } from '../../../src/errors.ts'
import { closeKernel } from '../../../src/kernels/kernel.ts'
import type { LayoutProgress, LayoutWatch } from '../../../src/models/layout.ts'
import type { Matrix } from '../../../src/models/model.ts'
import { SampleMap, type SampleMapOptions } from '../../../src/models/sample-map.ts'
import { loadModel, saveModel } from '../../../src/models/save.ts'
import { digits, learnAll, matrixOf, sklearn, slice } from '../../helpers/digits.ts'
import { trustworthiness } from '../../helpers/trustworthiness.ts'

afterAll(closeKernel)

const golden = sklearn('maps') as {
  readonly neighbors: number
  readonly pca: number
  readonly pca_points: number[][]
  readonly tsne: number
}
const { train, heldOut } = digits()
const few = slice(train, 0, 300)
const any = { dimensions: 2, metric: 'euclidean', sampleRows: 1000, seed: 1 } as const
const methods = {
  umap: { ...any, method: 'umap', neighbors: 15, minDist: 0.1 },
  tsne: { ...any, method: 'tsne', perplexity: 30, learningRate: 10, iterations: 500 },
} satisfies Record<string, SampleMapOptions>
const quick = {
  umap: { ...methods.umap, epochs: 60 },
  tsne: { ...methods.tsne, iterations: 60 },
} satisfies Record<string, SampleMapOptions>
const names = ['umap', 'tsne'] as const

async function fit(
  rows: Matrix,
  options: SampleMapOptions,
  { size = rows.rows, watch }: { size?: number; watch?: LayoutWatch } = {},
): Promise<SampleMap> {
  const map = new SampleMap(options, watch)
  map.begin()
  await learnAll(map, rows, size)
  expect(await map.end()).toBe(false)
  return map
}

function joined(a: Matrix, b: Matrix): Matrix {
  const values = Float64Array.from([...a.values, ...b.values])
  return { rows: a.rows + b.rows, columns: a.columns, values }
}

describe('trustworthiness', () => {
  it('is that of scikit-learn', () => {
    const points = matrixOf(golden.pca_points)
    // Rows of whole numbers have equal distances, which it ranks in another order.
    expect(trustworthiness(few, points, golden.neighbors)).toBeCloseTo(golden.pca, 4)
  })
})

describe.each(names)('SampleMap by %s', (name) => {
  const kept = fit(few, methods[name])

  it('keeps neighbours as well as the t-SNE of scikit-learn', async () => {
    const points = await (await kept).apply(few)
    const kept12 = trustworthiness(few, points, golden.neighbors)
    expect(kept12).toBeGreaterThan(golden.tsne - 0.015)
    expect(kept12).toBeGreaterThan(golden.pca + 0.1)
  })

  it('places other rows among the neighbours that they have', async () => {
    const map = await kept
    const other = slice(heldOut, 0, 200)
    const points = joined(await map.apply(few), await map.apply(other))
    const trust = trustworthiness(joined(few, other), points, golden.neighbors)
    expect(trust).toBeGreaterThan(golden.pca + 0.05)
  })

  it('places a row alone as among others, and the sample where it was laid out', async () => {
    const map = await kept
    const whole = await map.apply(heldOut)
    const alone = await map.apply(slice(heldOut, 7, 8))
    expect([...alone.values]).toEqual([...whole.values.subarray(14, 16)])
    const { sample, points } = map.state().arrays
    const again = await map.apply({ ...few, values: sample?.values as Float64Array })
    expect([...again.values]).toEqual([...(points?.values as Float64Array)])
  })

  it('gives the same points however its rows were learned, and others by another seed', async () => {
    const rows = slice(train, 0, 90)
    const options = { ...quick[name], sampleRows: 60 }
    const whole = (await fit(rows, options)).state()
    expect(whole).toMatchObject({ rowsSeen: 90, arrays: { points: { shape: [60, 2] } } })
    expect((await fit(rows, options, { size: 7 })).state()).toEqual(whole)
    const [one, two] = [new SampleMap(options), new SampleMap(options)]
    for (const map of [one, two]) map.begin()
    await two.learn(slice(rows, 0, 50))
    await one.learn(slice(rows, 50, 90))
    await one.merge(two)
    await one.end()
    expect(one.state()).toEqual(whole)
    expect((await fit(rows, { ...options, seed: 2 })).state().arrays).not.toEqual(whole.arrays)
  })

  it('compares directions by cosine', async () => {
    const rows = slice(train, 0, 60)
    const longer = { ...rows, values: rows.values.map((value) => 4 * value) }
    const map = await fit(rows, { ...quick[name], metric: 'cosine' })
    expect((await map.apply(longer)).values).toEqual((await map.apply(rows)).values)
  })

  it('is saved and made again', async () => {
    const map = await kept
    const folder = await mkdtemp(join(tmpdir(), 'sample-map-'))
    await saveModel(join(folder, 'map'), map.state())
    const loaded = SampleMap.fromState(await loadModel(join(folder, 'map'), name), name)
    expect(loaded.rowsSeen).toBe(300)
    expect((await loaded.apply(heldOut)).values).toEqual((await map.apply(heldOut)).values)
    await rm(folder, { recursive: true })
  })

  it('refuses a state that makes no map', async () => {
    const state = (await kept).state()
    const other = name === 'umap' ? 'tsne' : 'umap'
    const none = { shape: [0, 2], values: new Float64Array(0) }
    const arrays = { ...state.arrays, points: none }
    const nan = { shape: [300, 2], values: new Float64Array(600).fill(NaN) }
    const cases: readonly [object, string][] = [
      [{ kind: other }, `Expected a model of kind \`${name}\`, got \`${other}\``],
      [{ parameters: methods[other] }, `Expected a map by ${name}`],
      [{ arrays }, 'Expected array `points` of shape 300×2, got 0×2'],
      [{ arrays: { points: none, sample: none } }, 'of 0'],
      [{ arrays: { ...arrays, points: nan } }, 'Expected finite numbers'],
      [{ parameters: { ...state.parameters, dimensions: 3 } }, 'of shape 300×3'],
    ]
    for (const [change, message] of cases)
      expect(() => SampleMap.fromState({ ...state, ...change }, name)).toThrow(message)
  })

  it('maps the fewest and equal rows, and refuses fewer', async () => {
    const rows = matrixOf([
      [0, 0],
      [0, 1],
      [5, 5],
      [5, 6],
    ])
    for (const some of [rows, { ...rows, values: new Float64Array(8) }]) {
      const points = await (await fit(some, quick[name])).apply(some)
      expect(points.values.every(Number.isFinite)).toBe(true)
    }
    await expect(fit(slice(rows, 0, 3), quick[name])).rejects.toThrow(
      `Expected at least 4 rows for ${name}, got 3`,
    )
  })

  it('tells its progress, and stops when it is aborted', async () => {
    const told: LayoutProgress[] = []
    await fit(slice(train, 0, 60), quick[name], {
      watch: { onProgress: (progress) => told.push(progress) },
    })
    expect(told.at(-1)).toEqual({ done: 60, total: 60 })
    const stop = new AbortController()
    const endless =
      name === 'umap'
        ? { ...methods.umap, epochs: 1_000_000 }
        : { ...methods.tsne, iterations: 1_000_000 }
    const watch = {
      signal: stop.signal,
      onProgress: () => {
        stop.abort()
      },
    }
    await expect(fit(few, endless, { watch })).rejects.toThrow('aborted')
  })

  it('refuses a value that is not finite, and a sample that is too large', async () => {
    const bad = { rows: 1, columns: 2, values: Float64Array.of(1, NaN) }
    await expect(fit(bad, methods[name])).rejects.toThrow(DataError)
    const most = name === 'umap' ? 20_000 : 3000
    const over = { ...methods[name], sampleRows: most + 1 }
    expect(() => new SampleMap(over)).toThrow(OptionError)
    expect(() => new SampleMap(over)).toThrow(
      `Expected option \`sampleRows\` of ${name} to be from 4 to ${String(most)}, got ${String(most + 1)}; rows beyond the sample are placed by their nearest sample rows`,
    )
  })
})
