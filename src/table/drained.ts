import { RecordBatch, Schema } from 'apache-arrow'
import { withoutHeavy } from '../batch/batch.ts'
import { schemaWithoutHeavy } from '../batch/schema.ts'
import { type Context, inLane } from '../flow/context.ts'
import { Barrier, type Control } from '../flow/control.ts'
import type { Flow } from '../flow/flow.ts'
import type { Slot } from '../flow/slot.ts'
import { failPoint } from '../run/fail-point.ts'
import type { Run } from '../run/run-state.ts'
import { inStage } from './stage-error.ts'
import { StoredTable } from './stored-table.ts'
import { TableFolder } from './table-folder.ts'
import { type TableState, TableWriter } from './table-writer.ts'

/** Where rows are drained to, and within what. */
export interface Draining {
  /** Name of the operator that needs them. */
  readonly stage: string
  /** Its slot. */
  readonly slot: Slot
  /** What the flow is read with. */
  readonly context: Context
  /**
   * Bytes for a block of each column.
   *
   * @default 67_108_864
   */
  readonly blocksBytes?: number
}

interface DrainState {
  readonly folder: string
  readonly table: TableState
}

/**
 * The rows of `source` as a table on disk, read once, to the end; `stage` is the operator that needs
 * them, whose slot has what is stored at a barrier. The caller closes the table. Heavy columns are
 * stored as far as `context.columns` names them. Holds less than one block of each column.
 * What is below it is read in a lane of its own, since it may be read elsewhere too.
 */
export async function* drained(
  source: Flow<RecordBatch>,
  { stage, slot, context, blocksBytes = 2 ** 26 }: Draining,
): AsyncGenerator<Control, StoredTable> {
  const { run, signal, columns } = context
  const from = slot.state as DrainState | undefined
  const folder = await inStage(stage, () =>
    from ? TableFolder.reopen(run as Run, from.folder) : TableFolder.create(run, slot.key),
  )
  const writer = new TableWriter(folder, { stage: 'rows', blocksBytes })
  let done = false
  try {
    if (from) await inStage(stage, () => writer.restore(from.table))
    slot.doing = 'waits'
    for await (const value of source.pull(inLane(context, slot.key))) {
      if (value instanceof RecordBatch) {
        slot.doing = 'writes'
        await inStage(stage, () => writer.push(withoutHeavy(value, columns)))
        slot.moves++
      } else {
        if (value instanceof Barrier) {
          slot.doing = 'saves'
          const table = await inStage(stage, () => writer.save())
          slot.save(value, { folder: folder.name, table } satisfies DrainState)
        }
        yield value
      }
      slot.doing = 'waits'
    }
    signal.throwIfAborted()
    const files = await inStage(stage, () => writer.finish())
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
