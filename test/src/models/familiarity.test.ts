import { afterAll, describe, expect, it } from 'vitest'
import { DataError } from '../../../src/errors.ts'
import { closeKernel } from '../../../src/kernels/kernel.ts'
import { densityStrategy } from '../../../src/models/density-strategies.ts'
import { Familiarity } from '../../../src/models/familiarity.ts'
import { FamiliarityPasses } from '../../../src/models/familiarity-passes.ts'
import type { Matrix, ModelState } from '../../../src/models/model.ts'
import { packStates, unpackStates } from '../../../src/models/packed-states.ts'
import { meanDistance } from '../../helpers/mean-distance.ts'

afterAll(closeKernel)

const strategy = densityStrategy(meanDistance)
const settings = { columns: 2, grouped: true, minRows: 10, gaps: true, seed: 0 }

/** Rows of two groups, of one that is too small, and of none. */
function rowsOf(from: number, to: number): Matrix {
  const groups = Array.from({ length: to - from }, (_, i) => {
    const row = from + i
    return row % 20 === 0 ? 'few' : row % 7 === 0 ? null : row % 2 === 0 ? 'even' : 'odd'
  })
  const values = Float64Array.from({ length: 2 * (to - from) }, (_, i) => {
    const row = from + Math.floor(i / 2)
    return Math.sin(row * 12.9898 + (i % 2)) + (row % 2)
  })
  return { rows: to - from, columns: 2, values, groups }
}

async function fit(): Promise<Familiarity> {
  const model = new Familiarity(strategy, settings)
  do {
    await model.begin()
    await model.learn(rowsOf(0, 100))
  } while (await model.end())
  return model
}

describe('Familiarity', () => {
  // Count, fit, rank, compare.
  it.each([0, 1, 2, 3])('merges the parts of pass %i to the whole', async (pass) => {
    /** Learns all rows in each pass, in the one in question those from `from` to `to`. */
    async function upTo(from: number, to: number): Promise<FamiliarityPasses> {
      const passes = new FamiliarityPasses(strategy, settings)
      for (let i = 0; i < pass; i++) {
        await passes.begin()
        await passes.learn(rowsOf(0, 100))
        await passes.end()
      }
      await passes.begin()
      await passes.learn(rowsOf(from, to))
      return passes
    }
    const [whole, merged] = [await upTo(0, 100), await upTo(0, 60)]
    await merged.merge(await upTo(60, 100))
    for (let again = true; again;) {
      const [expected, actual] = [await whole.end(), await merged.end()]
      expect(actual?.rows).toBe(expected?.rows)
      expected?.gaps.forEach((gap, i) => {
        expect(actual?.gaps[i]?.percentileRatio).toBeCloseTo(gap.percentileRatio, 9)
        expect(actual?.gaps[i]).toMatchObject({ fit: gap.fit, other: gap.other, rows: gap.rows })
      })
      if (expected) expect(expected.gaps).toHaveLength(2)
      again = !expected
      for (const passes of again ? [whole, merged] : []) {
        await passes.begin()
        await passes.learn(rowsOf(0, 100))
      }
    }
  })

  it('keeps the rows of a group that waits for its density in its state', async () => {
    const model = await fit()
    model.beginOnline()
    await model.learnOnline(rowsOf(100, 200))
    const again = Familiarity.fromState(structuredClone(model.state()), strategy)
    expect(again.state()).toEqual(model.state())
    for (const one of [model, again]) await one.learnOnline(rowsOf(200, 340))
    expect(again.state()).toEqual(model.state())
    // Five of the first window and seven of the second are ten.
    expect([...again.densities.keys()].sort()).toEqual(['even', 'few', 'odd'])
    expect(again.gaps).toEqual(model.gaps)
  })

  it('checks the order of its calls and its state', async () => {
    const fresh = new Familiarity(strategy, settings)
    await expect(fresh.learn(rowsOf(0, 9))).rejects.toThrow('got a model before `begin`')
    const state = (await fit()).state()
    const short = { ...state.arrays, 'each.model.sums': { shape: [1], values: Float64Array.of(1) } }
    expect(() => Familiarity.fromState({ ...state, arrays: short }, strategy)).toThrow(
      new DataError('Expected at least 2 values in array `each.model.sums` of the model, got 1', {
        url: 'memory',
      }),
    )
    expect(() => Familiarity.fromState({ ...state, kind: 'pca' }, strategy)).toThrow(
      'Expected a model of kind `familiarity`, got `pca`',
    )
  })
})

describe('packStates', () => {
  const one: ModelState = {
    ...{ kind: 'one', version: 2, rowsSeen: 3, parameters: { a: [1] } },
    arrays: {
      x: { shape: [2, 1], values: Float64Array.of(1, 2) },
      names: { shape: [1], values: ['é'] },
    },
  }
  const other: ModelState = {
    ...one,
    kind: 'other',
    arrays: { x: { shape: [0], values: new Float64Array(0) } },
  }

  it('gives back what it packed', () => {
    const states = new Map([
      ['', one],
      ['..\n/"', other],
      ['last', one],
    ])
    const { packed, arrays } = packStates(states)
    expect(Object.keys(arrays)).toEqual(['each.x', 'each.names'])
    expect(unpackStates(JSON.parse(JSON.stringify(packed)) as never, { ...one, arrays })).toEqual(
      states,
    )
  })

  it('refuses files, and arrays of one name and several types', () => {
    const filed = { ...one, files: { index: 'index.bin' } }
    expect(() => packStates(new Map([['a', filed]]))).toThrow('got files in `a`')
    const x = { shape: [1], values: Float32Array.of(1) }
    const mixed = new Map([
      ['a', one],
      ['b', { ...one, arrays: { x } }],
    ])
    expect(() => packStates(mixed)).toThrow('to be of one type, got several')
  })
})
