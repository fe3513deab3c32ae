import { type Data, DataType, Field, Schema } from 'apache-arrow'
import { SchemaError } from '../errors.ts'
import { didYouMean } from '../options.ts'

const heavyKey = 'millrace.heavy'

/** The kinds of column that operators ask for. */
export type ColumnKind = 'text' | 'texts' | 'binary' | 'number' | 'tensor'

const kinds: Readonly<Record<ColumnKind, (type: DataType) => boolean>> = {
  text: isText,
  texts: (type) => DataType.isList(type) && isText(type.valueType as DataType),
  binary: (type) => DataType.isBinary(type),
  number: (type) => DataType.isFloat(type) || DataType.isInt(type),
  tensor: (type) => DataType.isFixedSizeList(type),
}

function isText(type: DataType): boolean {
  return (
    DataType.isUtf8(type) ||
    (DataType.isDictionary(type) && DataType.isUtf8(type.dictionary as DataType))
  )
}

/** Whether a field is of `kind`. */
export function isKind(field: Field, kind: ColumnKind): boolean {
  return kinds[kind](field.type as DataType)
}

/**
 * Returns the field called `name`, checked to be of `kind`.
 *
 * @throws {SchemaError} naming the operator `owner`, what was expected and what is there
 */
export function requireField(
  schema: Schema,
  name: string,
  { owner, kind }: { owner: string; kind?: ColumnKind },
): Field {
  const field = schema.fields.find((f) => f.name === name)
  if (!field) throw missingColumn(name, schema, owner)
  if (kind && !isKind(field, kind))
    throw new SchemaError(
      `Expected column \`${name}\` of ${owner} to be ${kind}, got ${typeName(field.type as DataType)}`,
      { column: name },
    )
  return field
}

/**
 * Those of `names` that `schema` has. A heavy column that nobody wants need not be there, so one that is missing
 * is an error only if it is in `wanted`, or every column is wanted.
 *
 * @throws {SchemaError} naming `owner`, if one is missing
 */
export function carried(
  schema: Schema,
  names: readonly string[],
  { owner, wanted }: { owner: string; wanted?: ReadonlySet<string> | undefined },
): string[] {
  return names.filter((name) => {
    if (schema.fields.some((f) => f.name === name)) return true
    if (wanted && !wanted.has(name)) return false
    throw missingColumn(name, schema, owner)
  })
}

/** The error for a column that is not there. */
export function missingColumn(name: string, schema: Schema, owner?: string): SchemaError {
  const names = schema.fields.map((f) => f.name)
  const whose = owner === undefined ? '' : ` for ${owner}`
  return new SchemaError(
    `Expected column \`${name}\`${whose}, got columns ${names.join(', ')}${didYouMean(name, names)}`,
    { column: name },
  )
}

/** `schema` with `fields` in place of those of the same name, or at the end. */
export function schemaWith(schema: Schema, fields: readonly Field[]): Schema {
  const added = new Map(fields.map((f) => [f.name, f]))
  const kept = schema.fields.map((f) => {
    const replaced = added.get(f.name)
    added.delete(f.name)
    return replaced ?? f
  })
  return new Schema([...kept, ...added.values()], schema.metadata)
}

/** `schema` without the fields in `names`. */
export function schemaWithout(schema: Schema, names: readonly string[]): Schema {
  return new Schema(
    schema.fields.filter((f) => !names.includes(f.name)),
    schema.metadata,
  )
}

/** Marks a field whose values are large (encoded pictures, pixels): carried only as far as an operator declares it. */
export function heavy<T extends DataType>(field: Field<T>): Field<T> {
  const metadata = new Map([...field.metadata, [heavyKey, 'true']])
  return new Field(field.name, field.type, field.nullable, metadata)
}

/** Whether a field is marked {@link heavy}. */
export function isHeavy(field: Field): boolean {
  return field.metadata.get(heavyKey) === 'true'
}

/** `schema` without the heavy fields that are not in `wanted`. */
export function schemaWithoutHeavy(schema: Schema, wanted: ReadonlySet<string>): Schema {
  return schemaWithout(
    schema,
    schema.fields.filter((f) => isHeavy(f) && !wanted.has(f.name)).map((f) => f.name),
  )
}

/** The type as it is written in messages: `Utf8`, `FixedSizeList[40]<Float32>`. */
export function typeName(type: { toString: () => string }): string {
  return type.toString()
}

/** The error for two inputs of `owner` whose columns differ, or undefined if names, order and types are the same. */
export function differentSchemas(a: Schema, b: Schema, owner: string): SchemaError | undefined {
  for (let i = 0; i < Math.max(a.fields.length, b.fields.length); i++) {
    const [left, right] = [a.fields[i], b.fields[i]].map((f) =>
      f ? `${f.name}: ${String(f.type)}` : 'no more columns',
    )
    if (left !== right)
      return new SchemaError(
        `Expected the inputs of ${owner} to have the same columns, got ${left ?? ''} and ${right ?? ''}`,
        { column: a.fields[i]?.name ?? b.fields[i]?.name ?? '' },
      )
  }
  return undefined
}

/**
 * Returns `data`, checked to be of the type of `field`.
 *
 * @throws {SchemaError} if it is of another: the batches of a flow have one schema
 */
export function sameType(field: Field, data: Data): Data {
  const wanted = typeName(field.type as DataType)
  const found = typeName(data.type)
  if (found === wanted) return data
  throw new SchemaError(
    `Expected column \`${field.name}\` to be ${wanted} in every batch, got ${found}`,
    { column: field.name },
  )
}
