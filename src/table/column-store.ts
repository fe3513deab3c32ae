import { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { withoutHeavy } from '../batch/batch.ts'
import { schemaWithoutHeavy } from '../batch/schema.ts'
import type { Context } from '../flow/context.ts'
import { Barrier, type Control, untilTold } from '../flow/control.ts'
import { type Flow, flowOf } from '../flow/flow.ts'
import { wanting } from '../flow/operate.ts'
import type { Slot } from '../flow/slot.ts'
import { release, slotOf } from '../flow/slot-of.ts'
import { StoredTable, type StoredTableState } from './stored-table.ts'
import { TableFolder } from './table-folder.ts'
import { noting, TableFlow } from './table-flow.ts'
import { type TableState, TableWriter } from './table-writer.ts'
import { failPoint } from '../run/fail-point.ts'

export { StoredTable } from './stored-table.ts'
export { TableFlow } from './table-flow.ts'

/** A blocking operator: what it is called, what it reads and what it adds. */
export interface OperateTableSpec {
  /** Name in plans and counters. */
  readonly name: string
  /** Heavy columns that it reads. */
  readonly reads?: readonly string[]
  /** The schema that comes out; throws {@link SchemaError} when the input lacks something. */
  readonly schema: (input: Schema) => Schema | Promise<Schema>
  /** Reads what it needs, as often as it likes, and returns the columns that it adds: as many rows as the table has, in their order. Not called without rows. */
  readonly run: (
    table: StoredTable,
    context: Context,
  ) => AsyncIterable<RecordBatch> | Iterable<RecordBatch>
  /** See {@link FlowInfo}. */
  readonly memoryBytes?: number
  /** See {@link FlowInfo}. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/**
 * Builds a blocking operator, one that has to see all rows before it answers the first.
 *
 * - Rows: n to n, in input order. Rejects of the input come out in front of them.
 * - Disk: the rows are drained once into a file per column; consecutive blocking operators share
 *   them, each writing its own columns alone. Heavy columns are stored only if a later operator declares them.
 * - Barriers: pass while the rows are drained, with what is stored as the operator's state; then one that is
 *   due goes down when its columns are there, and between the batches that are read out.
 */
export function operateTable(spec: OperateTableSpec): OperatorFunction<RecordBatch, RecordBatch> {
  const { name, reads = [], schema, memoryBytes, settings } = spec
  return (source) => {
    const input = flowOf(source)
    const flow: TableFlow = new TableFlow(
      (context) => makeTable(spec, input, slotOf(flow, name, context), context),
      {
        name,
        role: 'operator',
        inputs: [input],
        reads,
        schema: ([first]) => schema(first as Schema),
        settings: {
          ...settings,
          spill: input instanceof TableFlow ? 'own columns' : 'all columns',
        },
        ...(memoryBytes !== undefined && { memoryBytes }),
      },
    )
    return flow
  }
}

async function* makeTable(
  { reads = [], schema, run }: OperateTableSpec,
  input: Flow<RecordBatch>,
  slot: Slot,
  context: Context,
): AsyncGenerator<Control, StoredTable> {
  if (slot.over) {
    release([input], context)
    return StoredTable.reopen(slot.state as StoredTableState, context.signal)
  }
  let passed: Barrier | undefined
  const making = tableOf(input, wanting(context, reads), slot)
  let table = yield* noting(making, (barrier) => (passed = barrier))
  try {
    const made = await schema(table.schema)
    slot.counts.rowsIn = slot.counts.rowsKept = table.numRows
    failPoint('table: before a pass')
    if (table.numRows === 0) table = table.withSchema(made)
    else table = await table.append(run(table, context))
    failPoint('table: after a pass')
    slot.end(context.run?.durable ? table.save() : undefined)
    const barrier = context.run?.barrier
    if (barrier && barrier !== passed) {
      yield barrier
      await untilTold(barrier, context.signal)
    }
    return table
  } catch (error) {
    await table.close()
    throw error
  }
}

/**
 * The rows of `source` as a table on disk: its own if it is a {@link TableFlow}, else drained into
 * one. The caller closes it. Heavy columns are stored as far as `context.columns` names them.
 * Control messages are handed to `pass`.
 */
export async function storedTable(
  source: Flow<RecordBatch>,
  context: Context,
  pass: (control: Control) => void | Promise<void> = () => undefined,
): Promise<StoredTable> {
  const making = tableOf(source, context, slotOf(source, 'table', context))
  for (;;) {
    const { done, value } = await making.next()
    if (done) return value
    await pass(value)
  }
}

function tableOf(
  source: Flow<RecordBatch>,
  context: Context,
  slot: Slot,
): AsyncGenerator<Control, StoredTable> {
  return source instanceof TableFlow ? source.table(context) : drain(source, context, slot)
}

interface DrainState {
  readonly folder: string
  readonly table: TableState
}

/** Reads a flow to its end, once. Holds less than one block of each column. */
async function* drain(
  source: Flow<RecordBatch>,
  context: Context,
  slot: Slot,
): AsyncGenerator<Control, StoredTable> {
  const { run, signal, columns } = context
  const from = slot.state as DrainState | undefined
  const folder = from
    ? await TableFolder.reopen(from.folder)
    : await TableFolder.create(run, slot.key)
  const writer = new TableWriter(folder)
  let done = false
  try {
    if (from) await writer.restore(from.table)
    for await (const value of source.pull(context)) {
      if (value instanceof RecordBatch) await writer.push(withoutHeavy(value, columns))
      else {
        if (value instanceof Barrier) {
          const state: DrainState = { folder: folder.path, table: await writer.save() }
          slot.save(value, state)
        }
        yield value
      }
    }
    signal.throwIfAborted()
    const files = await writer.finish()
    failPoint('table: drained')
    const schema = writer.schema ?? (await emptySchema(source, columns))
    done = true
    return new StoredTable({ schema, numRows: writer.numRows, folder, files, signal })
  } finally {
    await writer.close()
    if (!done) await folder.leave()
  }
}

/** Without a row, what the flow says of itself. */
async function emptySchema(
  source: Flow<RecordBatch>,
  columns: ReadonlySet<string> | undefined,
): Promise<Schema> {
  const schema = (await source.schema()) ?? new Schema([])
  return columns ? schemaWithoutHeavy(schema, columns) : schema
}
