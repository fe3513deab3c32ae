import { type RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { batchOfData } from '../src/batch/batch.ts'
import { carried, requireField } from '../src/batch/schema.ts'
import { OptionError, SchemaError } from '../src/errors.ts'
import { operate } from '../src/flow/operate.ts'
import { knownOptions, stringMap } from '../src/options.ts'

/** Options of {@link rename}. */
export interface RenameOptions {
  /** New names, by the names that they replace. Two columns may change names. */
  readonly columns: Readonly<Record<string, string>>
}

/**
 * Gives columns other names.
 *
 * - Rows: n to n, in order; nothing is copied.
 * - Columns: the same, in the same order, with their types and metadata. A heavy one (pictures) that is wanted
 *   behind it under its new name is asked for under the old one.
 * - Nulls: stay.
 *
 * @throws {OptionError} at the call, if an option is unknown, or two columns get one name
 * @throws {SchemaError} if a column is missing, or another one has the new name already
 * @example
 * flow.pipe(rename({ columns: { file_name: 'id', class: 'label' } }))
 */
export function rename(options: RenameOptions): OperatorFunction<RecordBatch, RecordBatch> {
  knownOptions('rename', options, ['columns'])
  const names = stringMap('columns', options.columns)
  const before = new Map([...names].map(([from, to]) => [to, from]))
  if (before.size < names.size)
    throw new OptionError(
      `Expected option \`columns\` to give each column a name of its own, got ${[...names.values()].join(', ')}`,
    )
  const owner = 'rename'

  /** What is wanted of the input: a name that was given away is not that of the column that had it. */
  function wants(wanted: ReadonlySet<string>): ReadonlySet<string> {
    return new Set([...wanted].flatMap((name) => before.get(name) ?? (names.has(name) ? [] : name)))
  }

  return operate<RecordBatch, RecordBatch>({
    name: owner,
    wants,
    schema(input) {
      for (const from of names.keys()) requireField(input, from, { owner })
      return renamed(input, names)
    },
    memoryBytes: 0,
    start: ({ columns }) => ({
      *next(batch) {
        carried(batch.schema, [...names.keys()], { owner, wanted: columns && wants(columns) })
        const schema = renamed(batch.schema, names)
        yield batchOfData(schema, batch.data.children.slice(), batch.numRows)
      },
    }),
    settings: { columns: Object.fromEntries(names) },
  })
}

function renamed(schema: Schema, names: ReadonlyMap<string, string>): Schema {
  const fields = schema.fields.map((f) => f.clone({ name: names.get(f.name) ?? f.name }))
  const seen = new Set<string>()
  for (const { name } of fields) {
    if (seen.has(name))
      throw new SchemaError(
        `Expected no other column \`${name}\` for rename, got columns ${schema.names.join(', ')}: drop or rename that one too`,
        { column: name },
      )
    seen.add(name)
  }
  return new Schema(fields, schema.metadata)
}
