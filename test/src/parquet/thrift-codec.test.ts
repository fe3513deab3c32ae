import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeStruct, encodeStruct } from '../../../src/parquet/thrift-codec.ts'
import { type Struct, type TypeName, typeNames, type Value } from '../../../src/parquet/thrift.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)
const struct = (...fields: [number, Value][]): Struct => ({
  type: 'struct',
  fields: new Map(fields),
})

/** Bytes by hand, from the rules of the protocol. */
const cases: readonly { name: string; bytes: Uint8Array; struct: Struct }[] = [
  { name: 'an empty struct', bytes: bytes(0), struct: struct() },
  {
    name: 'booleans in the field head',
    bytes: bytes(0x11, 0x12, 0),
    struct: struct([1, { type: 'bool', value: true }], [2, { type: 'bool', value: false }]),
  },
  {
    name: 'a negative number',
    bytes: bytes(0x15, 0x03, 0),
    struct: struct([1, { type: 'i32', value: -2 }]),
  },
  {
    name: 'the largest and the smallest long',
    bytes: bytes(
      ...[0x16, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
      ...[0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
      0,
    ),
    struct: struct(
      [1, { type: 'i64', value: 2n ** 63n - 1n }],
      [2, { type: 'i64', value: -(2n ** 63n) }],
    ),
  },
  {
    name: 'a field more than 15 after the one before',
    bytes: bytes(0x13, 0x01, 0x03, 0x50, 0xff, 0),
    struct: struct([1, { type: 'i8', value: 1 }], [40, { type: 'i8', value: -1 }]),
  },
  {
    name: 'text, a double and a list',
    bytes: bytes(0x18, 2, 0x68, 0x69, 0x17, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x19, 0x25, 2, 4, 0),
    struct: struct(
      [1, { type: 'binary', value: bytes(0x68, 0x69) }],
      [2, { type: 'double', value: 1.5 }],
      [
        3,
        {
          type: 'list',
          of: 'i32',
          values: [
            { type: 'i32', value: 1 },
            { type: 'i32', value: 2 },
          ],
        },
      ],
    ),
  },
  {
    name: 'an empty map and one of two types',
    bytes: bytes(0x1b, 0, 0x1b, 1, 0x35, 7, 2, 0),
    struct: struct(
      [1, { type: 'map', types: undefined, entries: [] }],
      [
        2,
        {
          type: 'map',
          types: ['i8', 'i32'],
          entries: [
            [
              { type: 'i8', value: 7 },
              { type: 'i32', value: 1 },
            ],
          ],
        },
      ],
    ),
  },
]

const scalars: Readonly<Record<string, fc.Arbitrary<Value>>> = {
  bool: fc.boolean().map((value) => ({ type: 'bool', value })),
  i8: fc.integer({ min: -128, max: 127 }).map((value) => ({ type: 'i8', value })),
  i16: fc.integer({ min: -32_768, max: 32_767 }).map((value) => ({ type: 'i16', value })),
  i32: fc.integer().map((value) => ({ type: 'i32', value })),
  i64: fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((value) => ({ type: 'i64', value })),
  double: fc.double().map((value) => ({ type: 'double', value })),
  binary: fc.uint8Array().map((value) => ({ type: 'binary', value })),
}

const { anyStruct } = fc.letrec<{ anyStruct: Struct; list: Value; value: Value }>((tie) => ({
  anyStruct: fc
    .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 32_767 }), tie('value')), {
      selector: ([id]) => id,
      maxLength: 20,
    })
    .map((fields) => struct(...fields)),
  list: fc.oneof(
    ...Object.entries(scalars).map(([of, arbitrary]) =>
      fc
        .array(arbitrary, { maxLength: 20 })
        .map((values): Value => ({ type: 'list', of: of as TypeName, values })),
    ),
    fc
      .array(tie('anyStruct'), { maxLength: 3 })
      .map((values): Value => ({ type: 'set', of: 'struct', values })),
  ),
  value: fc.oneof({ depthSize: 'small' }, ...Object.values(scalars), tie('list'), tie('anyStruct')),
}))

describe('decodeStruct', () => {
  it.each(cases)('reads $name', (each) => {
    expect(decodeStruct(each.bytes)).toEqual(each.struct)
  })

  it.each([
    { name: 'nothing', bytes: bytes() },
    { name: 'a struct without its end', bytes: bytes(0x15, 2) },
    { name: 'text that is longer than what follows', bytes: bytes(0x18, 100, 1, 2, 0) },
    {
      name: 'a list of more elements than bytes',
      bytes: bytes(0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x0f, 2, 0),
    },
    { name: 'a number of eleven bytes', bytes: bytes(0x16, ...Array<number>(11).fill(0xff), 0) },
    { name: 'a type that is not', bytes: bytes(0x1e, 0) },
    { name: 'a field twice', bytes: bytes(0x15, 2, 0x05, 2, 2, 0) },
    { name: 'structs within structs', bytes: new Uint8Array(1_000_000).fill(0x1c) },
    { name: 'lists within lists', bytes: new Uint8Array(1_000_000).fill(0x19) },
  ])('refuses $name', (each) => {
    expect(() => decodeStruct(each.bytes)).toThrow(RangeError)
  })

  it('reads or refuses whatever bytes, making no more values than there are bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (input) => {
        try {
          expect(countOf(decodeStruct(input))).toBeLessThanOrEqual(input.length)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
      { numRuns: 5000, seed: 1 },
    )
  })
})

describe('encodeStruct', () => {
  it.each(cases)('writes $name', (each) => {
    expect(encodeStruct(each.struct)).toEqual(each.bytes)
  })

  it('writes what reads the same', () => {
    fc.assert(
      fc.property(anyStruct, (made) => {
        expect(decodeStruct(encodeStruct(made))).toEqual(made)
      }),
      { numRuns: 300, seed: 1 },
    )
  })
})

function countOf(value: Value): number {
  if (value.type === 'struct') return 1 + sum([...value.fields.values()].map(countOf))
  if (value.type === 'list' || value.type === 'set') return 1 + sum(value.values.map(countOf))
  if (value.type === 'map') return 1 + sum(value.entries.flat().map(countOf))
  return typeNames.includes(value.type) ? 1 : NaN
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
