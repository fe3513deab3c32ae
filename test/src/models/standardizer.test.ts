import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DataError, OptionError } from '../../../src/errors.ts'
import type { Matrix } from '../../../src/models/model.ts'
import { loadModel, restoredModel, saveModel } from '../../../src/models/save.ts'
import { Standardizer, type StandardizerOptions } from '../../../src/models/standardizer.ts'
import { learnAll, slice } from '../../helpers/digits.ts'
import { bytes, numbers } from '../../helpers/pixel-numbers.ts'

const { moments } = numbers

function matrix(columns: number, values: ArrayLike<number>): Matrix {
  return { rows: values.length / columns, columns, values: Float64Array.from(values) }
}

async function fit(rows: Matrix, options: Partial<StandardizerOptions> = {}, size = rows.rows) {
  const model = new Standardizer({ columns: rows.columns, ...options })
  model.begin()
  await learnAll(model, rows, size)
  expect(await model.end()).toBe(false)
  return model
}

function expectClose(got: ArrayLike<number>, wanted: readonly number[], relative = 1e-13): void {
  expect(got).toHaveLength(wanted.length)
  for (const [i, value] of wanted.entries())
    expect(Math.abs((got[i] ?? NaN) - value)).toBeLessThanOrEqual(relative * Math.abs(value))
}

/** Five pictures of 2 × 3 × 3 values. */
const pictures = matrix(18, bytes(moments.pictures))
const far = matrix(2, moments.far)

describe('Standardizer', () => {
  it('learns what NumPy computes, per element and per channel', async () => {
    const element = await fit(pictures)
    expectClose(element.mean, moments.element.mean)
    expectClose(element.deviation, moments.element.std)
    const channel = await fit(pictures, { channels: 3 })
    expectClose(channel.mean, moments.channel.mean)
    expectClose(channel.deviation, moments.channel.std)
    expect([element.rowsSeen, channel.rowsSeen]).toEqual([5, 5])
  })

  it('takes channels that come first, too', async () => {
    // The same pictures, channels × height × width.
    const first = Float64Array.from(pictures.values, (_, at) => {
      const [row, channel, pixel] = [Math.floor(at / 18), Math.floor((at % 18) / 6), at % 6]
      return pictures.values[18 * row + 3 * pixel + channel] as number
    })
    const model = await fit(matrix(18, first), { channels: 3, inner: 6 })
    expectClose(model.mean, moments.channel.mean)
    expectClose(model.deviation, moments.channel.std)
  })

  it('loses no digits far from 0, where the mean of squares less the square of the mean does', async () => {
    const { mean, deviation } = await fit(far)
    expectClose(mean, moments.farMean)
    expectClose(deviation, moments.farStd, 1e-9)
    const squares = moments.far.reduce((sum, x, i) => sum + (i % 2 ? 0 : x * x), 0) / far.rows
    const naive = Math.sqrt(squares - (mean[0] as number) ** 2)
    expect(Math.abs(naive / (moments.farStd[0] as number) - 1)).toBeGreaterThan(1e-9)
  })

  it('gives rows of mean 0 and deviation 1, of the type that came in', async () => {
    const model = await fit(far)
    const out = await model.apply(far)
    const again = await fit(out)
    for (const mean of again.mean) expect(Math.abs(mean)).toBeLessThan(1e-9)
    expectClose(again.deviation, [1, 1], 1e-9)
    const single = { ...far, values: Float32Array.from(far.values) }
    expect((await model.apply(single)).values).toBeInstanceOf(Float32Array)
  })

  it('centres a constant channel and divides it by 1', async () => {
    // Sums of .1 are not whole multiples of it.
    const values = Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? 0.1 : i))
    for (const options of [{}, { columns: 10, channels: 2 }]) {
      const model = await fit(matrix(options.columns ?? 2, values), options)
      expect([model.mean[0], model.deviation[0]]).toEqual([0.1, 1])
      const { values: out } = await model.apply(matrix(options.columns ?? 2, values))
      for (const [i, value] of out.entries()) if (i % 2 === 0) expect(value).toBe(0)
    }
  })

  it('fits the same bits however the rows are cut, and from parts up to rounding', async () => {
    const whole = await fit(far)
    for (const size of [1, 7, 64]) expect((await fit(far, {}, size)).state()).toEqual(whole.state())
    const [a, b] = [new Standardizer({ columns: 2 }), new Standardizer({ columns: 2 })]
    await a.learn(slice(far, 0, 70))
    await b.learn(slice(far, 70, 200))
    await a.merge(b)
    await a.merge(new Standardizer({ columns: 2 }))
    await a.end()
    expect(a.rowsSeen).toBe(200)
    expectClose(a.mean, [...whole.mean])
    expectClose(a.deviation, [...whole.deviation], 1e-9)
  })

  it('goes on learning online as if the windows had been in the fit', async () => {
    const model = await fit(slice(far, 0, 50))
    await model.learnOnline(slice(far, 50, 200))
    expect(model.state()).toEqual((await fit(far)).state())
  })

  it('is saved and loaded', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'standardizer-'))
    const model = await fit(pictures, { channels: 3 })
    await saveModel(join(folder, 'model'), model.state())
    const loaded = Standardizer.fromState(await loadModel(join(folder, 'model'), 'standardizer'))
    expect(loaded.state()).toEqual(model.state())
    expect(await loaded.apply(pictures)).toEqual(await model.apply(pictures))
    await rm(folder, { recursive: true })
  })

  it('refuses a saved model whose numbers do not fit together', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'standardizer-'))
    const state = (await fit(pictures, { channels: 3 })).state()
    for (const parameters of [{ columns: 17, inner: 1 }, { columns: 18 }, { inner: 0.5 }]) {
      await saveModel(join(folder, 'model'), { ...state, parameters })
      const loading = restoredModel(join(folder, 'model'), 'standardizer', (saved) =>
        Standardizer.fromState(saved),
      )
      await expect(loading).rejects.toThrow(DataError)
    }
    await rm(folder, { recursive: true })
  })

  it('refuses what it cannot learn', async () => {
    expect(() => new Standardizer({ columns: 0 })).toThrow(OptionError)
    expect(() => new Standardizer({ columns: 18, channels: 4 })).toThrow(
      'Expected option `columns` to be a multiple of channels · inner, 4, got 18',
    )
    const model = new Standardizer({ columns: 2 })
    model.begin()
    await expect(model.end()).rejects.toThrow('Expected at least one row, got none')
    await expect(model.learn(matrix(2, [1, NaN]))).rejects.toThrow(DataError)
    await expect(model.learn(matrix(3, [1, 2, 3]))).rejects.toThrow(DataError)
  })

  it('leaves what is not finite where it is', async () => {
    const out = await (await fit(matrix(2, [0, 0, 2, 2]))).apply(matrix(2, [NaN, 3]))
    expect([...out.values]).toEqual([NaN, 2])
  })
})
