import {
  Bool,
  DateDay,
  type DataType,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int64,
  List,
  Schema,
  Struct,
  Utf8,
} from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { heavy } from '../../../src/batch/schema.ts'
import { spilledRow } from '../../../src/run/spilled-row.ts'

function field(name: string, type: DataType): Field {
  return new Field(name, type, true)
}

const point = new FixedSizeList(3, field('item', new Float32()))
const input = new Schema([field('id', new Utf8()), field('label', new Utf8())])
const made = new Schema([
  ...input.fields,
  ...[field('n', new Int64()), field('x', new Float64()), field('flag', new Bool())],
  ...[field('day', new DateDay()), field('point', point)],
  field('pair', new Struct([field('a', new Float32()), field('b', new Float32())])),
  field('names', new List(field('item', new Utf8()))),
  heavy(field('image', new Utf8())),
])

describe('spilledRow', () => {
  it.each([
    ['all columns', made, input, { bytes: 41, varying: ['id', 'label', 'names'] }],
    ['own columns', made, input, { bytes: 41, varying: ['names'] }],
    ['own columns', input, input, { bytes: 0, varying: [] }],
    ['own columns', undefined, input, undefined],
    ['all columns', made, undefined, undefined],
    [undefined, made, input, undefined],
  ])('of %s', (spill, after, before, expected) => {
    expect(spilledRow(spill, after, before)).toEqual(expected)
  })
})
