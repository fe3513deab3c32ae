import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Field, FixedSizeList, Float32, type RecordBatch, vectorFromArray } from 'apache-arrow'
import { lastValueFrom, type Observable, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gmm, type GmmOptions } from '../../operators/gmm.ts'
import { pca } from '../../operators/pca.ts'
import { batchOf, column, concat, textColumn } from '../../src/batch/batch.ts'
import { TableFlow } from '../../src/table/column-store.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import { closeKernel } from '../../src/kernels/kernel.ts'
import type { GaussianMixture } from '../../src/models/gaussian-mixture.ts'
import { tensorColumn } from '../../src/batch/tensor.ts'
import { digits } from '../helpers/digits.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gmm-test-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await closeKernel()
})

/** Two clouds in three dimensions, and in row 100 what is in neither; row 5 is null. */
const rows = clouds(500)

function clouds(count: number): RecordBatch {
  let state = 11
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 - 0.5
  const values = Array.from({ length: count }, (_, row) => {
    if (row === 5) return null
    if (row === 100) return Float32Array.of(40, -40, 40)
    const at = row % 2 === 0 ? 0 : 10
    return Float32Array.from({ length: 3 }, () => at + random() + random())
  })
  const type = new FixedSizeList(3, new Field('item', new Float32(), false))
  return batchOf([
    textColumn(
      'id',
      values.map((_, row) => String(row)),
    ),
    { field: new Field('pca', type, true), vector: vectorFromArray(values, type) },
  ])
}

/** The digits in 20 principal components. */
async function reducedDigits(): Promise<RecordBatch> {
  const { values, columns } = digits().train
  const all = batchOf([tensorColumn('digits', [columns], values as Float32Array)])
  const reduced = pca({ column: 'digits', components: 20 })
  return concat(await lastValueFrom(flowIn(512, true, all).pipe(reduced, toArray())))
}

function flowIn(size: number, bounded = true, of = rows): Flow<RecordBatch> {
  return new Flow<RecordBatch>(
    async function* () {
      for (let at = 0; at < of.numRows; at += size)
        yield await Promise.resolve(of.slice(at, at + size))
    },
    { name: 'rows', role: 'source', bounded, schema: () => of.schema },
  )
}

async function run(source: Observable<RecordBatch>, options: GmmOptions): Promise<RecordBatch> {
  return concat(await lastValueFrom(source.pipe(gmm(options), toArray())))
}

const options: GmmOptions = { components: 2, warmupRows: 60, windowRows: 64 }
const numbers = (out: RecordBatch, name: string) => column(out, name).toArray() as Float64Array

function bits(out: RecordBatch): unknown {
  return ['familiarity', 'familiarity_percentile'].map((name) => ({
    valid: Array.from({ length: out.numRows }, (_, row) => column(out, name).isValid(row)),
    values: Buffer.from(numbers(out, name).slice().buffer).toString('hex'),
  }))
}

describe('gmm', () => {
  let saved: string
  beforeAll(async () => {
    saved = join(folder, 'saved')
    await run(flowIn(500), { ...options, save: saved })
  })
  const modes: readonly [string, (size: number) => Promise<RecordBatch>][] = [
    ['fit', (size) => run(flowIn(size), options)],
    ['online', (size) => run(flowIn(size, false), options)],
    ['frozen', (size) => run(flowIn(size), { model: saved })],
  ]
  for (const [mode, answer] of modes)
    it(`gives the same bytes in mode ${mode}, however the rows are batched`, async () => {
      const whole = await answer(500)
      expect([...column(whole, 'id')]).toEqual([...column(rows, 'id')])
      for (const size of [1, 29, 128]) expect(bits(await answer(size))).toEqual(bits(whole))
    })

  it('finds the row that is in no cloud the least familiar', async () => {
    const models: GaussianMixture[] = []
    const out = await run(flowIn(77), { ...options, onModel: (m) => models.push(m) })
    const familiarity = numbers(out, 'familiarity')
    const percentile = numbers(out, 'familiarity_percentile')
    const least = [...familiarity.keys()].filter((row) => row !== 5)
    least.sort((a, b) => (familiarity[a] ?? 0) - (familiarity[b] ?? 0))
    expect(least[0]).toBe(100)
    expect(percentile[100]).toBeLessThan(0.5)
    expect(percentile[least.at(-1) ?? 0]).toBe(100)
    expect(column(out, 'familiarity').isValid(5)).toBe(false)
    expect(column(out, 'familiarity_percentile').nullCount).toBe(1)

    expect(models[0]?.rowsSeen).toBe(499)
    const valid = familiarity.filter((_, row) => row !== 5)
    const mean = valid.reduce((a, b) => a + b) / valid.length
    expect(mean).toBeCloseTo(models[0]?.meanLogDensity ?? NaN, 9)
  })

  it('learns online, and says how many rows each score rests on', async () => {
    const out = await run(flowIn(31, false), options)
    expect(column(out, 'familiarity_model_rows').get(61)).toBe(60n)
    expect(column(out, 'familiarity_model_rows').get(499)).toBe(60n + 64n * 6n)
    expect(numbers(out, 'familiarity')[100]).toBeLessThan(numbers(out, 'familiarity')[102] ?? 0)
  })

  it('scores the digits online from the first window on', async () => {
    const reduced = await reducedDigits()
    const scored = await run(flowIn(100, false, reduced), { components: 10, covariance: 'full' })
    const scores = numbers(scored, 'familiarity')
    const mean = (from: number, to: number): number =>
      scores.slice(from, to).reduce((sum, score) => sum + score, 0) / (to - from)
    // Fitted to all of them, the mixture gives -57; to 256 rows without shrinking, others get -160.
    expect(mean(256, 512)).toBeGreaterThan(-70)
    expect(mean(942, 1198)).toBeGreaterThan(-62)
  })

  it('shares one table with pca, and both save their models', async () => {
    const { signal } = new AbortController()
    const chain = flowIn(90).pipe(
      pca({ column: 'pca', into: 'reduced', components: 2, save: join(folder, 'pca') }),
      gmm({ column: 'reduced', save: join(folder, 'gmm') }),
    )
    expect(chain).toBeInstanceOf(TableFlow)
    expect(flowOf(chain).info.settings?.['spill']).toBe('own columns')
    const out: RecordBatch[] = []
    for await (const value of flowOf(chain).pull({ signal })) out.push(value as RecordBatch)
    const names = ['id', 'pca', 'reduced', 'familiarity', 'familiarity_percentile']
    expect(out[0]?.schema.names).toEqual(names)

    const scored = flowIn(64).pipe(
      pca({ column: 'pca', into: 'reduced', model: join(folder, 'pca') }),
      gmm({ column: 'reduced', model: join(folder, 'gmm') }),
    )
    const frozen = numbers(concat(await lastValueFrom(scored.pipe(toArray()))), 'familiarity')
    const fitted = numbers(concat(out), 'familiarity')
    const errors = fitted.map((value, row) => Math.abs(value - (frozen[row] ?? NaN)))
    expect(Math.max(...errors)).toBeLessThan(1e-3)
  })

  it('takes few rows, unless more components are asked for', async () => {
    const models: GaussianMixture[] = []
    const few = rows.slice(0, 4)
    const out = await run(flowIn(2, true, few), { onModel: (m) => models.push(m) })
    expect(out.numRows).toBe(4)
    expect(models[0]?.weights).toHaveLength(1)
    await expect(run(flowIn(2, true, few), { components: 5 })).rejects.toThrow(DataError)
  })

  it('chooses among numbers of components', async () => {
    const models: GaussianMixture[] = []
    await run(flowIn(77), { components: { from: 1, to: 4 }, onModel: (m) => models.push(m) })
    const choice = models[0]?.choice ?? []
    expect(choice.map(({ components }) => components)).toEqual([1, 2, 3, 4])
    const lowest = choice.reduce((a, b) => (b.bic < a.bic ? b : a))
    expect(models[0]?.weights).toHaveLength(lowest.components)
    expect(lowest.components).toBeGreaterThan(1)
  })

  it('is refused where it does not fit, before a row is read', async () => {
    const schemaOf = (given: GmmOptions) => flowOf(flowIn(9).pipe(gmm(given))).schema()
    expect((await schemaOf({ model: saved }))?.names).toEqual([
      'id',
      'pca',
      'familiarity',
      'familiarity_percentile',
    ])
    await expect(schemaOf({ column: 'id' })).rejects.toThrow(SchemaError)
    const two = flowIn(90).pipe(pca({ column: 'pca', components: 2 }), gmm({ model: saved }))
    await expect(flowOf(two).schema()).rejects.toThrow(
      'Expected column `pca` of gmm to have 3 values as its model does, got 2',
    )
  })

  it('checks its options at the call', () => {
    expect(() => gmm({ covariance: 'ful' as never })).toThrow('did you mean `full`?')
    expect(() => gmm({ components: 0 })).toThrow(OptionError)
    expect(() => gmm({ components: { from: 2, to: 1 } })).toThrow(OptionError)
    expect(() => gmm({ component: 1 } as never)).toThrow('did you mean `components`?')
  })
})
