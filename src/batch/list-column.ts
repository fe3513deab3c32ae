import { type Data, DataType, Field, makeVector, type RecordBatch } from 'apache-arrow'
import { type Column, column } from './batch.ts'
import { concatData } from './concat-data.ts'
import { SchemaError } from '../errors.ts'
import { requireField, typeName } from './schema.ts'
import { takeData } from './take-data.ts'

/** A column of lists. */
export interface Lists {
  /** Its name. */
  readonly name: string
  /** How many elements each row has; 0 where it is null. */
  readonly lengths: Int32Array
  /** The elements at `places` of `rows`, as a column of the same name. Copies. */
  readonly take: (rows: readonly number[], places: readonly number[]) => Column
}

/**
 * The field of the elements of a column of lists.
 *
 * @throws {SchemaError} naming `owner`, if it has no lists
 */
export function elementField({ name, type }: Field, owner: string): Field {
  if (DataType.isList(type)) {
    const item = type.children[0] as Field
    return new Field(name, item.type as DataType, true, item.metadata)
  }
  throw new SchemaError(
    `Expected column \`${name}\` of ${owner} to be lists, got ${typeName(type as DataType)}`,
    { column: name },
  )
}

/** The column of lists called `name`. */
export function listsIn(batch: RecordBatch, name: string, owner: string): Lists {
  const field = elementField(requireField(batch.schema, name, { owner }), owner)
  const data = concatData(column(batch, name).data as readonly Data[])
  const offsets = data.valueOffsets as Int32Array
  const lengths = Int32Array.from({ length: data.length }, (_, row) =>
    data.getValid(row) ? (offsets[row + 1] ?? 0) - (offsets[row] ?? 0) : 0,
  )
  return {
    name,
    lengths,
    take(rows, places) {
      const at = rows.map((row, i) => (offsets[row] ?? 0) + (places[i] ?? 0))
      return { field, vector: makeVector(takeData(data.children[0] as Data, at)) }
    },
  }
}
