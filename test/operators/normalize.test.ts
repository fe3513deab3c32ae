import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Field, FixedSizeList, Float64, type RecordBatch, vectorFromArray } from 'apache-arrow'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { normalize, type NormalizeOptions } from '../../operators/normalize.ts'
import { batchOf, column, concat, textColumn } from '../../src/batch/batch.ts'
import { isHeavy } from '../../src/batch/schema.ts'
import { tensorMatrix, tensorShape } from '../../src/batch/tensor.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { Flow, flowOf } from '../../src/flow/flow.ts'
import type { Standardizer } from '../../src/models/standardizer.ts'
import { bytes, numbers } from '../helpers/pixel-numbers.ts'
import { gather, pixelBatches } from '../helpers/pictures.ts'

const { moments } = numbers

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'normalize-test-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The five pictures of the fixture, 3 × 2, and a null in third place. */
const values = bytes(moments.pictures)
const size = { width: 3, height: 2 }
const pictures = Object.fromEntries(
  [0, 1, null, 2, 3, 4].map((at, i) => [
    `p${String(i)}`,
    at === null ? null : { ...size, data: values.slice(18 * at, 18 * (at + 1)) },
  ]),
)
const [pixels] = pixelBatches(pictures, { of: size }) as [RecordBatch]

/** Vectors of two float64, of which row 2 is null. */
const pairs = ofPairs([[1, 10], [3, 20], null, [5, 60]])

function ofPairs(rows: readonly (readonly number[] | null)[]): RecordBatch {
  const type = new FixedSizeList(2, new Field('item', new Float64(), false))
  const ids = rows.map((_, row) => `r${String(row)}`)
  return batchOf([
    textColumn('id', ids),
    { field: new Field('embedding', type, true), vector: vectorFromArray(rows, type) },
  ])
}

function flowIn(rows: RecordBatch, batchRows: number, bounded = true): Flow<RecordBatch> {
  return new Flow(
    async function* () {
      for (let at = 0; at < rows.numRows; at += batchRows)
        yield await Promise.resolve(rows.slice(at, at + batchRows))
    },
    { name: 'rows', role: 'source', bounded, schema: () => rows.schema },
  )
}

async function normalized(
  rows: RecordBatch,
  options: NormalizeOptions,
  { batchRows = rows.numRows, bounded = true } = {},
): Promise<RecordBatch> {
  const flow = flowIn(rows, batchRows, bounded).pipe(normalize(options), toArray())
  return concat(await lastValueFrom(flow))
}

/** Values row after row; null for a row that is null. */
function rowsIn(batch: RecordBatch, name = 'embedding'): (number[] | null)[] {
  const vector = column(batch, name)
  const { columns, values } = tensorMatrix(vector)
  return Array.from({ length: batch.numRows }, (_, row) =>
    vector.isValid(row) ? [...values.subarray(row * columns, (row + 1) * columns)] : null,
  )
}

/** What the pictures become by `mean` and `std`, one for each of `of` values, in float32. */
function expected(mean: readonly number[], std: readonly number[]): (number[] | null)[] {
  const rows = [0, 1, 2, 3, 4].map((at) =>
    [...values.subarray(18 * at, 18 * (at + 1))].map((v, i) =>
      Math.fround((v - (mean[i % mean.length] ?? NaN)) / (std[i % std.length] ?? NaN)),
    ),
  )
  return [...rows.slice(0, 2), null, ...rows.slice(2)]
}

function expectClose(got: (number[] | null)[], wanted: (number[] | null)[]): void {
  expect(got.map((row) => row === null)).toEqual(wanted.map((row) => row === null))
  const [a, b] = [got.flatMap((row) => row ?? []), wanted.flatMap((row) => row ?? [])]
  expect(a).toHaveLength(b.length)
  expect(Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? NaN))))).toBeLessThan(1e-6)
}

describe('normalize by numbers', () => {
  it('takes one number, or one for each channel, on pixels', async () => {
    const options = { column: 'pixels', batchRows: 2 }
    for (const [mean, std] of [
      [[127.5], [127.5]],
      [
        [123.7, 116.3, 103.5],
        [58.4, 57.1, 57.4],
      ],
    ] as const) {
      const out = await normalized(pixels, { column: 'pixels', mean, std }, options)
      expect(rowsIn(out, 'pixels')).toEqual(expected(mean, std))
      const field = out.schema.fields.find((f) => f.name === 'pixels')
      expect(field && [tensorShape(field), isHeavy(field)]).toEqual([[2, 3, 3], true])
      expect(String(field?.type)).toBe('FixedSizeList[18]<Float32>')
    }
  })

  it('takes the channels of another axis', async () => {
    const mean = [10, 20]
    const out = await normalized(pixels, { column: 'pixels', mean, std: 2, axis: 0 })
    const [first] = rowsIn(out, 'pixels')
    const wanted = [...values.subarray(0, 18)].map((v, i) => (v - (i < 9 ? 10 : 20)) / 2)
    expect(first).toEqual(wanted)
  })

  it('keeps float64, nulls and the column, where another is named', async () => {
    const options = { mean: [3, 30], std: [2, 20], into: 'scaled' }
    const wanted = [[-1, -1], [0, -0.5], null, [1, 1.5]]
    for (const batchRows of [1, 2, 4]) {
      const out = await normalized(pairs, options, { batchRows })
      expect(rowsIn(out, 'scaled')).toEqual(wanted)
      expect(rowsIn(out)).toEqual(rowsIn(pairs))
      expect(String(column(out, 'scaled').type)).toBe('FixedSizeList[2]<Float64>')
    }
  })

  it('has no answer but null for null', async () => {
    const out = await normalized(pairs.slice(2, 3), { mean: 0, std: 1 })
    expect(rowsIn(out)).toEqual([null])
    const none = flowIn(pairs.slice(0, 0), 1).pipe(normalize({ mean: 0, std: 1 }))
    expect((await gather(none)).batches).toEqual([])
  })
})

describe('normalize, learned', () => {
  const { channel, element } = moments

  it('gives what NumPy gives, per channel and per element, whatever the batches', async () => {
    for (const [per, { mean, std }] of [
      ['channel', channel],
      ['element', element],
    ] as const) {
      const out = await normalized(pixels, { column: 'pixels', per })
      expectClose(rowsIn(out, 'pixels'), expected(mean, std))
      for (const batchRows of [1, 4]) {
        const again = await normalized(pixels, { column: 'pixels', per }, { batchRows })
        expect(rowsIn(again, 'pixels')).toEqual(rowsIn(out, 'pixels'))
      }
    }
  })

  it('centres a constant channel', async () => {
    const rows = ofPairs([
      [0.1, 1],
      [0.1, 3],
      [0.1, 2],
    ])
    const out = rowsIn(await normalized(rows, {}))
    expect(out.map((row) => row?.[0])).toEqual([0, 0, 0])
    expect(out.map((row) => row?.[1])).toEqual([-Math.sqrt(1.5), Math.sqrt(1.5), 0])
  })

  it('hands its model out, and normalizes other rows with it', async () => {
    const models: Standardizer[] = []
    const save = join(folder, 'saved')
    const all = await normalized(pairs, { save, onModel: (model) => models.push(model) })
    expect(models.map(({ mean, rowsSeen }) => [[...mean], rowsSeen])).toEqual([[[3, 30], 3]])
    for (const model of [save, ...models])
      for (const batchRows of [1, 3])
        expect(rowsIn(await normalized(pairs, { model }, { batchRows }))).toEqual(rowsIn(all))
  })

  it('learns online, window by window, whatever the batches', async () => {
    const rows = ofPairs(Array.from({ length: 40 }, (_, i) => (i === 7 ? null : [i, (i * i) % 17])))
    const options = { mode: 'online', warmupRows: 10, windowRows: 8 } as const
    const out = await normalized(rows, options, { bounded: false })
    const versions = [...column(out, 'embedding_model_rows')] as (bigint | null)[]
    expect([...new Set(versions)]).toEqual([10n, null, 18n, 26n, 34n])
    // The model of the warm-up: rows 0 to 10 without 7.
    const first = [...Array(11).keys()].filter((i) => i !== 7)
    const mean = first.reduce((a, b) => a + b) / 10
    const std = Math.sqrt(first.reduce((sum, i) => sum + (i - mean) ** 2, 0) / 10)
    expect(rowsIn(out)[15]?.[0]).toBeCloseTo((15 - mean) / std, 12)
    for (const batchRows of [1, 7, 16]) {
      const again = await normalized(rows, options, { batchRows, bounded: false })
      expect(rowsIn(again)).toEqual(rowsIn(out))
      expect([...column(again, 'embedding_model_rows')]).toEqual(versions)
    }
  })

  it('fails on a value that is not finite', async () => {
    await expect(normalized(ofPairs([[1, NaN]]), {})).rejects.toThrow(DataError)
  })
})

describe('normalize, misused', () => {
  it('checks its options at the call', () => {
    expect(() => normalize({ mean: 1 })).toThrow(
      'Expected option `std` to be a number above 0, or a list of them, got `undefined` (undefined)',
    )
    expect(() => normalize({ mean: 'x' as never, std: 1 })).toThrow(OptionError)
    expect(() => normalize({ mean: [], std: 1 })).toThrow(OptionError)
    expect(() => normalize({ mean: 0, std: [1, 0] })).toThrow(OptionError)
    expect(() => normalize({ mean: 0, std: 1, mode: 'fit' })).toThrow(
      'Expected no option `mode` beside `mean` and `std`, which learn nothing',
    )
    expect(() => normalize({ per: 'chanel' as never })).toThrow('did you mean `channel`?')
    expect(() => normalize({ axis: -1 })).toThrow(OptionError)
    expect(() => normalize({ colum: 'x' } as never)).toThrow('did you mean `column`?')
  })

  it('is refused where it does not fit, before a row is read', async () => {
    const schemaOf = (options: NormalizeOptions, rows = pixels) =>
      flowOf(flowIn(rows, 9).pipe(normalize({ column: 'pixels', ...options }))).schema()
    await expect(schemaOf({ mean: [1, 2], std: 1 })).rejects.toThrow(
      'Expected column `pixels` of normalize to be tensors of 2 channels, got 3',
    )
    for (const options of [{ axis: 3 }, { axis: 3, mean: 0, std: 1 }])
      await expect(schemaOf(options)).rejects.toThrow(
        'Expected column `pixels` of normalize to be a tensor with axis 3, got shape [2, 3, 3]',
      )
    await expect(schemaOf({}, batchOf([textColumn('pixels', ['a'])]))).rejects.toThrow(SchemaError)
    const [many] = pixelBatches(pictures) as [RecordBatch]
    await expect(schemaOf({ mean: 0, std: 1 }, many)).rejects.toThrow(SchemaError)
    const save = join(folder, 'pairs')
    await normalized(pairs, { save })
    await expect(schemaOf({ model: save })).rejects.toThrow(
      'Expected column `pixels` of normalize to have 2 values as its model does, got 18',
    )
  })
})
