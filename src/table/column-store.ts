import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RecordBatch, Schema } from 'apache-arrow'
import type { OperatorFunction } from 'rxjs'
import { withoutHeavy } from '../batch/batch.ts'
import type { Context } from '../flow/context.ts'
import { Barrier, type Control, type Reject, Rejects } from '../flow/control.ts'
import { Flow, type FlowInfo, flowOf } from '../flow/flow.ts'
import { wanting } from '../flow/operate.ts'
import { schemaWithoutHeavy } from '../batch/schema.ts'
import { sharedTable } from './shared-table.ts'
import { StoredTable } from './stored-table.ts'
import { type TableState, TableWriter } from './table-writer.ts'

export { StoredTable } from './stored-table.ts'

/** Makes a table on disk; yields the control messages that pass meanwhile. The reader closes the table. */
export type MakeTable = (context: Context) => AsyncGenerator<Control, StoredTable>

/**
 * A flow whose rows lie in a table on disk before the first comes out. A blocking operator
 * behind it takes the table over and adds its columns; another reader gets wide batches. In a run the
 * table is made once, for all who read it at the same time.
 */
export class TableFlow extends Flow<RecordBatch> {
  /** Makes the table without reading it out. */
  readonly table: MakeTable

  constructor(make: MakeTable, info: FlowInfo) {
    super((context) => readOut(this.table, context), info)
    this.table = sharedTable(this, make)
  }
}

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
 * - Barriers: pass while the rows are drained, with what is stored as the operator's state.
 */
export function operateTable(spec: OperateTableSpec): OperatorFunction<RecordBatch, RecordBatch> {
  const { name, reads = [], schema, run, memoryBytes, settings } = spec
  return (source) => {
    const input = flowOf(source)
    const flow: TableFlow = new TableFlow(
      async function* (context) {
        const upstream = wanting(context, reads)
        const key = context.run?.key(flow, name) ?? name
        const table = yield* tableOf(input, upstream, key)
        try {
          const made = await schema(table.schema)
          const counts = context.run?.count(key)
          if (counts) counts.rowsIn = counts.rowsKept = table.numRows
          if (table.numRows === 0) return table.withSchema(made)
          return await table.append(run(table, context))
        } catch (error) {
          await table.close()
          throw error
        }
      },
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

/**
 * The rows of `source` as a table on disk: its own if it is a {@link TableFlow}, else drained into
 * one. The caller closes it. Heavy columns are stored as far as `context.columns` names them.
 * Barriers are handed to `pass`.
 */
export async function storedTable(
  source: Flow<RecordBatch>,
  context: Context,
  pass: (barrier: Barrier) => void | Promise<void> = () => undefined,
): Promise<StoredTable> {
  const making = tableOf(source, context, 'table')
  for (;;) {
    const { done, value } = await making.next()
    if (done) return value
    if (value instanceof Barrier) await pass(value)
  }
}

function tableOf(
  source: Flow<RecordBatch>,
  context: Context,
  key: string,
): AsyncGenerator<Control, StoredTable> {
  return source instanceof TableFlow ? source.table(context) : drain(source, context, key)
}

interface DrainState {
  readonly folder: string
  readonly table: TableState
  readonly rejects: readonly Reject[]
}

/** Reads a flow to its end, once. Holds less than one block of each column. */
async function* drain(
  source: Flow<RecordBatch>,
  context: Context,
  key: string,
): AsyncGenerator<Control, StoredTable> {
  const { run, signal, columns } = context
  const restored = run?.restored(key) as DrainState | undefined
  const parent = run ? await run.folder() : tmpdir()
  const folder = restored?.folder ?? (await mkdtemp(join(parent, 'millrace-table-')))
  const rejects: Reject[] = [...(restored?.rejects ?? [])]
  const writer = new TableWriter(folder)
  let keep = false
  try {
    if (restored) await writer.restore(restored.table)
    for await (const value of source.pull(context)) {
      if (value instanceof RecordBatch) await writer.push(withoutHeavy(value, columns))
      else if (value instanceof Rejects) rejects.push(...value.rows)
      else if (value instanceof Barrier) {
        const state: DrainState = { folder, table: await writer.save(), rejects: [...rejects] }
        value.states.set(key, state)
        // From here on a checkpoint may point to the files: the run removes them.
        keep = run !== undefined
        yield value
      } else yield value
    }
    signal.throwIfAborted()
    const files = await writer.finish()
    const schema = writer.schema ?? (await emptySchema(source, columns))
    keep = true
    const { numRows } = writer
    const own = { path: folder, readers: 1 }
    return new StoredTable({ schema, numRows, rejects, folder: own, files, signal })
  } finally {
    await writer.close()
    if (!keep) await rm(folder, { recursive: true, force: true })
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

async function* readOut(make: MakeTable, context: Context): AsyncGenerator<RecordBatch | Control> {
  const table = yield* make(context)
  try {
    if (table.rejects.length > 0) yield new Rejects(table.rejects)
    const { columns } = context
    const schema = columns ? schemaWithoutHeavy(table.schema, columns) : table.schema
    yield* table.read(schema.names.map(String))
  } finally {
    await table.close()
  }
}
