import type { RecordBatch, Schema } from 'apache-arrow'
import { column } from '../batch/batch.ts'
import { isKind, requireField } from '../batch/schema.ts'
import { SchemaError } from '../errors.ts'
import type { FactorValues } from '../models/mutual-information.ts'

/** Numbers of which fewer differ, per row, are categories. */
const discreteShare = 0.2

/** Which definitions hold, where those of DataEval changed: those of version 1, or of 0.65. */
export type BiasProfile = 'dataeval-1' | 'dataeval-0.65'

/** A column as a factor; NaN where it is null. */
export interface Factor extends FactorValues {
  /** Name of the column. */
  readonly name: string
  /** Of text, what a number stands for. */
  readonly names: readonly string[] | undefined
}

/**
 * The columns that are named, checked to be numbers or text; by default all numbers, and `split`.
 *
 * @throws {SchemaError} if one is missing, or neither
 */
export function factorColumns(
  schema: Schema,
  { named, label, owner }: { named: readonly string[] | undefined; label: string; owner: string },
): string[] {
  requireField(schema, label, { owner, kind: 'text' })
  for (const name of named ?? []) {
    const field = requireField(schema, name, { owner })
    if (!isKind(field, 'number') && !isKind(field, 'text'))
      throw new SchemaError(
        `Expected column \`${name}\` of ${owner} to be number or text, got ${String(field.type)}`,
        { column: name },
      )
  }
  const found = schema.fields.filter((field) => isKind(field, 'number')).map(({ name }) => name)
  const split = schema.fields.filter((field) => field.name === 'split' && isKind(field, 'text'))
  return (named ?? [...found, ...split.map(({ name }) => name)]).filter((name) => name !== label)
}

/** A column as a factor: text, and numbers of which fewer than a fifth differ, are categories. */
export function factorOf(batch: RecordBatch, name: string): Factor {
  const vector = column(batch, name)
  const text = batch.schema.fields.some((field) => field.name === name && isKind(field, 'text'))
  const known = new Map<string, number>()
  const values = Float64Array.from({ length: batch.numRows }, (_, row) => {
    const value = vector.get(row) as string | number | bigint | null
    if (value === null) return NaN
    if (typeof value !== 'string') return Number.isFinite(Number(value)) ? Number(value) : NaN
    if (!known.has(value)) known.set(value, known.size)
    return known.get(value) as number
  })
  const present = values.filter((value) => !Number.isNaN(value))
  const discrete = text || new Set(present).size < discreteShare * present.length
  return { name, values, discrete, names: text ? [...known.keys()] : undefined }
}

/** The labels, one after another, each as a factor that tells its rows from all others. */
export function* classesOf(label: Factor): Generator<{ of: string; factor: Factor }> {
  const names = label.names ?? []
  for (const of of [...names].sort()) {
    const code = names.indexOf(of)
    // NaN stays: a row without a label is of no class.
    const values = label.values.map((value) => (Number.isNaN(value) ? value : +(value === code)))
    yield { of, factor: { ...label, values } }
  }
}

/** The values of both where neither is null. */
export function present(a: Factor, b: Factor): [FactorValues, FactorValues] {
  const rows = [...a.values.keys()].filter(
    (row) => !Number.isNaN(a.values[row]) && !Number.isNaN(b.values[row]),
  )
  function picked({ values, discrete }: Factor): FactorValues {
    return { discrete, values: Float64Array.from(rows, (row) => values[row] as number) }
  }
  return [picked(a), picked(b)]
}
