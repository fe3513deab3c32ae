import {
  type Data,
  DataType,
  Field,
  FixedSizeList,
  makeData,
  makeVector,
  type RecordBatch,
  type Schema,
} from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { type Column, column as columnAt, withColumns } from '../src/batch/batch.ts'
import { concatData } from '../src/batch/concat-data.ts'
import { heavy, isHeavy, requireField, schemaWith, typeName } from '../src/batch/schema.ts'
import { remake, takeData, type Values } from '../src/batch/take-data.ts'
import { fixedShapeTensor } from '../src/batch/tensor.ts'
import { SchemaError } from '../src/errors.ts'
import { operate } from '../src/flow/operate.ts'
import { columnList, knownOptions, nonEmptyString } from '../src/options.ts'
import { validity } from '../src/pictures/pixels.ts'

/** Options of {@link concatenate}. */
export interface ConcatenateOptions {
  /** Columns of numbers or of tensors of fixed shape, in the order in which their values come. */
  readonly columns: readonly string[]
  /** Column that is made, or replaced. */
  readonly into: string
}

/**
 * Joins the values of several columns into one vector per row.
 *
 * - Rows: n to n, in order. Copies.
 * - Columns: adds `into`, a tensor of one dimension, heavy if one of `columns` is; these stay (`drop` leaves them
 *   out). A number gives one value, a tensor all of its own, row-major. They must be of one type of values, since
 *   nothing is converted in silence: `cast` does that.
 * - Nulls: a row in which one of `columns` is null has no vector.
 *
 * @throws {OptionError} at the call, if an option is unknown or missing
 * @throws {SchemaError} if a column is missing, holds no numbers, or other ones than the first
 * @example
 * flow.pipe(concatenate({ columns: ['n', 'xy'], into: 'features' })) // n 1, xy [2, 3]  =>  features [1, 2, 3]
 */
export function concatenate(
  options: ConcatenateOptions,
): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('concatenate', options, ['columns', 'into'])
  const columns = columnList('columns', options.columns)
  const into = nonEmptyString('into', options.into)

  return operate<RecordBatch, RecordBatch>({
    name: 'concatenate',
    reads: columns,
    schema: (input) => schemaWith(input, [joinedField(input, columns, into)]),
    memoryBytes: 0,
    start: () => ({
      *next(batch) {
        yield withColumns(batch, [joined(batch, columns, into)])
      },
    }),
    settings: { columns, into },
  })
}

function joinedField(schema: Schema, columns: readonly string[], into: string): Field {
  const fields = columns.map((name) => requireField(schema, name, { owner: 'concatenate' }))
  const items = fields.map(itemOf)
  const [first] = items as [Field]
  for (const [i, { type }] of items.entries())
    if (typeName(type as DataType) !== typeName(first.type as DataType))
      throw new SchemaError(
        `Expected column \`${columns[i] ?? ''}\` of concatenate to have values of ${String(first.type)} like \`${columns[0] ?? ''}\`, got ${String(type)}: cast one of them`,
        { column: columns[i] ?? '' },
      )
  const width = fields.reduce((sum, field) => sum + sizeOf(field.type as DataType), 0)
  // A number that is null makes the row null; only tensors have nulls among their values.
  const nullable = items.some((item, i) => item !== fields[i] && item.nullable)
  const type = new FixedSizeList(width, new Field('item', first.type as DataType, nullable))
  const field = new Field(into, type, true, fixedShapeTensor(into, [width]).metadata)
  return fields.some(isHeavy) ? heavy(field) : field
}

/** The field of the numbers in a column: its own, or that of its tensors' values. */
function itemOf(field: Field): Field {
  const type = field.type as DataType
  const item = DataType.isFixedSizeList(type) ? (type.children[0] as Field) : field
  if (DataType.isInt(item.type) || DataType.isFloat(item.type)) return item
  throw new SchemaError(
    `Expected column \`${field.name}\` of concatenate to be numbers or tensors of them, got ${typeName(type)}`,
    { column: field.name },
  )
}

function sizeOf(type: DataType): number {
  return DataType.isFixedSizeList(type) ? type.listSize : 1
}

function joined(batch: RecordBatch, columns: readonly string[], into: string): Column {
  const field = joinedField(batch.schema, columns, into)
  const vectors = columns.map((name) => columnAt(batch, name))
  const rows = Array.from({ length: batch.numRows }, (_, row) =>
    vectors.every((vector) => vector.isValid(row)) ? row : null,
  )
  const pieces = vectors.map((vector) => itemsOf(vector.data[0] as Data))
  const sizes = vectors.map((vector) => sizeOf(vector.type as DataType))
  const child = takeData(concatData(pieces), interleaved(batch.numRows, sizes))
  const type = field.type as FixedSizeList
  const data = makeData({ type, length: batch.numRows, ...validity(rows), child })
  return { field, vector: makeVector(data) }
}

/** The numbers in a column, in one piece: of tensors all values, of numbers these, without their nulls. */
function itemsOf(data: Data): Data {
  const { type, length } = data
  if (!DataType.isFixedSizeList(type))
    return remake(data, length, { values: data.values as Values })
  return (data.children[0] as Data).slice(0, length * type.listSize)
}

/** Where the values of each row lie, if those of the columns lie one behind the other. */
function interleaved(rows: number, sizes: readonly number[]): Int32Array {
  const width = sizes.reduce((sum, size) => sum + size, 0)
  const places = new Int32Array(rows * width)
  let before = 0
  for (const size of sizes) {
    for (let row = 0; row < rows; row++)
      for (let i = 0; i < size; i++)
        places[row * width + before + i] = rows * before + row * size + i
    before += size
  }
  return places
}
