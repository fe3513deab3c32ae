import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  LargeBinary,
  LargeUtf8,
  List,
  Map_,
  Null,
  Struct,
  TimestampMicrosecond,
  Uint8,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import { type Column } from '../../src/batch/batch.ts'

const item = (type: DataType) => new Field('item', type, true)
const bytes = (...values: number[]) => Uint8Array.from(values)

const cases: Readonly<Record<string, readonly [DataType, readonly unknown[]]>> = {
  int8: [new Int8(), [1, null, -3, 4, 5]],
  int16: [new Int16(), [1, 2, 3, 4, 5]],
  int64: [new Int64(), [1n, null, 2n ** 60n, -4n, 5n]],
  float32: [new Float32(), [0.5, null, NaN, -Infinity, 1e9]],
  float64: [new Float64(), [0.1, 0.2, 0.3, -0, 0.5]],
  bool: [new Bool(), [true, null, false, false, true]],
  null: [new Null(), [null, null, null, null, null]],
  utf8: [new Utf8(), ['', null, 'naïve', 'a text that is longer than thirty-two bytes', 'e']],
  largeUtf8: [new LargeUtf8(), ['a', null, '', 'dd', 'e']],
  binary: [new Binary(), [bytes(), null, bytes(1, 2), bytes(255), bytes(0)]],
  largeBinary: [new LargeBinary(), [bytes(1), null, bytes(), bytes(2, 3), bytes(4)]],
  fixedBinary: [new FixedSizeBinary(2), [bytes(1, 2), null, bytes(3, 4), bytes(5, 6), bytes(7, 8)]],
  decimal: [new Decimal(2, 10, 128), [1, 2, 3, 4, 5].map((n) => Uint32Array.of(n, 0, 0, n))],
  date: [
    new DateDay(),
    [0, null, 86_400_000, 172_800_000, 0].map((t) => (t === null ? t : new Date(t))),
  ],
  dateMs: [new DateMillisecond(), [1, null, 3, 4, 5].map((t) => (t === null ? t : new Date(t)))],
  timestamp: [new TimestampMicrosecond(), [1, null, 3, 4, 5]],
  dictionary: [new Dictionary(new Utf8(), new Int16(), 7), ['x', null, 'y', 'x', 'z']],
  list: [new List(item(new Utf8())), [['a', null], null, [], ['c', 'd', 'e'], ['f']]],
  listOfNumbers: [new List(item(new Uint8())), [[1, 2, 3], null, [], [4], [5, 6]]],
  tensor: [new FixedSizeList(2, item(new Float32())), [[1, 2], null, [5, 6], [7, 8], [9, 10]]],
  tensorOfTensors: [
    new FixedSizeList(2, item(new FixedSizeList(1, item(new Int32())))),
    [[[1], [2]], [[3], null], null, [[5], [6]], [[7], [8]]],
  ],
  struct: [
    new Struct([item(new Int32()), new Field('text', new Utf8(), true)]),
    [
      { item: 1, text: 'a' },
      null,
      { item: null, text: 'c' },
      { item: 4, text: null },
      { item: 5, text: 'e' },
    ],
  ],
  map: [
    new Map_(
      new Field(
        'entries',
        new Struct<Record<string, DataType>>([
          new Field('key', new Utf8(), false),
          item(new Int32()),
        ]) as never,
        false,
      ),
    ),
    [
      new Map([['a', 1]]),
      null,
      new Map(),
      new Map([
        ['b', 2],
        ['c', 3],
      ]),
      new Map([['d', 4]]),
    ],
  ],
}

/** Five rows of every type that a column may have, most with a null in the second. */
export const everyType: readonly Column[] = Object.entries(cases).map(([name, [type, values]]) => ({
  field: new Field(name, type, true, new Map([['about', name]])),
  vector: vectorFromArray(values as unknown[], type),
}))

/** The values as plain data that `toEqual` compares. */
export function plainValues(vector: Vector): unknown[] {
  return [...(vector as Iterable<unknown>)].map(plain)
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${String(value)}n`
  if (value === null || typeof value !== 'object' || value instanceof Date) return value
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plain)
  if (Symbol.iterator in value) {
    return [...(value as Iterable<unknown>)].map(plain)
  }
  return value
}
