import {
  Bool,
  type DataType,
  Dictionary,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int32,
  Int64,
  Int8,
  LargeUtf8,
  makeData,
  makeVector,
  Uint64,
  Uint8,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { cast, type CastOptions } from '../../operators/cast.ts'
import { batchOf, emptyBatch, textColumn } from '../../src/batch/batch.ts'
import type { CastType } from '../../src/batch/cast-data.ts'
import { typeName } from '../../src/batch/schema.ts'
import { tensorShape } from '../../src/batch/tensor.ts'
import { DataError, OptionError, SchemaError } from '../../src/errors.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { askable } from '../helpers/askable.ts'
import { gather, values } from '../helpers/pictures.ts'
import { countsOf } from '../helpers/runs.ts'
import { cutInto, tensorBatch, tensorsIn } from '../helpers/tensors.ts'

/** A batch of the ids 0, 1 … and a column `x`. */
function batchWith(type: DataType, given: readonly unknown[]) {
  return batchOf([
    textColumn('id', [...given.keys()].map(String)),
    { field: new Field('x', type, true), vector: vectorFromArray(given as unknown[], type) },
  ])
}

const big = 2n ** 60n
const double = new Float64()
const fits: readonly (readonly [
  from: DataType,
  given: unknown[],
  to: CastType,
  made: unknown[],
])[] = [
  [new Int32(), [1, null, -128, 127], 'Int8', [1, null, -128, 127]],
  [new Int32(), [1, null, 2 ** 31 - 1], 'Int64', [1n, null, 2n ** 31n - 1n]],
  [new Int64(), [1n, null, 2n ** 53n], 'Float64', [1, null, 2 ** 53]],
  [new Int64(), [big, null, 5n], 'Uint64', [big, null, 5n]],
  [new Uint64(), [2n ** 64n - 1n], 'Utf8', ['18446744073709551615']],
  [new Int32(), [2 ** 24, null], 'Float32', [2 ** 24, null]],
  [double, [1, -2, null, -0], 'Int32', [1, -2, null, 0]],
  [
    double,
    [0.1, NaN, -Infinity, null, 1e-50],
    'Float32',
    [Math.fround(0.1), NaN, -Infinity, null, 0],
  ],
  [double, [0.1, null], 'Utf8', ['0.1', null]],
  [new Float32(), [0.1, null], 'Float64', [Math.fround(0.1), null]],
  [new Float16(), [0.5, null, -2], 'Float32', [0.5, null, -2]],
  [new Bool(), [true, null, false], 'Uint8', [1, null, 0]],
  [new Bool(), [true, null, false], 'Utf8', ['true', null, 'false']],
  [new Utf8(), ['1', null, ' -2.5e1 ', '.5'], 'Float64', [1, null, -25, 0.5]],
  [new LargeUtf8(), ['9007199254740993', '+7', null], 'Int64', [9007199254740993n, 7n, null]],
  [new Dictionary(new Utf8(), new Int8()), ['7', null, '7'], 'Int32', [7, null, 7]],
  [new Dictionary(new Utf8(), new Int8()), ['a', null, 'a'], 'Utf8', ['a', null, 'a']],
]

const misfits: readonly (readonly [from: DataType, given: unknown[], to: CastType])[] = [
  [new Int32(), [128, -129, 256], 'Int8'],
  [new Int32(), [-1], 'Uint64'],
  [new Int32(), [2 ** 24 + 1], 'Float32'],
  [new Int64(), [2n ** 53n + 1n, 2n ** 63n - 1n], 'Float64'],
  [new Uint64(), [2n ** 63n], 'Int64'],
  [double, [1.5, NaN, Infinity, 2 ** 31], 'Int32'],
  [double, [1.5, NaN, 2 ** 63, -Infinity], 'Int64'],
  [double, [1e39, -1e300], 'Float32'],
  [new Utf8(), ['', 'a', '0x10', '1,5', '1 2', 'NaN', 'Infinity'], 'Float64'],
  [new Utf8(), ['1.5', '1e400', '9223372036854775808'], 'Int64'],
  [new Utf8(), ['1e400'], 'Float64'],
]

describe('cast', () => {
  for (const [from, given, to, made] of fits)
    it.each([1, 2, 9])(`makes ${to} of ${typeName(from)} in batches of %i`, async (size) => {
      const input = cutInto(batchWith(from, given), size)
      const { batches } = await gather(flowOf(input).pipe(cast({ columns: { x: to } })))
      expect(values(batches, 'x')).toEqual(made)
      expect(batches.map(({ schema }) => String(schema.fields[1]?.type))).toEqual(
        input.map(() => to),
      )
    })

  it.each(misfits)('has no room for %s %o in %s', async (from, given, to) => {
    const input = batchWith(from, [...given, null])
    const operator = cast({ columns: { x: to }, onError: 'reject' })
    const { batches, rejects, run } = await gather(flowOf([input]).pipe(operator))
    expect(values(batches, 'id')).toEqual([String(given.length)])
    expect(rejects.map(({ id }) => id)).toEqual([...given.keys()].map(String))
    expect(rejects[0]).toMatchObject({ operator: 'cast', code: 'CAST', attempt: 1 })
    expect(countsOf(run)['cast']).toMatchObject({ rejected: given.length, dropped: 0 })
  })

  it.each([1, 2, 3])('casts the values of tensors, in batches of %i', async (size) => {
    const input = tensorBatch('t', [2, 1], [[1, 2], null, [250, 4]])
    const { batches } = await gather(
      flowOf(cutInto(input, size)).pipe(cast({ columns: { t: 'Uint8' } })),
    )
    expect(tensorsIn(batches, 't')).toEqual({
      shape: [2, 1],
      type: 'Uint8',
      rows: [[1, 2], null, [250, 4]],
    })
  })

  it('rejects a tensor once, and does not look at what lies under a null one', async () => {
    const type = new FixedSizeList(2, new Field('item', double, false))
    const data = Float64Array.of(0.5, 0.5, 1, 2, 0.5, 0.5)
    const child = makeData({ type: double, length: 6, nullCount: 0, data })
    const nullBitmap = Uint8Array.of(0b011)
    const vector = makeVector(makeData({ type, length: 3, nullCount: 1, nullBitmap, child }))
    const input = batchOf([
      textColumn('id', ['a', 'b', 'c']),
      { field: new Field('t', type, true), vector },
    ])
    const operator = cast({ columns: { t: 'Int32' }, onError: 'reject' })
    const { batches, rejects } = await gather(flowOf([input]).pipe(operator))
    expect(values(batches, 'id')).toEqual(['b', 'c'])
    expect(rejects.map(({ message }) => message)).toEqual([
      'Expected column `t` to fit into Int32, got 0.5',
    ])
  })

  it('copies nothing of that type already, and keeps metadata', async () => {
    const input = tensorBatch('t', [1, 2], [[1, 2]], new Float32())
    const [same] = (await gather(flowOf([input]).pipe(cast({ columns: { t: 'Float32' } })))).batches
    expect(same?.data.children[1]).toBe(input.data.children[1])
    const [made] = (await gather(flowOf([input]).pipe(cast({ columns: { t: 'Float64' } })))).batches
    expect(tensorShape(made?.schema.fields[1] as Field)).toEqual([1, 2])
  })

  it('drops rows at fault, or fails with the first', async () => {
    const input = batchWith(new Int32(), [1, 300, null, 400])
    const dropped = cast({ columns: { x: 'Uint8' }, onError: 'drop' })
    const { batches, run } = await gather(flowOf([input]).pipe(dropped))
    expect(values(batches, 'x')).toEqual([1, null])
    expect(countsOf(run)['cast']).toEqual({ rowsIn: 4, rowsKept: 2, rejected: 0, dropped: 2 })
    await expect(gather(flowOf([input]).pipe(cast({ columns: { x: 'Uint8' } })))).rejects.toThrow(
      new DataError('Expected column `x` to fit into Uint8, got 300 (cast of `1`)', { url: '1' }),
    )
  })

  it('passes a batch without rows', async () => {
    const none = emptyBatch(tensorBatch('t', [2], []).schema)
    const { batches } = await gather(
      flowOf([none]).pipe(cast({ columns: { t: 'Uint8', id: 'Int32' } })),
    )
    expect(batches.map((b) => [b.numRows, String(b.schema.fields[0]?.type)])).toEqual([
      [0, 'Int32'],
    ])
  })

  it.each<[CastOptions, string]>([
    [{ columns: { y: 'Int8' } }, 'Expected column `y` for cast, got columns id, t'],
    [
      { columns: { t: 'Utf8' } },
      'Expected column `t` of cast to be of a type that goes into Utf8, got FixedSizeList',
    ],
  ])('refuses %o for these columns', async (options, message) => {
    const input = tensorBatch('t', [2], [[1, 2]], new Uint8())
    const flow = flowOf(askable([input]).flow.pipe(cast(options)))
    await expect(flow.schema()).rejects.toThrow(SchemaError)
    await expect(gather(flow)).rejects.toThrow(message)
  })

  it('needs ids for rejects', async () => {
    const x = { field: new Field('x', double, true), vector: vectorFromArray([1], double) }
    const flow = (onError: CastOptions['onError']) =>
      flowOf([batchOf([x])]).pipe(cast({ columns: { x: 'Int8' }, onError } as CastOptions))
    await expect(gather(flow('reject'))).rejects.toThrow('Expected column `id` for cast')
    expect(values((await gather(flow('drop'))).batches, 'x')).toEqual([1])
  })

  it.each([
    [{ columns: {} }, 'Expected option `columns` to be an object of non-empty strings, by column'],
    [{ columns: { n: 'Int23' } }, 'got `Int23` (string); did you mean `Int8`?'],
    [{ columns: { n: 'Int8' }, onError: 'skip' }, 'Expected option `onError` to be one of'],
    [{ type: 'Int8' }, 'Expected cast to be given only known options, got `type`'],
  ])('refuses the options %o', (options, message) => {
    expect(() => cast(options as never)).toThrow(OptionError)
    expect(() => cast(options as never)).toThrow(message)
  })
})
