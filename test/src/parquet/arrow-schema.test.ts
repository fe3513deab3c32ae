import {
  Binary,
  type DataType,
  Dictionary,
  Field,
  FixedSizeList,
  Float32,
  Int32,
  LargeBinary,
  LargeUtf8,
  List,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  Utf8,
} from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editArrowSchema } from '../../../src/parquet/arrow-schema.ts'
import { typeName } from '../../../src/batch/schema.ts'
import { fixedShapeTensor } from '../../../src/batch/tensor.ts'

const field = (name: string, type: DataType) =>
  new Field(name, type, true, new Map([['about', name]]))

const schema = new Schema(
  [
    field('plain', new Int32()),
    field('text', new LargeUtf8()),
    field('bytes', new LargeBinary()),
    field('dictionary', new Dictionary(new LargeUtf8(), new Int32(), 3)),
    field(
      'nested',
      new List(
        field('item', new Struct([field('deep', new LargeUtf8()), field('flat', new Utf8())])),
      ),
    ),
    field('tensors', new FixedSizeList(2, field('item', new Float32()))),
    fixedShapeTensor('embedding', [2, 3]),
  ],
  new Map([['made', 'here']]),
)

/** As writers store it: the schema message alone, in base64. */
function encoded(of: Schema): string {
  return Buffer.from(RecordBatchStreamWriter.writeAll(new Table(of)).toUint8Array(true)).toString(
    'base64',
  )
}

function decoded(text: string): Schema {
  return tableFromIPC(Buffer.from(text, 'base64')).schema
}

const all = new Set(schema.fields.map((f) => f.name))

describe('editArrowSchema', () => {
  it('reads large types as plain ones, at any depth, and keeps the rest', () => {
    const read = decoded(editArrowSchema(encoded(schema), all))
    const types = new Map(read.fields.map((f) => [f.name, f.type as DataType]))
    expect(types.get('text')).toBeInstanceOf(Utf8)
    expect(types.get('bytes')).toBeInstanceOf(Binary)
    expect((types.get('dictionary') as Dictionary).dictionary).toBeInstanceOf(Utf8)
    expect(typeName(types.get('nested') as DataType)).toBe('List<Struct<{deep:Utf8, flat:Utf8}>>')
    expect(read.metadata).toEqual(schema.metadata)
    for (const [i, f] of read.fields.entries()) {
      expect(f.metadata).toEqual(schema.fields[i]?.metadata)
      expect(f.nullable).toBe(schema.fields[i]?.nullable)
      if (!String(schema.fields[i]?.type).includes('Large'))
        expect(String(f.type)).toBe(String(schema.fields[i]?.type))
    }
  })

  it('keeps the chosen fields, in their order', () => {
    const text = editArrowSchema(encoded(schema), new Set(['embedding', 'plain', 'nested']))
    expect(decoded(text).fields.map((f) => f.name)).toEqual(['plain', 'nested', 'embedding'])
    expect(decoded(editArrowSchema(encoded(schema), new Set())).fields).toEqual([])
  })

  it('reads or refuses whatever bytes', () => {
    const whole = Buffer.from(encoded(schema), 'base64')
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(flips, fc.nat(whole.length), (places, length) => {
        const bytes = Buffer.from(whole)
        for (const [place, value] of places) bytes[place] = value
        try {
          editArrowSchema(bytes.toString('base64'), all)
          editArrowSchema(bytes.subarray(0, length).toString('base64'), all)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
      { numRuns: 3000, seed: 1 },
    )
  })

  it('refuses fields that share one long list of children, in time', () => {
    const count = 2000
    const vectorBytes = 4 + 4 * count
    const [vector, tables] = [80, 80 + vectorBytes]
    const shared = tables + 12 * count
    const [leaf, name] = [shared + vectorBytes, shared + vectorBytes + 4]
    const bytes = Buffer.alloc(name + 8)
    const offset = (slot: number, to: number) => bytes.writeUInt32LE(to - slot, slot)
    const shorts = (at: number, values: readonly number[]) => {
      for (const [i, value] of values.entries()) bytes.writeUInt16LE(value, at + 2 * i)
    }
    bytes.writeUInt32LE(0xffffffff, 0)
    offset(8, 40)
    // How the message, the schema and the fields are laid out; a leaf has nothing.
    shorts(16, [10, 12, 0, 4, 8])
    shorts(28, [8, 8, 0, 4])
    shorts(60, [16, 12, 4, 0, 0, 0, 0, 8])
    shorts(36, [4, 4])
    bytes.writeInt32LE(40 - 16, 40)
    bytes[44] = 1
    offset(48, 52)
    bytes.writeInt32LE(52 - 28, 52)
    offset(56, vector)
    bytes.writeUInt32LE(count, vector)
    bytes.writeUInt32LE(count, shared)
    for (let i = 0; i < count; i++) {
      const table = tables + 12 * i
      offset(vector + 4 + 4 * i, table)
      bytes.writeInt32LE(table - 60, table)
      offset(table + 4, name)
      offset(table + 8, shared)
      offset(shared + 4 + 4 * i, leaf)
    }
    bytes.writeInt32LE(leaf - 36, leaf)
    bytes.writeUInt32LE(1, name)
    bytes.write('a', name + 4)
    expect(() => editArrowSchema(bytes.toString('base64'), new Set(['a']))).toThrow(
      new RangeError('Expected fewer fields than bytes'),
    )
  })
})
