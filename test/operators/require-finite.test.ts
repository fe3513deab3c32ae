import {
  Field,
  Float16,
  Float32,
  Float64,
  type RecordBatch,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { requireFinite, type RequireFiniteOptions } from '../../operators/require-finite.ts'
import { batchOf, type Column, int32Column, textColumn } from '../../src/batch/batch.ts'
import { fixedShapeTensor } from '../../src/batch/tensor.ts'
import { OptionError, SchemaError } from '../../src/errors.ts'
import { declare } from '../../src/flow/declare.ts'
import { flowOf } from '../../src/flow/flow.ts'
import { gather, values } from '../helpers/pictures.ts'

type Tensor = readonly number[] | null

function tensors(name: string, rows: readonly Tensor[], type = new Float64()): Column {
  const field = fixedShapeTensor(name, [2], type)
  return { field, vector: vectorFromArray(rows as never[], field.type) }
}

function numbers(name: string, rows: readonly (number | null)[], type = new Float64()): Column {
  return { field: new Field(name, type, true), vector: vectorFromArray(rows, type) }
}

function batch(...columns: readonly Column[]): RecordBatch {
  const ids = Array.from({ length: columns[0]?.vector.length ?? 0 }, (_, row) => `r${String(row)}`)
  return batchOf([textColumn('id', ids), ...columns])
}

async function result(input: readonly RecordBatch[], options: RequireFiniteOptions = {}) {
  const made = await gather(flowOf(input).pipe(requireFinite({ onError: 'reject', ...options })))
  return { ...made, ids: values(made.batches, 'id') }
}

const wide: readonly Tensor[] = [[1, 2], null, [1, 1e300], [0, -3.4e38], [-Infinity, 0], [NaN, 1]]

describe('requireFinite', () => {
  const cases = [
    { of: 'a tensor of float64', column: tensors('x', wide), kept: ['r0', 'r1', 'r3'] },
    {
      of: 'a tensor of float32',
      column: tensors('x', [[1, 2], null, [NaN, 1]], new Float32() as never),
      kept: ['r0', 'r1'],
    },
    { of: 'numbers', column: numbers('x', [1e300, null, NaN, Infinity]), kept: ['r0', 'r1'] },
    {
      of: 'numbers of 16 bits',
      column: numbers('x', [1.5, Infinity, NaN], new Float16() as never),
      kept: ['r0'],
    },
    { of: 'whole numbers', column: int32Column('x', [1, null]), kept: ['r0', 'r1'] },
  ]
  it.each(cases)('keeps the finite rows and the nulls of $of', async ({ column, kept }) => {
    expect((await result([batch(column)])).ids).toEqual(kept)
    expect((await result([batch(column)], { columns: ['x'] })).ids).toEqual(kept)
  })

  it.each([1, 2, 6])('gives the same for batches of %i, and counts', async (size) => {
    const whole = batch(tensors('x', wide))
    const parts = Array.from({ length: 6 / size }, (_, i) => whole.slice(i * size, (i + 1) * size))
    const { ids, rejects, run } = await result(parts)
    expect(ids).toEqual(['r0', 'r1', 'r3'])
    expect(rejects).toEqual(
      [
        ['r2', '1e+300 at position 1'],
        ['r4', '-Infinity at position 0'],
        ['r5', 'NaN at position 0'],
      ].map(([id, got]) => ({
        ...{ id, operator: 'requireFinite', code: 'NOT_FINITE', attempt: 1 },
        message: `Expected finite float32 values in column \`x\`, got ${String(got)}`,
      })),
    )
    expect(run.slots.get('requireFinite')?.counts).toMatchObject({
      rowsIn: 6,
      rowsKept: 3,
      rejected: 3,
    })
  })

  it('looks at all columns, or at those named', async () => {
    const input = batch(
      numbers('x', [1, NaN, 1]),
      tensors('y', [
        [1, 1],
        [1, 1],
        [NaN, 0],
      ]),
    )
    expect((await result([input])).ids).toEqual(['r0'])
    expect((await result([input], { columns: ['y'] })).ids).toEqual(['r0', 'r1'])
  })

  it('passes a batch on as it is, and nothing of one that has no good row', async () => {
    const good = batch(numbers('x', [1, 2]))
    const { batches } = await result([good, batch(numbers('x', [NaN]))])
    expect(batches).toHaveLength(1)
    expect(batches[0]).toBe(good)
  })

  it('fails by default, and leaves rows out when told to', async () => {
    const input = [batch(numbers('x', [1, NaN]))]
    await expect(result(input, { onError: 'fail' })).rejects.toMatchObject({
      code: 'DATA',
      url: 'r1',
      message: 'Expected a finite number in column `x`, got NaN (`r1`)',
    })
    const { ids, rejects, run } = await result(input, { onError: 'drop' })
    expect([ids, rejects]).toEqual([['r0'], []])
    expect(run.slots.get('requireFinite')?.counts.dropped).toBe(1)
  })

  it('refuses bad options at the call, and columns that are no numbers', async () => {
    expect(() => requireFinite({ columns: [] })).toThrow(OptionError)
    expect(() => requireFinite({ onErorr: 'drop' } as never)).toThrow(
      'Expected requireFinite to be given only known options, got `onErorr`; did you mean `onError`?',
    )
    const text = { field: new Field('t', new Utf8(), true), vector: vectorFromArray(['a']) }
    for (const column of ['y', 't']) {
      const flow = flowOf([batch(text)]).pipe(requireFinite({ columns: [column] }))
      await expect(gather(flow)).rejects.toThrow(SchemaError)
    }
    const nameless = batchOf([numbers('x', [1])])
    const flow = flowOf([nameless]).pipe(declare(nameless.schema), requireFinite())
    await expect(flowOf(flow).schema()).rejects.toThrow('Expected column `id` for requireFinite')
  })
})
