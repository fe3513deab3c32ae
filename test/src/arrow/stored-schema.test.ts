import {
  DataType,
  Field,
  FixedSizeList,
  Int32,
  List,
  Map_,
  Message,
  Schema,
  Struct,
} from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { decodeStoredSchema } from '../../../src/arrow/stored-schema.ts'

const value = new Field('v', new Int32(), true)
const entries = new Field('entries', new Struct([value.clone({ name: 'k' }), value]), false)

/** A type with other children than it takes. */
function withChildren(type: DataType, ...children: readonly Field[]): DataType {
  return Object.assign(type, { children })
}

function stored(type: DataType): Uint8Array {
  return Message.encode(Message.from(new Schema([new Field('x', type, true)])))
}

describe('decodeStoredSchema', () => {
  it.each([
    ['a list without values', () => withChildren(new List(value))],
    ['a list of fixed size without values', () => withChildren(new FixedSizeList(2, value))],
    ['a map without entries', () => withChildren(new Map_(entries as never))],
    ['a map of numbers', () => withChildren(new Map_(entries as never), value)],
    ['a list of such', () => new List(new Field('l', withChildren(new List(value)), true))],
  ])('refuses %s', (_, type) => {
    expect(() => decodeStoredSchema(stored(type()))).toThrow(RangeError)
  })

  it('keeps lists and maps that are whole', () => {
    for (const type of [new List(value), new FixedSizeList(2, value), new Map_(entries as never)])
      expect(String(decodeStoredSchema(stored(type)))).toContain(String(type))
  })
})
