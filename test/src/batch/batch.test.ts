import {
  Dictionary,
  Field,
  Int8,
  makeData,
  makeVector,
  type RecordBatch,
  Schema,
  Utf8,
  Utf8View,
  vectorFromArray,
} from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import {
  batchOf,
  byteLength,
  column,
  concat,
  emptyBatch,
  float64Column,
  int32Column,
  rowBytes,
  rowKey,
  select,
  take,
  textColumn,
  withColumns,
  withoutHeavy,
} from '../../../src/batch/batch.ts'
import { SchemaError } from '../../../src/errors.ts'
import { heavy } from '../../../src/batch/schema.ts'
import { everyType, plainValues } from '../../helpers/every-type.ts'

const wide = batchOf(
  everyType,
  new Schema(
    everyType.map((c) => c.field),
    new Map([['set', 'all']]),
  ),
)
const values = (batch: RecordBatch, name: string) => plainValues(column(batch, name))
const pick = (from: unknown[], rows: number[]) => rows.map((row) => from[row])

describe('take', () => {
  const cases = [
    { name: 'none', rows: [] },
    { name: 'one', rows: [2] },
    { name: 'the null', rows: [1] },
    { name: 'in another order, some twice', rows: [4, 1, 0, 4, 3, 3] },
  ]
  for (const { name, rows } of cases)
    it.each(everyType.map((c) => c.field.name))(`takes ${name} of %s`, (type) => {
      const out = take(wide, rows)
      expect(values(out, type)).toEqual(pick(values(wide, type), rows))
      expect(String(column(out, type).type)).toBe(String(column(wide, type).type))
    })

  it.each(everyType.map((c) => c.field.name))('takes rows of a slice of %s', (type) => {
    const sliced = take(concat([wide, wide, wide]), [...Array(15).keys()]).slice(3, 14)
    const all = values(wide, type)
    const expected = pick([...all, ...all, ...all], [3 + 8, 3, 3 + 10])
    expect(values(take(sliced, [8, 0, 10]), type)).toEqual(expected)
    expect(values(take(sliced.slice(2, 9), [6]), type)).toEqual([expected[0]])
  })

  it('keeps the schema, its metadata and the physical arrays', () => {
    const out = take(wide, [2, 3])
    expect(out.schema).toEqual(wide.schema)
    expect(out.schema.fields[0]?.metadata.get('about')).toBe('int8')
    expect(out.schema.metadata.get('set')).toBe('all')
    expect(column(out, 'int64').toArray()).toStrictEqual(BigInt64Array.of(2n ** 60n, -4n))
    expect(column(out, 'float32').toArray()).toStrictEqual(Float32Array.of(NaN, -Infinity))
    expect(column(out, 'dictionary').data[0]?.values).toBeInstanceOf(Int16Array)
    expect(column(out, 'dictionary').data[0]?.dictionary).toBe(
      column(wide, 'dictionary').data[0]?.dictionary,
    )
  })
})

describe('concat', () => {
  it.each(everyType.map((c) => c.field.name))('joins slices of %s in one piece', (type) => {
    const all = values(wide, type)
    const out = concat([
      wide.slice(1, 4),
      wide.slice(4, 5),
      wide.slice(0, 0),
      wide,
      wide.slice(2, 5),
    ])
    expect(values(out, type)).toEqual([...all.slice(1, 4), all[4], ...all, ...all.slice(2)])
    expect(column(out, type).data).toHaveLength(1)
    expect(String(column(out, type).type)).toBe(String(column(wide, type).type))
  })

  it('keeps where nulls are over more than a byte of rows', () => {
    const rows = Array.from({ length: 21 }, (_, i) => (i % 3 === 0 ? null : i))
    const batch = batchOf([int32Column('a', rows)])
    const without = batchOf([int32Column('a', [1, 2, 3])])
    const out = concat([batch.slice(1, 20), without, batch, without])
    expect([...column(out, 'a')]).toEqual([...rows.slice(1, 20), 1, 2, 3, ...rows, 1, 2, 3])
    expect(column(out, 'a').nullCount).toBe(6 + 7)
  })

  it('makes one dictionary of several, with the index type kept', () => {
    const words = (...list: (string | null)[]) =>
      batchOf([
        {
          field: new Field('a', new Dictionary(new Utf8(), new Int8(), 1), true),
          vector: vectorFromArray(list, new Dictionary(new Utf8(), new Int8(), 1)),
        },
      ])
    const out = concat([words('x', 'y'), words('y', null, 'z'), words('x')])
    expect([...column(out, 'a')]).toEqual(['x', 'y', 'y', null, 'z', 'x'])
    expect(column(out, 'a').data[0]?.values).toStrictEqual(Int8Array.of(0, 1, 1, 0, 2, 0))

    const many = (from: number) => words(...Array.from({ length: 100 }, (_, i) => String(from + i)))
    expect(() => concat([many(0), many(100)])).toThrow(RangeError)
  })

  it('joins views, whose buffers are renumbered', () => {
    const views = batchOf([viewColumn('v', ['short', 'a text beyond twelve bytes', 'x'])])
    const out = concat([views.slice(1, 3), views])
    const long = 'a text beyond twelve bytes'
    expect([...column(out, 'v')]).toEqual([long, 'x', 'short', long, 'x'])
    expect([...column(take(out, [3, 0]), 'v')]).toEqual([long, long])
  })

  it('refuses batches of different types', () => {
    const a = batchOf([int32Column('a', [1])])
    expect(() => concat([a, batchOf([textColumn('a', ['1'])])])).toThrow(SchemaError)
  })
})

describe('byteLength', () => {
  it('counts of a slice only its own', () => {
    const text = batchOf([textColumn('t', ['aaaa', 'bb', 'c'])])
    expect(byteLength(text)).toBe(4 * 4 + 7)
    expect(byteLength(text.slice(1, 2))).toBe(2 * 4 + 2)
    expect(byteLength(batchOf([float64Column('f', new Float64Array(9))]).slice(2, 5))).toBe(24)
    const list = column(wide, 'listOfNumbers')
    const field = new Field('l', list.type as never, true)
    expect(byteLength(batchOf([{ field, vector: list }]).slice(3, 5))).toBe(3 * 4 + 3)
  })

  it('adds up over rows, whatever the batch', () => {
    const whole = rowBytes(wide)
    expect(whole.length).toBe(5)
    for (let row = 0; row < 5; row++) {
      expect([...rowBytes(wide.slice(row, row + 1))]).toEqual([whole[row]])
      expect([...rowBytes(take(wide, [row]))]).toEqual([whole[row]])
    }
  })
})

describe('batches', () => {
  const a = int32Column('a', [1, 2])
  const big = { ...textColumn('b', ['x', 'y']), field: heavy(textColumn('b', []).field) }

  it('adds, replaces and selects columns without copying', () => {
    const batch = withColumns(batchOf([a, big]), [
      int32Column('a', [3, 4]),
      float64Column('c', Float64Array.of(1, 2)),
    ])
    expect(batch.schema.names).toEqual(['a', 'b', 'c'])
    expect([...column(batch, 'a')]).toEqual([3, 4])
    const some = select(wide, ['utf8', 'bool'])
    expect(some.schema.metadata.get('set')).toBe('all')
    expect(some.data.children[0]).toBe(wide.getChild('utf8')?.data[0])
    expect(select(wide, []).numRows).toBe(5)
  })

  it('refuses a column of another length, which Arrow would fill with nulls', () => {
    expect(() => withColumns(batchOf([a]), [int32Column('c', [1])])).toThrow(
      'Expected column `c` to have 2 rows, got 1',
    )
  })

  it('drops heavy columns that nobody wants', () => {
    const batch = batchOf([a, big])
    expect(withoutHeavy(batch, undefined)).toBe(batch)
    expect(withoutHeavy(batch, new Set(['b']))).toBe(batch)
    expect(withoutHeavy(batch, new Set()).schema.names).toEqual(['a'])
  })

  it('makes an empty batch of every type', () => {
    const empty = emptyBatch(wide.schema)
    expect(empty.numRows).toBe(0)
    expect(String(empty.schema)).toBe(String(wide.schema))
    expect(byteLength(concat([empty, wide]))).toBe(byteLength(take(wide, [0, 1, 2, 3, 4])))
  })

  it('lists the columns when one is missing', () => {
    expect(() => column(batchOf([a]), 'A')).toThrow(
      'Expected column `A`, got columns a; did you mean `a`?',
    )
  })

  it('makes keys that differ where values do', () => {
    const rows = [null, NaN, 1, 1n, '1', 'null', 'a,b']
    const keys = rows.map((row) => rowKey([vectorOf(row), vectorOf('z')], 0))
    expect(new Set(keys).size).toBe(rows.length)
  })
})

const vectorOf = (value: unknown) => ({ get: () => value }) as never

/** A column of text views, laid out by hand: Arrow's builder makes none. */
function viewColumn(name: string, texts: readonly string[]) {
  const bytes = texts.map((text) => new TextEncoder().encode(text))
  const views = new Uint8Array(texts.length * 16)
  const words = new DataView(views.buffer)
  const long: number[] = []
  for (const [row, value] of bytes.entries()) {
    words.setInt32(row * 16, value.length, true)
    views.set(value.subarray(0, value.length <= 12 ? 12 : 4), row * 16 + 4)
    if (value.length <= 12) continue
    words.setInt32(row * 16 + 12, long.length, true)
    long.push(...value)
  }
  const data = makeData({ type: new Utf8View(), views, variadicBuffers: [Uint8Array.from(long)] })
  return { field: new Field(name, new Utf8View(), true), vector: makeVector(data) }
}
