import type { RecordBatch, Schema } from 'apache-arrow'
import type { MonoTypeOperatorFunction } from 'rxjs'
import { inLane } from '../src/flow/context.ts'
import { Barrier, Control } from '../src/flow/control.ts'
import { ConnectorError } from '../src/errors.ts'
import { Flow, flowOf } from '../src/flow/flow.ts'
import { columnList, nonEmptyString } from '../src/options.ts'
import type { Slot } from '../src/flow/slot.ts'
import { release, slotOf } from '../src/flow/slot-of.ts'
import { StoredRows } from '../src/parquet/stored-rows.ts'
import { withStoredRows } from '../src/parquet/with-stored-rows.ts'
import { requireField, schemaWithoutHeavy } from '../src/batch/schema.ts'

export interface ReuseOptions {
  /** Parquet file of an earlier run; where there is none yet, every row is new. */
  readonly from: string
  /** Text column, in the rows and in the file, that says which rows are the same. */
  readonly key: string
  /** Values that a row of the file must have to count, by text column (the model that made it, say). */
  readonly where: Readonly<Record<string, string>>
  /** Columns that are taken from the file for the rows found there. */
  readonly columns: readonly string[]
  /** Makes these columns for the other rows: in order, each with its `id`; rows that fail there are missing. */
  readonly otherwise: MonoTypeOperatorFunction<RecordBatch>
}

/**
 * Takes columns from an earlier run's file for the rows that it has, and makes them for the rest.
 *
 * - Rows: as `otherwise` keeps them, in input order; one batch out for each in that has rows left.
 * - Columns: those of `otherwise`'s result that are not heavy (encoded pictures, pixels).
 * - Memory: the keys of the file and their rows (about 100 bytes each), one row group of it, and the
 *   batches that `otherwise` has in work.
 * - Barriers: come out behind all rows before them. The state is whether there was a file: that of an
 *   earlier run has to be there when this one is resumed.
 *
 * @throws {DataError} on the stream, if the file is damaged
 * @throws {SchemaError} on the stream, if it lacks a column
 * @example
 * pictures.pipe(reuse({ from: 'out/embeddings.parquet', key: 'content_hash', where: { model_hash },
 *   columns: ['embedding'], otherwise: (rows) => rows.pipe(decode(), infer()) }))
 */
export function reuse(options: ReuseOptions): MonoTypeOperatorFunction<RecordBatch> {
  const from = nonEmptyString('from', options.from)
  const key = nonEmptyString('key', options.key)
  const columns = columnList('columns', options.columns)
  const { otherwise, where } = options

  return (source) => {
    const input = flowOf(source)
    const whole = flowOf(otherwise(input))
    const flow: Flow<RecordBatch> = new Flow<RecordBatch>(
      async function* (context) {
        const slot = slotOf(flow, 'reuse', context)
        if (slot.over) {
          release([whole], context)
          return
        }
        const carried = new Set(columns.filter((name) => context.columns?.has(name) ?? true))
        const inner = inLane({ ...context, columns: carried }, slot.key)
        const schema = lightSchema(await whole.schema(), carried)
        const stored =
          slot.state === 'made'
            ? undefined
            : await StoredRows.open(from, { key, where, columns, signal: context.signal })
        if (!stored && slot.state === 'reused') throw gone(from)
        try {
          const rows = stored
            ? withStoredRows(input, stored, { key, otherwise, schema, context: inner })
            : whole.pull(inner)
          yield* counted(rows, slot, stored ? 'reused' : 'made')
          if (!context.signal.aborted) slot.end()
        } finally {
          await stored?.close()
        }
      },
      {
        name: 'reuse',
        role: 'operator',
        inputs: [whole],
        schema: ([made]) => {
          requireField(made as Schema, key, { owner: 'reuse', kind: 'text' })
          return schemaWithoutHeavy(made as Schema, new Set(columns))
        },
        holds: 'the keys of the file and their rows, about 100 bytes each, and a row group of it',
        settings: { from, key, where, columns },
      },
    )
    return flow
  }
}

/** Counts the rows that come out, and saves `state` at barriers. */
async function* counted(
  rows: AsyncIterable<RecordBatch | Control>,
  slot: Slot,
  state: 'reused' | 'made',
): AsyncGenerator<RecordBatch | Control> {
  for await (const value of rows) {
    if (value instanceof Barrier) slot.save(value, state)
    if (!(value instanceof Control)) slot.counts.rowsIn = slot.counts.rowsKept += value.numRows
    yield value
  }
}

function gone(from: string): ConnectorError {
  return new ConnectorError(
    `Expected ${from}, from which rows were reused before the run was resumed, got no such file`,
    { url: from, retryable: false },
  )
}

function lightSchema(schema: Schema | undefined, carried: ReadonlySet<string>): Schema | undefined {
  return schema && schemaWithoutHeavy(schema, carried)
}
