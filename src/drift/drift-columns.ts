import type { RecordBatch, Schema } from 'apache-arrow'
import { column } from '../batch/batch.ts'
import { isKind, requireField } from '../batch/schema.ts'
import { tensorShape } from '../batch/tensor.ts'
import { OptionError, SchemaError } from '../errors.ts'
import type { Categories, DriftReference } from '../models/drift-reference.ts'

/** Which columns are compared, by what they hold. */
export interface DriftColumns {
  /** Of numbers. */
  readonly numbers: readonly string[]
  /** Of text. */
  readonly categories: readonly string[]
  /** Of embeddings. */
  readonly embedding: string | undefined
}

/** The columns of a reference. */
export function columnsOfReference(reference: DriftReference): DriftColumns {
  return {
    numbers: [...reference.numbers.keys()],
    categories: [...reference.categories.keys()],
    embedding: reference.embedding?.column,
  }
}

/**
 * A reference with the columns that are named alone.
 *
 * @throws {OptionError} if it has no such column
 */
export function referenceOf(
  { rowsSeen, numbers, categories, embedding }: DriftReference,
  columns: readonly string[],
): DriftReference {
  const own = new Set([...numbers.keys(), ...categories.keys(), embedding?.column])
  const missing = columns.find((name) => !own.has(name))
  if (missing !== undefined)
    throw new OptionError(
      `Expected \`columns\` to be of the reference, got \`${missing}\`; it has ${[...own].filter(Boolean).join(', ')}`,
    )
  const named = new Set(columns)
  return {
    rowsSeen,
    numbers: new Map([...numbers].filter(([name]) => named.has(name))),
    categories: new Map([...categories].filter(([name]) => named.has(name))),
    embedding: embedding && named.has(embedding.column) ? embedding : undefined,
  }
}

/** The columns that are named; by default all numbers, `label` and `embedding`, as far as they are there. */
export function chosenColumns(schema: Schema, named: Partial<DriftColumns>): DriftColumns {
  function there(name: string): string | undefined {
    return schema.names.includes(name) ? name : undefined
  }
  return {
    numbers:
      named.numbers ?? schema.fields.filter((f) => isKind(f, 'number')).map(({ name }) => name),
    categories: named.categories ?? [there('label')].filter((name) => name !== undefined),
    embedding: named.embedding ?? there('embedding'),
  }
}

/** All names. */
export function namesIn({ numbers, categories, embedding }: DriftColumns): string[] {
  return [...new Set([...numbers, ...categories, ...(embedding === undefined ? [] : [embedding])])]
}

/**
 * Checks that a schema has an `id` and the columns, each of its kind, and the embeddings of `length` values.
 *
 * @throws {SchemaError} if not
 */
export function requireColumns(
  schema: Schema,
  { numbers, categories, embedding }: DriftColumns,
  { owner, length }: { readonly owner: string; readonly length?: number | undefined },
): void {
  requireField(schema, 'id', { owner, kind: 'text' })
  for (const name of numbers) requireField(schema, name, { owner, kind: 'number' })
  for (const name of categories) requireField(schema, name, { owner, kind: 'text' })
  if (embedding === undefined) return
  const values = tensorShape(requireField(schema, embedding, { owner, kind: 'tensor' })).reduce(
    (a, b) => a * b,
    1,
  )
  if (length !== undefined && values !== length)
    throw new SchemaError(
      `Expected column \`${embedding}\` of ${owner} to have ${String(length)} values as its reference does, got ${String(values)}`,
      { column: embedding },
    )
}

/** The finite numbers of a column, ascending. */
export function numbersIn(batch: RecordBatch, name: string): Float64Array {
  const values: number[] = []
  const vector = column(batch, name)
  for (let row = 0; row < batch.numRows; row++) {
    const value = Number(vector.get(row) ?? NaN)
    if (Number.isFinite(value)) values.push(value)
  }
  return Float64Array.from(values).sort()
}

/** How many rows have which text; null is one of them. */
export function categoriesIn(batch: RecordBatch, name: string): Categories {
  const counts = new Map<string | null, number>()
  const vector = column(batch, name)
  for (let row = 0; row < batch.numRows; row++) {
    const text = vector.get(row) as string | null
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  return counts
}
